/** Entries in files of JSON lines, as `audit export` and `backup entries` write them. A line is an entry or an error; a last line that was cut off is neither. */
import { createReadStream } from 'node:fs';
import { entryLineBytes, parseEntryLine } from '@imprint/authority/audit/export';
import type { RecordedEntry } from '@imprint/authority/ledger/take-up-entries';
import { ImprintError } from '@imprint/contract/errors';

/** The entries of each file, one file after another. @throws file_invalid for a line that is none */
export async function* entriesIn(files: readonly string[]): AsyncGenerator<RecordedEntry> {
  for (const file of files) yield* entriesInOne(file);
}

async function* entriesInOne(file: string): AsyncGenerator<RecordedEntry> {
  let number = 0;
  for await (const line of linesOf(file)) {
    number++;
    const entry = parseEntryLine(line);
    if (entry === undefined) {
      throw new ImprintError('file_invalid', `${file}: line ${number} is no entry of a log`, {
        hint: 'Give the file as imprint audit export or imprint backup entries wrote it.',
      });
    }
    yield entry;
  }
}

/** Whole lines: what follows the last newline was cut off while it was written. @throws file_invalid */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const piece of createReadStream(file, { encoding: 'utf8' })) {
      const lines = (rest + (piece as string)).split('\n');
      rest = lines.pop()!;
      if (rest.length > entryLineBytes) throw new Error('it has a line that is too long for an entry');
      yield* lines;
    }
  } catch (cause) {
    if (cause instanceof ImprintError) throw cause;
    throw new ImprintError('file_invalid', `${file} cannot be read: ${(cause as Error).message}`, {
      hint: 'Check its name and your rights to it.',
      cause,
    });
  }
}
