/**
 * A file that names things: CSV (RFC 4180) with a column for them and, if wanted, `reason`, or one a line. Whatever is wrong is named
 * by its line, and then nothing of the file counts.
 */
import { ImprintError } from '@imprint/contract/errors';
import { type Finding, findingsError } from '@imprint/contract/finding';
import { limits } from '@imprint/contract/limits';
import { CsvError, parse } from 'csv-parse/sync';

/** A column by which a file may name things. */
export interface NamingColumn<Name extends string> {
  name: Name;
  /** What stands in it, such as "a device ID". */
  noun: string;
  isOne: (text: string) => boolean;
}

export interface ListedName<Name extends string> {
  column: Name;
  value: string;
  /** Its own reason; null where it has none. */
  reason: string | null;
}

const maxFindings = 50;
const rowBytes = 4_096;

interface Row {
  record: string[];
  info: { lines: number };
}

/**
 * @param columns the first that the file's first line names is read; where it names none, each line is one of the last
 * @throws file_invalid: `file:line:column: message`, all of it in `context.findings`; request_too_large
 */
export function parseListFile<Name extends string>(
  text: string,
  fileName: string,
  columns: readonly [...NamingColumn<Name>[], NamingColumn<Name>],
): ListedName<Name>[] {
  if (Buffer.byteLength(text) > limits.transitionListBytes) {
    throw new ImprintError('request_too_large', `${fileName} is longer than a list may be`, {
      hint: 'Cut it into several.',
    });
  }
  const rows = rowsOf(text, fileName);
  const header = rows[0]?.record ?? [];
  const named = columns.find(({ name }) => header.includes(name));
  const column = named ?? columns.at(-1)!;
  const nameAt = named === undefined ? 0 : header.indexOf(named.name);
  const reasonAt = named === undefined ? -1 : header.indexOf('reason');
  const findings: Finding[] = [];
  const say = (row: Row, message: string, hint: string) =>
    findings.push({ line: row.info.lines, column: 1, message, hint });
  const lineOf = new Map<string, number>();
  const listed: ListedName<Name>[] = [];
  for (const row of named === undefined ? rows : rows.slice(1)) {
    if (findings.length >= maxFindings) break;
    const value = row.record[nameAt] ?? '';
    const reason = row.record[reasonAt] ?? '';
    const before = lineOf.get(value);
    lineOf.set(value, row.info.lines);
    if (!column.isOne(value)) {
      say(
        row,
        `${JSON.stringify(value)} is no ${column.noun}`,
        `Give one a line, or name the column ${column.name}.`,
      );
    } else if (before !== undefined) {
      say(row, `${value} stands in line ${before} already`, 'Name each once.');
    } else if (reason.length > 500) {
      say(row, 'the reason has more than 500 characters', 'Say it in one sentence.');
    } else if (listed.length === limits.transitionsPerList) {
      say(row, `a list has at most ${limits.transitionsPerList} lines`, 'Cut it into several.');
      break;
    } else listed.push({ column: column.name, value, reason: reason.trim() === '' ? null : reason });
  }
  if (findings.length === 0 && listed.length === 0) {
    findings.push({
      line: 1,
      column: 1,
      message: `the file names no ${column.noun}`,
      hint: 'Give one a line.',
    });
  }
  if (findings.length > 0) throw findingsError('file_invalid', fileName, findings);
  return listed;
}

function rowsOf(text: string, fileName: string): Row[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: rowBytes,
    }) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? error.lines : 1;
    const message =
      'this line is no CSV: a quote is not closed, or it has more or fewer columns than the first';
    throw findingsError('file_invalid', fileName, [
      { line, column: 1, message, hint: 'Mend it, or export the file anew.' },
    ]);
  }
}
