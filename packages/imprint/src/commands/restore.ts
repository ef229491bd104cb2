/** `imprint restore`: a home from a backup, held until it is known that its log is the newest there was; and its release. */
import type { Command } from 'commander';
import { addIdentityOptions } from '../act-as.ts';
import { collect } from '../parse-option.ts';
import { progressLine } from '../progress-line.ts';
import { lostEntries } from '../restore/bring-up-to.ts';
import { type ReleaseOptions, releaseHome } from '../restore/release.ts';
import { type RestoreOptions, restoreBackup } from '../restore/restore-backup.ts';
import { facts, plain, say } from '../say.ts';

type Printing<T> = T & { json?: boolean };

/** Adds `restore` and `restore release`. */
export function addRestoreCommands(program: Command): void {
  const restore = program
    .command('restore')
    .description('make a home from a backup; it only reads until it is released')
    // release has options of the same names
    .enablePositionalOptions()
    .option('--from <dir>', 'the backup')
    .option('--home <dir>', 'a new folder')
    .option('--keys <dir>', 'the folder of the keys, as it was backed up apart')
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600')
    .option('--pin-file <file>', 'PIN of the token that holds a key, mode 0600');
  withEvidence(restore)
    .addHelpText(
      'after',
      `
A log that was put back must not go on before it is known that nothing later was signed: a station that has seen more
would find two histories. Collect checkpoints (imprint station checkpoint, the witness's file, the newest receipts) and
give them here or to imprint restore release.

Examples:
  imprint restore --from /backup/2026-11-30 --home ./authority --keys /safe/keys --checkpoint st-1.note
  imprint restore release --home ./authority --checkpoint witness/checkpoint --witness-key witness/witness.pub`,
    )
    .action(async (options: Printing<RestoreOptions>, command: Command) => {
      // not requiredOption: release would ask for them too
      for (const name of ['from', 'home', 'keys'] as const) {
        if (options[name] === undefined)
          command.error(`error: required option '--${name} <dir>' not specified`);
      }
      await makeRestored(options);
    });
  const release = addIdentityOptions(restore.command('release'))
    .description(
      'let a restored authority write and sign, where it continues every checkpoint that is known of',
    )
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--nothing-later', 'say that no checkpoint was signed after the backup (needs --reason)')
    .option('--reason <text>', 'why; it stands in the log under your name');
  withEvidence(release)
    .addHelpText(
      'after',
      `
Examples:
  imprint restore release --home ./authority --checkpoint st-1.note --checkpoint newest-receipt.json
  imprint restore release --home ./authority --checkpoint st-1.note --entries lost-machine.jsonl
  imprint restore release --home ./authority --nothing-later --reason "no station has run since the backup"`,
    )
    .action(letGo);
}

/** What both take. */
function withEvidence(command: Command): Command {
  return command
    .option(
      '--checkpoint <file>',
      'a checkpoint from elsewhere, or a receipt, that the log must continue; may be repeated',
      collect,
    )
    .option(
      '--witness-key <file>',
      'verifier key of a witness that must have cosigned each of these checkpoints',
    )
    .option(
      '--entries <file>',
      'entries after the backup (imprint audit export, imprint backup entries); may be repeated',
      collect,
    )
    .option('--json', 'print one JSON object');
}

async function makeRestored(options: Printing<RestoreOptions>): Promise<void> {
  const line = progressLine(options);
  const { held, newest } = await restoreBackup(options, line.show);
  line.clear();
  const { size, root, brought, backup_at } = held;
  const missing = newest !== undefined && newest.size > size ? lostEntries(size, newest) : undefined;
  say(
    options,
    {
      home: options.home,
      held: true,
      size,
      root,
      backup_at,
      brought,
      newest: newest?.size ?? null,
      missing: missing?.message ?? null,
    },
    [
      `The authority is restored in ${options.home}. It is held: it reads, and neither writes nor signs.`,
      ...facts({
        entries: size,
        root,
        backup: backup_at,
        brought: brought || null,
        checkpoints: held.checkpoints.length,
      }),
      missing === undefined
        ? 'Hold it against the newest checkpoints of stations and witnesses: imprint restore release.'
        : `It cannot be released as it is: ${plain(missing.message)}. ${missing.hint}`,
    ],
  );
}

async function letGo(options: Printing<ReleaseOptions>): Promise<void> {
  const line = progressLine(options);
  const restored = await releaseHome(options, (done) => line.show('taking up entries', done));
  line.clear();
  say(options, { home: options.home, held: false, ...restored }, [
    `The authority in ${options.home} is released. Start it anew: imprint serve.`,
    ...facts({
      entries: restored.size,
      root: restored.root,
      checkpoints: restored.evidence.length,
      brought: restored.brought || null,
    }),
    restored.evidence.length === 0
      ? 'No checkpoint vouches for it. Whoever holds a later one will find that this log contradicts it.'
      : 'It continues every checkpoint that was given. That it was restored stands in its log.',
  ]);
}
