/** `imprint receipt verify`: checks a receipt offline, with nothing but the log's public key and the realm's root. */
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { realmName } from '@imprint/contract/audit/entry';
import { verifyReceipt } from '@imprint/contract/audit/receipt';
import type { ReceiptSummary, Voucher } from '@imprint/contract/audit/receipt-summary';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { readCertificateFile } from '../authority-home.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { facts, say, table } from '../say.ts';

interface VerifyOptions {
  logKey: string;
  root: string;
  realm?: 'dev' | 'test' | 'prod';
  json?: boolean;
}

/** Adds `receipt verify`. */
export function addReceiptCommands(program: Command): void {
  const receipt = program.command('receipt').description('receipts of finished units');

  receipt
    .command('verify')
    .description('verify a receipt offline, and say what it proves on whose word')
    .argument('<file>', 'the receipt')
    .requiredOption('--log-key <file>', "the log's verifier key (log.vkey)")
    .requiredOption('--root <file>', "the realm's root certificate, PEM (root.pem)")
    .addOption(
      new Option('--realm <realm>', 'refuse a receipt of another realm').choices([...realmName.options]),
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint receipt verify receipt.json --log-key certificates/log.vkey --root certificates/root.pem',
    )
    .action((file: string, options: VerifyOptions) => {
      const summary = verifyReceipt(readBoundedFile(file, limits.receiptBytes + 1), {
        logKey: parseVerifierKey(readBoundedFile(options.logKey, limits.noteBytes).trim()),
        rootDer: readCertificateFile(options.root),
        ...(options.realm === undefined ? {} : { expectedRealm: options.realm }),
      });
      say(options, { ok: true, ...summary }, summaryLines(summary));
    });
}

const onWordOf: Record<Voucher, string> = {
  device: 'THE DEVICE SIGNED',
  authority: 'THE AUTHORITY VERIFIED OR DECIDED',
  station: 'THE STATION REPORTED',
};

function summaryLines(summary: ReceiptSummary): string[] {
  const { log } = summary;
  return [
    `The receipt is good: ${summary.deviceId} was done at ${summary.completedAt}.`,
    '',
    ...facts({
      realm: summary.realm,
      product: `${summary.product}, ${summary.sku}, lot ${summary.lot}`,
      'hardware UID': hardwareUidText(summary.hardwareUid),
      assurance: summary.assurance,
      certificate: summary.fingerprints.certificate,
      'valid until': summary.notAfter,
      log: `${log.origin}, entry ${log.index} of ${log.size}`,
    }),
    ...(['device', 'authority', 'station'] as const).flatMap((by) => [
      '',
      ...table([
        [onWordOf[by], ''],
        ...summary.vouched.filter((item) => item.by === by).map(({ item, value }) => [`  ${item}`, value]),
      ]),
    ]),
    '',
    'A receipt says nothing of revocation, and nothing of what happened to the device since.',
  ];
}
