/** `imprint migrate`: moves an authority's database from the file in its home into PostgreSQL. */
import type { Command } from 'commander';
import { type MigrationProgress, migrateAuthority } from '../migrate-authority.ts';
import { facts, say } from '../say.ts';

interface MigrateOptions {
  home: string;
  to: string;
  json?: boolean;
}

/** Adds the command `migrate`. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('move the database from the file in the home into PostgreSQL, and prove the copy')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--to <url>', 'an empty PostgreSQL database')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint migrate --home ./authority --to postgres://imprint@127.0.0.1/imprint',
    )
    .action(async (options: MigrateOptions) => {
      const isShown = process.stderr.isTTY && options.json !== true;
      const { size, root, retired } = await migrateAuthority(
        options.home,
        options.to,
        isShown ? showProgress : undefined,
      );
      if (isShown) process.stderr.write('\r\u001b[K');
      say(options, { ok: true, size, root, database: options.to, retired }, [
        `The authority in ${options.home} works on ${options.to} now.`,
        ...facts({ entries: size, root }),
        'The log has the same root there, and every table is what the log says.',
        `${retired} stays as it was and takes no more writes.`,
      ]);
    });
}

const showProgress: MigrationProgress = (what, done) => {
  process.stderr.write(`\r\u001b[K${what}: ${done}`);
};
