/** `imprint backup`: everything of an authority but its keys, in one folder, taken while it works; and whether such a folder is whole. */
import { setTimeout as wait } from 'node:timers/promises';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { type ActingOptions, actAs, addIdentityOptions } from '../act-as.ts';
import type { Manifest } from '../backup/backup-folder.ts';
import { checkBackup } from '../backup/check-backup.ts';
import { EntriesArchive } from '../backup/entries-archive.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { progressLine } from '../progress-line.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { facts, say } from '../say.ts';
import { untilStopped } from '../until-stopped.ts';
import { withAuthority } from '../with-authority.ts';

const followEveryMs = 1_000;

interface BackupOptions extends ActingOptions {
  to: string;
}

interface CheckOptions {
  from: string;
  logKey?: string;
  json?: boolean;
}

/** Adds `backup`, `backup check` and `backup entries`. */
export function addBackupCommands(program: Command): void {
  const backup = addIdentityOptions(program.command('backup'))
    .description('copy everything but the keys into one folder, while the authority works')
    // check has options of the same names
    .enablePositionalOptions()
    .option('--home <dir>', "the authority's folder")
    .option('--to <dir>', 'a new folder')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The folder holds the database, the configuration, the certificates and a signed checkpoint, and never a key: back the
folder of the keys up apart from it (docs/guide/backup.md). Where people have accounts it takes the permission log.backup: of an
account, or of an API token for a timer.

Examples:
  imprint backup --home ./authority --to /backup/2026-11-30
  imprint backup --home ./authority --to /backup/2026-11-30 --as-token /etc/imprint/backup.token
  imprint backup check --from /backup/2026-11-30`,
    )
    .action((options: BackupOptions, command: Command) => {
      // not requiredOption: check would ask for them too
      for (const name of ['home', 'to'] as const) {
        if (options[name] === undefined)
          command.error(`error: required option '--${name} <dir>' not specified`);
      }
      return make(options);
    });
  backup
    .command('check')
    .description('verify a backup without restoring it: hashes, signature, and the root over the entries')
    .requiredOption('--from <dir>', 'the folder of the backup')
    .option('--log-key <file>', "the log's verifier key from elsewhere (default: the one in the backup)")
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
It does not rebuild the registry from the log: imprint restore does, and imprint audit verify on the restored home.

Example:
  imprint backup check --from /backup/2026-11-30 --log-key log.vkey`,
    )
    .action(check);
  backup
    .command('entries')
    .description('keep the entries of the log in a file elsewhere, for what comes after the last backup')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--to <file>', 'appended to; made with mode 0600 where it is not there')
    .option('--follow', 'go on until it is stopped, and look for new entries every second')
    .option('--json', 'print one JSON object, with --follow one for each time that something was added')
    .addHelpText(
      'after',
      `
It holds what the factory makes: keep it as safe as a backup, on another machine's disk. imprint restore takes it (--entries).

Example:
  imprint backup entries --home ./authority --to /mnt/other/entries.jsonl --follow`,
    )
    .action(keepEntries);
}

interface EntriesOptions {
  home: string;
  to: string;
  follow?: boolean;
  json?: boolean;
}

async function keepEntries(options: EntriesOptions): Promise<void> {
  const stop = new AbortController();
  if (options.follow) void untilStopped().then(() => stop.abort());
  await withAuthority(options, async ({ storage }) => {
    const archive = await EntriesArchive.open(options.to, storage.reader);
    const tell = (added: number) =>
      say(options, { file: options.to, added, size: archive.size }, [
        `${added} entries were added to ${options.to}, which holds ${archive.size} now.`,
      ]);
    try {
      tell(await archive.catchUp(storage.reader));
      while (options.follow && !stop.signal.aborted) {
        await wait(followEveryMs, undefined, { signal: stop.signal }).catch(() => undefined);
        const added = await archive.catchUp(storage.reader);
        if (added > 0) tell(added);
      }
    } finally {
      archive.close();
    }
  });
}

async function make(options: BackupOptions): Promise<void> {
  const line = progressLine(options);
  let made: Manifest | undefined;
  await actAs(options, 'log.backup', async (authority) => {
    made = await makeBackup(authority, options.to, line.show);
  });
  line.clear();
  const { size, root, made_at, files } = made!;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  say(options, { backup: options.to, made_at, size, root, bytes }, [
    `The backup stands in ${options.to}.`,
    ...facts({ entries: size, root, bytes, made: made_at }),
    'It holds no key: back up the folder of the keys apart from it.',
  ]);
}

async function check(options: CheckOptions): Promise<void> {
  const pinned =
    options.logKey === undefined
      ? undefined
      : parseVerifierKey(readBoundedFile(options.logKey, limits.noteBytes).trim());
  const line = progressLine(options);
  const { manifest, logKey, checkpoint } = await checkBackup(options.from, pinned, line.show);
  line.clear();
  say(
    options,
    {
      ok: true,
      backup: options.from,
      made_at: manifest.made_at,
      realm: manifest.realm,
      origin: logKey.name,
      size: checkpoint.size,
      root: manifest.root,
    },
    [
      `The backup in ${options.from} is whole.`,
      ...facts({
        log: logKey.name,
        realm: manifest.realm,
        entries: checkpoint.size,
        root: manifest.root,
        made: manifest.made_at,
      }),
      pinned === undefined
        ? 'The signature was verified under the key that lies in the backup; give --log-key to pin it.'
        : 'The signature was verified under the key that you gave.',
    ],
  );
}
