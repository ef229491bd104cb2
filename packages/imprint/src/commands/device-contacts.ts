/** `imprint device contacts`: who was heard of last, and who was turned away. */
import { type ContactList, listContacts } from '@imprint/authority/registry/contacts';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { wholeNumber } from '../parse-option.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface ContactOptions {
  home: string;
  limit: string;
  json?: boolean;
}

/** Adds `device contacts`. */
export function addDeviceContactsCommand(device: Command): void {
  device
    .command('contacts')
    .description('list which devices were turned away and which were heard of last, the newest first')
    .argument('[device]', 'of this device alone')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--limit <n>', 'rows of each list', '50')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint device contacts --home ./authority')
    .action((deviceId: string | undefined, options: ContactOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const limit = wholeNumber('--limit', options.limit, 1, limits.pageRows);
        const list = await listContacts(ledger.reader, { deviceId, limit });
        const lines = contactLines(list);
        say(options, list, lines.length > 0 ? lines : ['No device was here yet.']);
      }),
    );
}

/** Two tables; what has no rows is left out. `-` is whoever showed a certificate that no device has. */
export function contactLines({ refused, seen }: ContactList): string[] {
  return [
    ...withHeading(
      ['TURNED AWAY', 'WHY', 'TIMES', 'SINCE', 'LAST', 'FROM', 'CERTIFICATE'],
      refused.map((row) => [
        row.device_id,
        row.kind,
        row.count,
        row.first_at,
        row.last_at,
        row.address,
        row.certificate_sha256.slice(0, 16),
      ]),
    ),
    ...(refused.length > 0 && seen.length > 0 ? [''] : []),
    ...withHeading(
      ['HEARD OF', 'LAST', 'FROM', 'CERTIFICATE'],
      seen.map((row) => [row.device_id, row.last_seen_at, row.address, row.certificate_sha256.slice(0, 16)]),
    ),
  ];
}

function withHeading(heading: string[], rows: (string | number)[][]): string[] {
  return rows.length === 0 ? [] : table([heading, ...rows]);
}
