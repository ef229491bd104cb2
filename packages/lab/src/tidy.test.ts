/** Rules of the repository that no compiler keeps: who may import whom, how long a file may be, and what comes only from outside. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../', import.meta.url));
const longestFile = 350;

/** Which of our packages each may import. What is not named here may import none. */
const imports: Record<string, readonly string[]> = {
  contract: [],
  device: ['contract'],
  sim: ['contract'],
  station: ['contract'],
  authority: ['contract'],
  imprint: ['contract', 'device', 'sim', 'station', 'authority'],
  lab: ['contract', 'device', 'sim', 'station', 'authority', 'imprint'],
};

/** Inside the authority a folder imports its own rank and those below: http, then what decides, then the ledger, then ports. */
const ranks: Record<string, number> = {
  http: 3,
  jobs: 2,
  stations: 2,
  registry: 2,
  configuration: 2,
  lifecycle: 2,
  onboarding: 2,
  revocation: 2,
  compromise: 2,
  audit: 2,
  issuing: 2,
  access: 2,
  trust: 2,
  clock: 1,
  ledger: 1,
  storage: 0,
  signer: 0,
};

const adapters = [
  'authority/src/storage/sqlite/',
  'authority/src/storage/postgres/',
  'authority/src/signer/software.ts',
  'authority/src/signer/pkcs11/',
];

/** Who names an adapter though it is neither a test nor the command line, and why that is right. */
const adaptersNamedBy: Record<string, string> = {
  'authority/src/audit/rebuilding.ts':
    'rebuilds the tables in a database of its own, whatever engine holds the live ones',
  'authority/src/audit/rebuilding-beside.ts': 'reads what the thread beside it has rebuilt so',
};

/** Files that are long because they are one list, or one grammar, that reads worse in pieces. */
const longFiles: Record<string, string> = {
  'authority/src/storage/schema.ts': 'every table, key and index',
  'authority/src/storage/tables.ts': 'every column, with its meaning',
  'contract/src/x509/der.ts': 'one strict reader',
};

interface SourceFile {
  /** From `packages/` on, with slashes. */
  path: string;
  text: string;
  imported: string[];
}

function sourceFiles(): SourceFile[] {
  return readdirSync(packages)
    .filter((name) => Object.hasOwn(imports, name))
    .flatMap((name) =>
      readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readSource(join(packages, name, 'src', file))),
    );
}

function readSource(file: string): SourceFile {
  const path = relative(packages, file).replaceAll('\\', '/');
  const text = readFileSync(file, 'utf8');
  const named = [
    ...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm),
  ];
  const imported = named.map(([, from, bare, dynamic]) => resolved(path, (from ?? bare ?? dynamic)!));
  return { path, text, imported };
}

/** `node:fs`, `zod`, or a path from `packages/` on. */
function resolved(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(path), specifier)).replaceAll('\\', '/');
  const ours = /^@imprint\/([a-z]+)\/(.+)$/.exec(specifier);
  return ours ? `${ours[1]}/src/${ours[2]}.ts` : specifier;
}

const isTest = (path: string) => /\.(test|suite|test-kit|double)\.ts$/.test(path);
const packageOf = (path: string) => path.split('/')[0]!;
const files = sourceFiles();
const sources = files.filter(({ path }) => !isTest(path));

/** Everything that breaks a rule, at once, so that one run tells all. */
function noneBreaks(found: Iterable<string>): void {
  assert.deepEqual([...found], []);
}

function* importsWhere(
  from: readonly SourceFile[],
  breaks: (path: string, target: string) => boolean,
): Generator<string> {
  for (const { path, imported } of from) {
    for (const target of imported) if (breaks(path, target)) yield `${path} imports ${target}`;
  }
}

test('the rules see the files: every package, and each import of ours leads to a file', () => {
  assert.ok(sources.length > 150);
  const known = new Set(files.map(({ path }) => path));
  noneBreaks(
    importsWhere(
      files,
      (_, target) => /^[a-z]+\/src\//.test(target) && target.endsWith('.ts') && !known.has(target),
    ),
  );
});

test('a package imports only those that it may know', () => {
  const strangers = (path: string, target: string) => {
    if (!target.includes('/src/')) return false;
    const [own, other] = [packageOf(path), packageOf(target)];
    return other !== own && !imports[own]!.includes(other);
  };
  noneBreaks(importsWhere(sources, strangers));
});

test('the contract is pure: no module of Node', () => {
  const contract = sources.filter(({ path }) => packageOf(path) === 'contract');
  noneBreaks(importsWhere(contract, (_, target) => target.startsWith('node:')));
});

test('inside the authority nothing imports what stands above it', () => {
  const rankOf = (path: string) => ranks[path.split('/')[2]!];
  const upwards = (path: string, target: string) => {
    if (packageOf(target) !== 'authority') return false;
    const [own, other] = [rankOf(path), rankOf(target)];
    return other !== undefined && own !== undefined && other > own;
  };
  noneBreaks(
    importsWhere(
      sources.filter(({ path }) => packageOf(path) === 'authority'),
      upwards,
    ),
  );
});

test('every folder of the authority has its rank', () => {
  const folders = sources
    .filter(({ path }) => packageOf(path) === 'authority')
    .map(({ path }) => path.split('/'))
    .filter((parts) => parts.length > 3)
    .map((parts) => parts[2]!);
  noneBreaks(new Set(folders.filter((folder) => ranks[folder] === undefined)));
});

test('adapters are named by the command line, the lab and tests alone', () => {
  const isAdapter = (path: string) => adapters.some((adapter) => path.startsWith(adapter));
  const named = (path: string, target: string) =>
    isAdapter(target) &&
    !isAdapter(path) &&
    !['imprint', 'lab'].includes(packageOf(path)) &&
    adaptersNamedBy[path] === undefined;
  noneBreaks(importsWhere(sources, named));
  for (const path of Object.keys(adaptersNamedBy)) {
    const { imported } = sources.find((file) => file.path === path)!;
    assert.ok(imported.some(isAdapter), `${path} names no adapter any more`);
  }
});

test('what is shipped imports no double, test kit, suite or test', () => {
  // the lab is not shipped: its fuzzing stands on the kits of the tests
  noneBreaks(importsWhere(sources, (path, target) => packageOf(path) !== 'lab' && isTest(target)));
});

test('no file is long, save the few lists and grammars that are named', () => {
  const lengthOf = ({ text }: SourceFile) => text.trimEnd().split('\n').length;
  noneBreaks(
    sources
      .filter((file) => lengthOf(file) > longestFile && longFiles[file.path] === undefined)
      .map((file) => `${file.path} has ${lengthOf(file)} lines`),
  );
  for (const path of Object.keys(longFiles)) {
    const file = sources.find((one) => one.path === path);
    assert.ok(file !== undefined && lengthOf(file) > longestFile, `${path} is not long any more`);
  }
});

test('every file begins with what it guarantees', () => {
  noneBreaks(
    sources
      .filter(({ text }) => !/^(#![^\n]*\n)?\/\*\*/.test(text))
      .map(({ path }) => `${path} has no header`),
  );
});

test('clock and randomness are injected: contract, station and authority take neither from the machine', () => {
  const taken =
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\b|\brandomBytes\(|\brandomUUID\(|\bgetRandomValues\(/;
  noneBreaks(
    sources
      .filter(({ path }) => ['contract', 'station', 'authority'].includes(packageOf(path)))
      .filter(({ text }) => taken.test(text))
      .map(({ path }) => `${path} takes the machine's clock or generator`),
  );
});

test('no name says nothing: managers, helpers, utilities and services are called after what they do', () => {
  noneBreaks(
    sources
      .filter(({ path }) => /(^|[/-])(manager|helper|helpers|util|utils|service)(\.|-|\/)/.test(path))
      .map(({ path }) => path),
  );
});
