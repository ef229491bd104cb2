/** `imprint audit`: verifies the log, proves what is in it, replays it, exports it, and watches it. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { exportDevices, exportEntries } from '@imprint/authority/audit/export';
import type { Finding } from '@imprint/authority/audit/finding';
import { proveDevice } from '@imprint/authority/audit/prove';
import { replay } from '@imprint/authority/audit/replay';
import { verifyLog } from '@imprint/authority/audit/verify';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import type { Storage } from '@imprint/authority/storage/storage';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { parseWitnessKey, verifyCosignature } from '@imprint/contract/audit/cosignature';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { collect } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { facts, plain, say } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { addWatchCommand } from './audit-watch.ts';

interface AuditOptions {
  home: string;
  json?: boolean;
  passphraseFile?: string;
  pinFile?: string;
}

/** Adds `audit verify|prove|replay|export|watch`. */
export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('the audit log: verify, prove, replay, export, watch');

  audit
    .command('verify')
    .description('compute every hash, tile and table anew from the entries, and name each row that is wrong')
    .requiredOption('--home <dir>', "the authority's folder")
    .option(
      '--checkpoint <file>',
      'an earlier checkpoint that the log must continue; may be repeated',
      collect,
    )
    .option(
      '--witness-key <file>',
      'verifier key of a witness that must have cosigned each of these checkpoints',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint audit verify --home ./authority --checkpoint checkpoint-of-monday.txt',
    )
    .action(verify);

  audit
    .command('prove')
    .description('write the receipt of a device that is done')
    .argument('<device>', 'device ID')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--out <file>', 'where it goes (default: standard output)')
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600')
    .option('--pin-file <file>', 'PIN of the token that holds a key, mode 0600')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint audit prove SN-00012345 --home ./authority --out receipt.json',
    )
    .action((deviceId: string, options: AuditOptions & { out?: string }) =>
      withAuthority(options, async (authority) => {
        const { receipts } = await authority.unlock();
        const receipt = await proveDevice(receipts, deviceId);
        if (options.out === undefined) {
          process.stdout.write(`${receipt}\n`);
          return;
        }
        await writeOut(options.out, [`${receipt}\n`]);
        say(options, { device_id: deviceId, receipt: options.out }, [
          `The receipt of ${deviceId} stands in ${options.out}`,
          `Anybody checks it with: imprint receipt verify ${options.out} --log-key log.vkey --root root.pem`,
        ]);
      }),
    );

  audit
    .command('replay')
    .description('rebuild the registry from the entries alone and compare it, row by row')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint audit replay --home ./authority')
    .action((options: AuditOptions) =>
      withAuthority(options, async ({ storage, configuration }) => {
        const report = await withSnapshot(storage, (reader) => replay(reader, configuration.realm));
        const ok = report.differences === 0;
        say(options, { ok, ...report }, [
          ...findingLines(report.findings, report.differences),
          ok
            ? `${report.entries} entries replayed: every table is what the log says.`
            : `${report.entries} entries replayed: ${report.differences} differences.`,
        ]);
        if (!ok) throw new ExitCode(1);
      }),
    );

  audit
    .command('export')
    .description('export the log as JSON lines, or the devices as CSV')
    .addOption(
      new Option('--what <what>', 'what to export').choices(['entries', 'devices']).default('entries'),
    )
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--out <file>', 'where it goes, mode 0600 (default: standard output)')
    .option('--json', 'with --out: print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint audit export --home ./authority --what devices --out devices.csv',
    )
    .action((options: AuditOptions & { what: 'entries' | 'devices'; out?: string }) =>
      withAuthority(options, async ({ storage }) => {
        await withSnapshot(storage, (reader) =>
          writeOut(options.out, options.what === 'entries' ? exportEntries(reader) : exportDevices(reader)),
        );
        if (options.out !== undefined) {
          say(options, { what: options.what, file: options.out }, [
            `${options.what} stand in ${options.out}`,
          ]);
        }
      }),
    );

  addWatchCommand(audit);
}

/** Before the log is read: what the engine cannot read is no matter of rows. @throws storage_failed */
async function requireReadable(storage: Storage): Promise<void> {
  const damage = await storage.damage();
  if (damage === null) return;
  throw new ImprintError('storage_failed', `the database itself is damaged: ${damage}`, {
    hint: 'Stop the authority and keep the file as it is. Restore the newest backup beside it, and verify that one against the checkpoints of stations and witnesses.',
  });
}

function verify(options: AuditOptions & { checkpoint?: string[]; witnessKey?: string }): Promise<void> {
  return withAuthority(options, async ({ storage, configuration, logKey }) => {
    const texts = (options.checkpoint ?? []).map((file) => readBoundedFile(file, limits.noteBytes));
    if (options.witnessKey !== undefined) requireCosigned(texts, options.witnessKey);
    await requireReadable(storage);
    const showProgress = process.stderr.isTTY && options.json !== true;
    const report = await withSnapshot(storage, (reader) =>
      verifyLog(reader, {
        realm: configuration.realm,
        earlier: { texts, key: logKey },
        ...(showProgress
          ? { onProgress: (entries: number) => process.stderr.write(`\r${entries} entries read`) }
          : {}),
      }),
    );
    if (showProgress) process.stderr.write('\r\u001b[K');
    say(options, { ...report, checkpoints: texts.length }, [
      ...findingLines(report.findings, report.problems),
      ...facts({ entries: report.size, root: report.root, 'earlier checkpoints': texts.length }),
      report.ok
        ? 'The log is whole, and the registry is what it says.'
        : `${report.problems} problems. Keep the database as it is, and stop issuing.`,
    ]);
    if (!report.ok) throw new ExitCode(1);
  });
}

/** @throws usage without a checkpoint; checkpoint_invalid, signature_wrong for one that the witness did not cosign */
function requireCosigned(texts: readonly string[], keyFile: string): void {
  if (texts.length === 0) {
    throw new ImprintError('usage', '--witness-key needs a checkpoint that the witness cosigned', {
      hint: 'Give its file with --checkpoint.',
    });
  }
  const key = parseWitnessKey(readBoundedFile(keyFile, limits.noteBytes).trim());
  for (const text of texts) verifyCosignature(parseCheckpoint(text), key);
}

function findingLines(findings: readonly Finding[], total: number): string[] {
  const lines = findings.map(({ table, row, column, what }) =>
    plain(`${[table, row, column].filter((part) => part !== undefined && part !== '').join(' ')}: ${what}`),
  );
  if (total > findings.length) lines.push(`… and ${total - findings.length} more`);
  return lines.length === 0 ? [] : [...lines, ''];
}

/** To a new file that others may not read, or to standard output. */
async function writeOut(
  out: string | undefined,
  text: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  if (out === undefined) {
    try {
      await pipeline(Readable.from(text), process.stdout, { end: false });
    } catch (error) {
      // whoever reads, such as head, has seen enough
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    }
    return;
  }
  try {
    await pipeline(Readable.from(text), createWriteStream(out, { mode: 0o600, flags: 'wx', flush: true }));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw new ImprintError('file_invalid', `${out} cannot be written: ${(cause as Error).message}`, {
      hint: 'Name a new file in a folder that is yours to write.',
      cause,
    });
  }
}
