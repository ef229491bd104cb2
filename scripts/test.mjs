// Runs every test: all *.test.ts beside the code, with Node's own runner, each file in a process of its own. Arguments narrow
// it down to files whose path holds one of them: `npm test -- merkle station`.
import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A file's packages that start whole processes run first: what runs beside the last file is then short. */
const longestFirst = ['lab', 'imprint', 'station', 'authority', 'sim', 'contract'];
const rankOf = (file) => longestFirst.indexOf(file.split('/')[1]);

const words = process.argv.slice(2);
const files = globSync('packages/*/{src,bench}/**/*.test.ts', { cwd: root })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
if (files.length === 0) {
  process.stderr.write(`no test file holds ${words.join(' or ')} in its path\n`);
  process.exit(1);
}

run({
  files,
  cwd: root,
  concurrency: 2,
  timeout: 300_000,
  execArgv: [`--import=${new URL('light-hooks.mjs', import.meta.url)}`],
  // what some hundred processes load is compiled once; beside what npm has installed, as the lab keeps it
  env: { NODE_COMPILE_CACHE: `${root}node_modules/.cache/imprint-lab/compiled`, ...process.env },
})
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);
