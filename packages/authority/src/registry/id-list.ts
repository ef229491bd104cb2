/**
 * A file of device IDs: CSV (RFC 4180) with a column `device_id`, or one ID a line. Each is held against the grammar;
 * whatever is wrong is named by line and column, and then nothing of the file counts.
 */
import { type DeviceId, parseDeviceId } from '@imprint/contract/device-id';
import { ImprintError } from '@imprint/contract/errors';
import { type Finding, findingsError } from '@imprint/contract/finding';
import { limits } from '@imprint/contract/limits';
import type { DeviceIdGrammar } from '@imprint/contract/provisioning-contract';

export interface ListedId {
  deviceId: DeviceId;
  line: number;
  column: number;
}

const header = 'device_id';
const maxFindings = 50;

/** @throws file_invalid: `file:line:column: message`, all of it in `context.findings` */
export function parseIdList(text: string, fileName: string, grammar: DeviceIdGrammar): ListedId[] {
  const findings: Finding[] = [];
  const listed: ListedId[] = [];
  const lineOf = new Map<string, number>();
  let wanted = 0;
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [at, lineText] of lines.entries()) {
    if (findings.length >= maxFindings) break;
    if (lineText.trim() === '') continue;
    const line = at + 1;
    const cells = splitLine(lineText);
    if (cells === undefined) {
      findings.push({
        line,
        column: 1,
        message: 'a quote is not closed',
        hint: 'Close it, or leave quotes out.',
      });
      continue;
    }
    if (lineOf.size === 0 && listed.length === 0 && cells.some((cell) => cell.text === header)) {
      wanted = cells.findIndex((cell) => cell.text === header);
      continue;
    }
    const cell = cells[wanted];
    if (cell === undefined) {
      findings.push({ line, column: 1, message: 'this line has no device ID', hint: 'Give one ID a line.' });
      continue;
    }
    if (listed.length === limits.idsPerImport) {
      findings.push({
        line,
        column: 1,
        message: `the file names more than ${limits.idsPerImport} device IDs`,
        hint: 'Cut it into several files and import one after another.',
      });
      break;
    }
    const finding = checkId(cell, line, grammar, lineOf);
    if (finding !== undefined) findings.push(finding);
    else listed.push({ deviceId: cell.text as DeviceId, line, column: cell.column });
  }
  if (findings.length === 0 && listed.length === 0) {
    findings.push({
      line: 1,
      column: 1,
      message: 'the file names no device ID',
      hint: 'Give one ID a line.',
    });
  }
  if (findings.length > 0) throw findingsError('file_invalid', fileName, findings);
  return listed;
}

function checkId(
  cell: { text: string; column: number },
  line: number,
  grammar: DeviceIdGrammar,
  lineOf: Map<string, number>,
): Finding | undefined {
  const { text, column } = cell;
  try {
    parseDeviceId(text, grammar);
  } catch (error) {
    if (!(error instanceof ImprintError)) throw error;
    const position = typeof error.context.position === 'number' ? error.context.position - 1 : 0;
    return { line, column: column + position, message: error.message, hint: error.hint ?? 'Correct the ID.' };
  }
  const before = lineOf.get(text);
  if (before !== undefined) {
    return {
      line,
      column,
      message: `${text} stands in line ${before} already`,
      hint: 'Name each ID once.',
    };
  }
  lineOf.set(text, line);
  return undefined;
}

/** The cells of one line with the column (from 1) at which each begins; undefined where a quote stays open. */
function splitLine(line: string): { text: string; column: number }[] | undefined {
  const cells: { text: string; column: number }[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const column = cell.lastIndex + 1;
    const match = cell.exec(line);
    if (match === null) return undefined;
    const quoted = match[1]?.replaceAll('""', '"');
    cells.push({ text: quoted ?? match[2]!, column: quoted === undefined ? column : column + 1 });
    if (match[3] === '') return cells;
  }
}
