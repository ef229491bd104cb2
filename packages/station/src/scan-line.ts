/**
 * What one line from a barcode reader means. A reader types what stands on a label, so every line is foreign text: it is
 * cut at a cap, and what is not of this small language is refused with a sentence.
 *
 * `LANE-3` `CARRIER-A7` `POS-2` `OP-…` `GOLDEN` `NEXT` `CANCEL` `PASS-…` `FAIL-…` and device IDs, several to a line where they belong
 * together (`LANE-3 GW-M1260000017`). Everything that is none of the words is taken for a device ID.
 */
import { type DeviceId, parseAnyDeviceId } from '@imprint/contract/device-id';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { quoteText } from '@imprint/contract/quote-text';

export interface ScanLine {
  lane?: number;
  carrier?: string;
  position?: number;
  badge?: string;
  /** GOLDEN: the next unit is a sample. NEXT: a unit whose label is printed later. CANCEL: stop at the next step. */
  word?: 'GOLDEN' | 'NEXT' | 'CANCEL';
  /** PASS-calibration, FAIL-final-test: what came of an operation that is not ours, for the unit that is scanned with it or next. */
  result?: { operation: string; outcome: 'pass' | 'fail' };
  deviceId?: DeviceId;
}

/** @throws bad_request, device_id_invalid */
export function parseScanLine(line: string): ScanLine {
  if (line.length > limits.scanBytes) throw refused('a scan is longer than any label of ours');
  const scan: ScanLine = {};
  for (const token of line.trim().split(/[ \t]+/)) addToken(scan, token);
  return scan;
}

function addToken(scan: ScanLine, token: string): void {
  const [, word, value] = /^(LANE|CARRIER|POS|OP|PASS|FAIL)-(.+)$/.exec(token) ?? [];
  if (word !== 'OP' && isSpoiltBadge(value ?? token)) throw refused('the badge cannot be read');
  if (word === 'LANE') set(scan, 'lane', count(value!, limits.lanesPerStation, token));
  else if (word === 'POS') set(scan, 'position', count(value!, 999, token));
  else if (word === 'CARRIER')
    set(scan, 'carrier', pattern(value!, /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, token));
  else if (word === 'PASS' || word === 'FAIL')
    set(scan, 'result', {
      operation: pattern(value!, /^[a-z0-9]+(?:-[a-z0-9]+)*$/, token),
      outcome: word === 'PASS' ? 'pass' : 'fail',
    });
  else if (word === 'OP') set(scan, 'badge', pattern(token, /^OP-[A-Za-z0-9-]{1,125}$/, 'the badge'));
  else if (token === 'GOLDEN' || token === 'NEXT' || token === 'CANCEL') set(scan, 'word', token);
  else set(scan, 'deviceId', parseAnyDeviceId(token));
}

/** Typed in the wrong case, or run into the scan before it: as a carrier or an ID it would stand in records. */
function isSpoiltBadge(text: string): boolean {
  return /(?:^|\d)OP-/i.test(text);
}

/** The text without any badge, spoilt ones too: whoever reads a screen or a log could open a shift with it. */
export function hideBadges(text: string): string {
  return text.replaceAll(/OP-[^\s"]+/gi, 'OP-…');
}

function set<K extends keyof ScanLine>(scan: ScanLine, key: K, value: ScanLine[K]): void {
  if (scan[key] !== undefined) throw refused('two scans ran into one line');
  scan[key] = value;
}

function count(text: string, most: number, token: string): number {
  const value = /^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw refused(`${quoteText(token)} is no number from 1 to ${most}`);
  return value;
}

function pattern(text: string, wanted: RegExp, what: string): string {
  // A badge opens a shift: what was misread of one is not repeated on the screen.
  if (!wanted.test(text)) throw refused(`${what.startsWith('the ') ? what : quoteText(what)} cannot be read`);
  return text;
}

function refused(message: string): ImprintError {
  return new ImprintError('bad_request', message, { hint: 'Scan again, one label at a time.' });
}
