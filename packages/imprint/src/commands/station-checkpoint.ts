/** `imprint station checkpoint`: what a station remembers of the log, for whoever asks whether the log was put back or rewritten. */
import { existsSync } from 'node:fs';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { openStationHome } from '@imprint/station/station-home';
import { rememberedLog } from '@imprint/station/station-session';
import type { Command } from 'commander';
import { openJournalToLook } from '../open-journal-to-look.ts';

/** Adds `checkpoint` to `station`. */
export function addStationCheckpointCommand(station: Command): void {
  station
    .command('checkpoint')
    .description('print the checkpoint of the log that this station remembers (while it does not run)')
    .requiredOption('--home <dir>', "the station's folder")
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The authority's log must continue it: imprint audit verify --home DIR --checkpoint st-1.note
On standard error stands how long the log was when it last vouched for a unit of this station: no log may be shorter.

Example:
  imprint station checkpoint --home ./station > st-1.note`,
    )
    .action(print);
}

function print(options: { home: string; json?: boolean }): void {
  const { journalPath, settings } = openStationHome(options.home);
  if (!existsSync(journalPath)) throw rememberNothing();
  const journal = openJournalToLook(journalPath);
  try {
    const remembered = rememberedLog(journal);
    if (remembered === undefined) throw rememberNothing();
    const { checkpoint, logSize } = remembered;
    const { origin, size, root } = parseCheckpoint(checkpoint);
    if (options.json) {
      const facts = { station_id: settings.station_id, origin, size, root: toHex(root), log_size: logSize };
      process.stdout.write(`${JSON.stringify({ ...facts, checkpoint })}\n`);
      return;
    }
    process.stdout.write(checkpoint);
    process.stderr.write(
      `Of the last session of ${settings.station_id}, size ${size}; the log has had size ${logSize} since then.\n`,
    );
  } finally {
    journal.close();
  }
}

function rememberNothing(): ImprintError {
  return new ImprintError('file_invalid', 'this station remembers no checkpoint', {
    hint: 'It gets its first one when it opens a session: imprint station run.',
  });
}
