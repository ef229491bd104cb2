/**
 * A file of devices to move: CSV (RFC 4180) with a column `device_id` and, if wanted, `reason`, or one ID a line. Whatever is
 * wrong is named by its line, and then nothing of the file counts.
 */
import { deviceIdText } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { type Finding, findingsError } from '@imprint/contract/finding';
import { limits } from '@imprint/contract/limits';
import { CsvError, parse } from 'csv-parse/sync';
import type { ListedDevice } from './transition-list.ts';

const maxFindings = 50;
const rowBytes = 4_096;

interface Row {
  record: string[];
  info: { lines: number };
}

/** @throws file_invalid: `file:line:column: message`, all of it in `context.findings`; request_too_large */
export function parseDeviceList(text: string, fileName: string): ListedDevice[] {
  if (Buffer.byteLength(text) > limits.transitionListBytes) {
    throw new ImprintError('request_too_large', `${fileName} is longer than a list may be`, {
      hint: 'Cut it into several.',
    });
  }
  const rows = rowsOf(text, fileName);
  const header = rows[0]?.record;
  const named = header?.includes('device_id') ? header : undefined;
  const idAt = named?.indexOf('device_id') ?? 0;
  const reasonAt = named?.indexOf('reason') ?? -1;
  const findings: Finding[] = [];
  const say = (row: Row, message: string, hint: string) =>
    findings.push({ line: row.info.lines, column: 1, message, hint });
  const lineOf = new Map<string, number>();
  const listed: ListedDevice[] = [];
  for (const row of named === undefined ? rows : rows.slice(1)) {
    if (findings.length >= maxFindings) break;
    const deviceId = row.record[idAt] ?? '';
    const reason = row.record[reasonAt] ?? '';
    const before = lineOf.get(deviceId);
    lineOf.set(deviceId, row.info.lines);
    if (!deviceIdText.safeParse(deviceId).success) {
      say(
        row,
        `${JSON.stringify(deviceId)} is no device ID`,
        'Give one ID a line, or name the column device_id.',
      );
    } else if (before !== undefined) {
      say(row, `${deviceId} stands in line ${before} already`, 'Name each device once.');
    } else if (reason.length > 500) {
      say(row, 'the reason has more than 500 characters', 'Say it in one sentence.');
    } else if (listed.length === limits.transitionsPerList) {
      say(row, `a list has at most ${limits.transitionsPerList} devices`, 'Cut it into several.');
      break;
    } else listed.push({ deviceId, reason: reason.trim() === '' ? null : reason });
  }
  if (findings.length === 0 && listed.length === 0) {
    findings.push({ line: 1, column: 1, message: 'the file names no device', hint: 'Give one ID a line.' });
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
