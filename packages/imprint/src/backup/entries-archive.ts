/**
 * An archive of the log's entries in one file of JSON lines, that grows after the log: what lies between the last backup and
 * the loss of a machine. It only ever appends, and it believes its own file no further than to the last whole line.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { entryLine, entryLineBytes, parseEntryLine } from '@imprint/authority/audit/export';
import { logEntries } from '@imprint/authority/audit/log-entries';
import type { RecordedEntry } from '@imprint/authority/ledger/take-up-entries';
import type { Tables } from '@imprint/authority/storage/tables';
import { leafHash } from '@imprint/contract/audit/merkle';
import { equalBytes, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import { syncToDisk } from '../sync-to-disk.ts';

const linesAtOnce = 1_000;

export class EntriesArchive {
  readonly #file: number;
  #next: number;

  /**
   * Opens the file, or makes it with mode 0600, and cuts off a last line that is not whole.
   * @throws file_invalid where it is no archive of this log
   */
  static async open(path: string, reader: Kysely<Tables>): Promise<EntriesArchive> {
    const isNew = !existsSync(path);
    let file: number;
    try {
      file = openSync(path, isNew ? 'wx+' : 'r+', 0o600);
    } catch (cause) {
      throw new ImprintError('file_invalid', `${path} cannot be written: ${(cause as Error).message}`, {
        hint: 'Name a file in a folder that is yours to write.',
        cause,
      });
    }
    try {
      if (isNew) syncToDisk(dirname(path));
      const last = lastLine(file, path);
      if (last === undefined) return new EntriesArchive(file, 0);
      await requireOwn(reader, last, path);
      return new EntriesArchive(file, last.index + 1);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  private constructor(file: number, next: number) {
    this.#file = file;
    this.#next = next;
  }

  /** Entries that it holds. */
  get size(): number {
    return this.#next;
  }

  /** Appends what the log has more; all of it is on the disk when this resolves. @returns how many */
  async catchUp(reader: Kysely<Tables>): Promise<number> {
    const begun = this.#next;
    let lines: string[] = [];
    for await (const row of logEntries(reader, this.#next)) {
      if (row.log_index !== this.#next) throw missing(this.#next);
      lines.push(entryLine(row));
      this.#next++;
      if (lines.length >= linesAtOnce) {
        this.#write(lines);
        lines = [];
      }
    }
    this.#write(lines);
    if (this.#next > begun) fsyncSync(this.#file);
    return this.#next - begun;
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(lines: readonly string[]): void {
    const bytes = toUtf8(lines.join(''));
    let at = 0;
    const end = fstatSync(this.#file).size;
    while (at < bytes.length) at += writeSync(this.#file, bytes, at, bytes.length - at, end + at);
  }
}

/** The last whole line; what follows it is cut off. */
function lastLine(file: number, path: string): RecordedEntry | undefined {
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, 2 * entryLineBytes));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const end = tail.lastIndexOf(0x0a);
  if (end < 0) {
    if (size > entryLineBytes) throw strange(path);
    ftruncateSync(file, 0);
    return undefined;
  }
  ftruncateSync(file, size - (tail.length - end - 1));
  const begin = end === 0 ? 0 : tail.lastIndexOf(0x0a, end - 1) + 1;
  const last = parseEntryLine(tail.toString('utf8', begin, end));
  if (last === undefined) throw strange(path);
  return last;
}

/** @throws file_invalid */
async function requireOwn(
  reader: Kysely<Tables>,
  { index, bytes }: RecordedEntry,
  path: string,
): Promise<void> {
  const row = await reader
    .selectFrom('log_entry')
    .select('leaf_hash')
    .where('log_index', '=', index)
    .executeTakeFirst();
  if (row === undefined || !equalBytes(row.leaf_hash, leafHash(bytes))) throw strange(path);
}

function strange(path: string): ImprintError {
  return new ImprintError('file_invalid', `${path} does not hold entries of this log`, {
    hint: 'Name a new file. If it is the archive of this log, the log is an older one than it was: keep the file, and run imprint audit verify against a checkpoint.',
  });
}

function missing(index: number): ImprintError {
  return new ImprintError('log_inconsistent', `entry ${index} of the log is missing`, {
    hint: 'Run imprint audit verify: it names every row that is wrong.',
  });
}
