/** A real SoftHSM2 with tokens of its own, for one test file and the processes that it starts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenPlace } from './token-place.ts';

/** No more secret than the token, which lasts as long as the test. */
export const testPin = 'test-PIN-7319';
const securityOfficerPin = 'test-SO-PIN-2048';
export const readTestPin = async () => Buffer.from(testPin);

export interface SoftHsm {
  /** Of this test alone, for whatever it needs; it goes with the tokens. */
  readonly folder: string;
  readonly module: string;
  /** A new token with the user PIN {@link testPin}. */
  addToken(label: string): TokenPlace;
  /** What `pkcs11-tool` prints, logged in to the token: another program's view of it. */
  tool(place: TokenPlace, ...options: string[]): string;
  remove(): void;
}

/** From here on this process and its children see these tokens and no others. */
export function startSoftHsm(): SoftHsm {
  const module = libraryPaths.find(existsSync);
  assert.ok(module, 'the library of SoftHSM2 is missing: install the package softhsm2');
  const folder = mkdtempSync(join(tmpdir(), 'softhsm-'));
  const tokens = join(folder, 'tokens');
  mkdirSync(tokens, { mode: 0o700 });
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  process.env.SOFTHSM2_CONF = configuration;
  return {
    folder,
    module,
    addToken: (label) => {
      const pins = ['--pin', testPin, '--so-pin', securityOfficerPin];
      run('softhsm2', 'softhsm2-util', '--init-token', '--free', '--label', label, ...pins);
      return { module, token: label };
    },
    tool: (place, ...options) =>
      run(
        'opensc',
        ...['pkcs11-tool', '--module', module, '--token-label', place.token],
        ...['--login', '--pin', testPin, ...options],
      ),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Debian's place, those of other distributions, and Homebrew's. */
const libraryPaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

function run(debianPackage: string, program: string, ...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.ifError(
    error && new Error(`${program} does not start: install the package ${debianPackage}`, { cause: error }),
  );
  assert.equal(status, 0, `${program} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}
