/** What people see of many devices that move: how far it is, what came of each, and a file of it that no spreadsheet runs. */
import { existsSync, writeFileSync } from 'node:fs';
import { csvLine } from '@imprint/authority/audit/export';
import type { ListOutcome } from '@imprint/authority/lifecycle/transition-list';
import { ImprintError } from '@imprint/contract/errors';
import { type SayOptions, table } from '../say.ts';

/** Without a terminal a line for so many. */
const namesPerLine = 10_000;

/** How far a list is, on standard error: one line that changes on a terminal, plain lines elsewhere, nothing with `--json`. */
export function countProgress(
  total: number,
  { json }: SayOptions,
  what = 'devices',
): { add(outcomes: readonly unknown[]): void; end(): void } {
  const { stderr } = process;
  let done = 0;
  return {
    add(outcomes) {
      const before = done;
      done += outcomes.length;
      if (json === true) return;
      if (stderr.isTTY) stderr.write(`\r${done} of ${total} ${what}`);
      else if (Math.floor(done / namesPerLine) > Math.floor(before / namesPerLine)) {
        stderr.write(`${done} of ${total} ${what}\n`);
      }
    },
    end() {
      if (json !== true && stderr.isTTY) stderr.write('\r\u001b[K');
    },
  };
}

const wouldBe = { moved: 'would move', before: 'is there already', refused: 'refused' } as const;

/** A dry run shows every device; what was done shows those that were refused, and the sums. */
export function listLines({ moved, before, refused, outcomes }: ListOutcome, dryRun: boolean): string[] {
  const shown = dryRun ? outcomes : outcomes.filter(({ outcome }) => outcome === 'refused');
  const rows = shown.map((row) => [
    row.device_id,
    dryRun ? wouldBe[row.outcome] : row.outcome,
    row.from === null ? null : `${row.from} -> ${row.to}`,
    row.message === null ? null : `${row.code}: ${row.message}`,
  ]);
  const devices = (count: number) => `${count} ${count === 1 ? 'device' : 'devices'}`;
  return [
    ...(rows.length === 0 ? [] : [...table([['DEVICE', 'OUTCOME', 'MOVE', 'WHY NOT'], ...rows]), '']),
    dryRun
      ? `Nothing was changed: ${devices(moved)} would move, ${before} are there already, ${refused} would be refused.`
      : `${devices(moved)} moved, ${before} were there before, ${refused} refused.`,
    ...(refused > 0 && !dryRun ? ['Mend what was refused and give the same command again.'] : []),
  ];
}

/** Before anything moves: a file that is there already would take no outcomes. @throws file_invalid */
export function requireNew(file: string): void {
  if (!existsSync(file)) return;
  throw new ImprintError('file_invalid', `${file} is there already`, {
    hint: 'Name a new file. Nothing was changed.',
  });
}

export const deviceColumns = ['device_id', 'outcome', 'from', 'to', 'code', 'message', 'hint'] as const;

/** Every line with what came of it, as CSV, to a new file that others may not read. @throws file_invalid */
export function writeOutcomes<Column extends string>(
  file: string,
  columns: readonly Column[],
  outcomes: readonly Record<Column, string | null>[],
): void {
  const text = [columns, ...outcomes.map((row) => columns.map((column) => row[column]))]
    .map(csvLine)
    .join('');
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be written: ${(cause as Error).message}`, {
      hint: 'What was to be done is done. Name a new file, and give the same command again for its outcomes.',
      cause,
    });
  }
}
