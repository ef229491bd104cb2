/** What leaves the authority as files: the log as JSON lines, the devices as CSV whose cells no spreadsheet runs as a formula. */
import { fromUtf8, toUtf8 } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import type { RecordedEntry } from '../ledger/take-up-entries.ts';
import { columnsOf } from '../storage/schema.ts';
import type { Tables } from '../storage/tables.ts';
import { logEntries, type StoredEntry } from './log-entries.ts';

/** A line an entry: its index, and the entry as the log hashes it, byte for byte. */
export async function* exportEntries(reader: Kysely<Tables>): AsyncGenerator<string> {
  for await (const row of logEntries(reader)) yield entryLine(row);
}

/** An entry as a line of JSON, its newline included. */
export function entryLine({ log_index, bytes }: Pick<StoredEntry, 'log_index' | 'bytes'>): string {
  return `{"index":${log_index},"entry":${fromUtf8(bytes, 'entry_invalid')}}\n`;
}

/** The longest line of {@link entryLine}, bytes. */
export const entryLineBytes = limits.logEntryBytes + 100;

/** Reads a line of {@link entryLine}, without its newline; undefined for any other. Whether the bytes are an entry is not judged. */
export function parseEntryLine(line: string): RecordedEntry | undefined {
  const match = /^\{"index":(0|[1-9][0-9]{0,15}),"entry":(\{.*\})\}$/.exec(line);
  return match === null ? undefined : { index: Number(match[1]), bytes: toUtf8(match[2]!) };
}

const deviceColumns = columnsOf('device');
const certificateColumns = ['certificate_serial', 'certificate_sha256', 'issuer_sha256'];
const pageRows = 500;

/** A line a device in the order of their IDs (RFC 4180), after a line of column names. */
export async function* exportDevices(reader: Kysely<Tables>): AsyncGenerator<string> {
  yield csvLine([...deviceColumns, ...certificateColumns]);
  let after = '';
  for (;;) {
    const rows = await reader
      .selectFrom('device')
      .leftJoin('credential', (join) =>
        join
          .onRef('credential.device_id', '=', 'device.device_id')
          .on('credential.profile', '=', 'idevid')
          .on('credential.status', '=', 'active'),
      )
      .selectAll('device')
      .select([
        'credential.serial as certificate_serial',
        'credential.certificate_sha256 as certificate_sha256',
        'credential.issuer_sha256 as issuer_sha256',
      ])
      .where('device.device_id', '>', after)
      .orderBy('device.device_id')
      .limit(pageRows)
      .execute();
    for (const row of rows as Record<string, unknown>[]) {
      yield csvLine([...deviceColumns, ...certificateColumns].map((column) => row[column]));
    }
    if (rows.length < pageRows) return;
    after = rows.at(-1)!.device_id;
  }
}

/** One line of CSV (RFC 4180). */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}

/**
 * A cell that opens as the text it is: what a spreadsheet would take for a formula gets an apostrophe before it, and
 * every text is quoted. Numbers stay numbers.
 */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = String(value);
  // In some languages a spreadsheet takes the wide signs for the others.
  const safe = /^\s*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
