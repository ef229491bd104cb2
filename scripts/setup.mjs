// Brings a fresh clone to where the other scripts can run: npm's packages, with --with-hsm what speaks to HSMs, and with
// --for-tests that and the system's programs that tests need. Plain JavaScript without dependencies, for whatever Node is
// there (20 is enough).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPkcs11 } from './build-pkcs11.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = `${root}node_modules/.imprint-setup`;

/** Programs that tests run and files that they need, each with Debian's package that brings it. */
const programsForTests = [
  { program: 'openssl', package: 'openssl', why: 'the foreign judge of certificates and signatures' },
  { program: 'socat', package: 'socat', why: 'real pseudo-terminals for the serial link' },
  {
    program: 'cc',
    package: 'gcc',
    why: 'compiles the C header of a contract, and the faults of system calls',
  },
  {
    file: '/usr/include/stdio.h',
    package: 'libc6-dev',
    why: 'what the faults of system calls are compiled with',
  },
  {
    file: '/usr/bin/pg_ctlcluster',
    package: 'postgresql',
    why: 'the server that the second storage is tried on',
  },
  {
    program: 'faketime',
    package: 'faketime',
    why: 'a machine whose clock is wrong',
  },
  {
    file: '/usr/sbin/nginx',
    package: 'nginx-light',
    why: 'a foreign door that asks whether a device may pass',
  },
  { program: 'g++', package: 'g++', why: 'compiles pkcs11js, which speaks to HSMs' },
  { program: 'softhsm2-util', package: 'softhsm2', why: 'the HSM that keys in tokens are tried on' },
  { program: 'pki', package: 'strongswan-pki', why: 'an EST client that others wrote' },
  {
    file: '/usr/lib/ipsec/plugins/libstrongswan-openssl.so',
    package: 'libstrongswan-standard-plugins',
    why: 'the curves of that client',
  },
  { program: 'curl', package: 'curl', why: 'EST by hand' },
  { program: 'pkcs11-tool', package: 'opensc', why: 'the foreign judge of keys in tokens' },
];

const say = (text) => process.stderr.write(`setup: ${text}\n`);

function installNpmPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(`${root}package-lock.json`))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing npm packages (about 15 seconds)');
  // an older npm heeds no allowScripts and would compile whatever can be: only what is named there runs, with every npm
  const { allowScripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name] === true);
  for (const words of [
    ['ci', '--ignore-scripts'],
    ['rebuild', ...allowed],
  ]) {
    const npm = spawnSync('npm', [...words, '--no-fund', '--no-audit', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', words[0] === 'ci' ? 'inherit' : 'ignore', 'inherit'],
    });
    if (npm.status === 0) continue;
    say(`npm ${words[0]} failed; its message stands above`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

const isThere = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
// elsewhere a compiler brings the C library's headers with it
const isDebian = existsSync('/etc/debian_version');
const isMissing = ({ program, file }) =>
  file === undefined ? !isThere(program) : isDebian && !existsSync(file);

function installProgramsForTests() {
  const missing = programsForTests.filter(isMissing);
  if (missing.length === 0) return;
  for (const { program, file, package: name, why } of missing)
    say(`${program ?? file} is missing (package ${name}): ${why}`);
  const names = missing.map((one) => one.package);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const run = (...command) =>
    spawnSync(command[0], command.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const managers = [
    {
      program: 'apt-get',
      refresh: ['update', '-q'],
      install: ['install', '-y', '-q', '--no-install-recommends'],
    },
    { program: 'dnf', install: ['install', '-y'] },
    { program: 'apk', install: ['add'] },
    { program: 'brew', install: ['install'] },
  ];
  const manager = managers.find(({ program }) => isThere(program));
  if (manager) {
    const prefix = manager.program === 'brew' ? [] : asRoot;
    say(`installing ${names.join(', ')} with ${manager.program}`);
    if (manager.refresh) run(...prefix, manager.program, ...manager.refresh);
    if (run(...prefix, manager.program, ...manager.install, ...names) && !missing.some(isMissing)) return;
  }
  for (const { program, file, package: name } of missing.filter(isMissing)) {
    say(`cannot install ${program ?? file}: install the package ${name} and run this again`);
  }
  process.exit(1);
}

// installing anew takes away what was compiled; whoever had it wants it again
const hadHsm = existsSync(`${root}node_modules/pkcs11js/build/Release/pkcs11.node`);
installNpmPackages();
const forTests = process.argv.includes('--for-tests');
if (forTests) installProgramsForTests();
if (forTests || hadHsm || process.argv.includes('--with-hsm')) {
  const failure = buildPkcs11(root, say);
  if (failure !== undefined) {
    say(failure);
    process.exit(1);
  }
}
