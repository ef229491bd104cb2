/** `imprint operator`: people who work on the line. A badge is read from a file or from standard input, never from the arguments. */
import { createInterface } from 'node:readline';
import { listOperators, registerOperator } from '@imprint/authority/registry/operators';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { actAs, addIdentityOptions } from '../act-as.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface HomeOptions {
  home: string;
  passphraseFile?: string;
  pinFile?: string;
  json?: boolean;
}

/** Adds `operator register|list`. */
export function addOperatorCommands(program: Command): void {
  const operator = program.command('operator').description('people who work on the line');

  addIdentityOptions(operator.command('register'))
    .description('register a person by a scan of their badge; the log names them by a pseudonym only')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--name <name>', 'name of the person; it stays out of the log')
    .option('--badge-file <file>', 'file with the badge as the reader types it (default: scan it now)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint operator register --home ./authority --name "Ada L."')
    .action((options: HomeOptions & { name: string; badgeFile?: string }) =>
      actAs(options, 'operator.manage', async ({ entropy, unlock }, { ledger, person }) => {
        const { line } = await unlock();
        const badge = options.badgeFile === undefined ? await scannedBadge() : badgeOf(options.badgeFile);
        const registered = await registerOperator(
          ledger,
          entropy,
          person,
          { name: options.name, badge },
          line.badgeHash,
        );
        say(options, registered, [`${options.name} is registered; the log knows ${registered.operator_id}.`]);
      }),
    );

  operator
    .command('list')
    .description('list operators with their pseudonyms')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint operator list --home ./authority')
    .action((options: HomeOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const operators = await listOperators(ledger.reader);
        const rows = operators.map((row) => [row.operator_id, row.name, row.registered_at]);
        say(
          options,
          { operators },
          rows.length === 0
            ? ['No operator is registered yet: imprint operator register']
            : table([['OPERATOR', 'NAME', 'REGISTERED'], ...rows]),
        );
      }),
    );
}

function badgeOf(file: string): string {
  return readBoundedFile(file, limits.scanBytes).trim();
}

/** One line from standard input, as a badge reader types it. */
async function scannedBadge(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Scan the badge: ');
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of lines) {
      if (line.length > limits.scanBytes) break;
      return line.trim();
    }
  } finally {
    lines.close();
    process.stdin.destroy();
  }
  throw new ImprintError('usage', 'no badge was scanned', {
    hint: 'Scan it once, or name a file with --badge-file.',
  });
}
