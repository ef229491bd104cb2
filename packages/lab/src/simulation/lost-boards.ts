/** I-29: whatever noise, kills and dead networks do, a sound board that nobody mixed up is done in the end. */
import type { FaultName } from './catalogue.ts';
import type { Struck } from './faults.ts';
import type { Floor } from './floor.ts';
import type { LogModel } from './model/log-model.ts';
import type { Fate } from './worker.ts';

/** After these the authority or the station may rightly set a board aside. */
const confusing: ReadonlySet<FaultName> = new Set([
  'unit-swapped',
  'label-of-finished',
  'label-of-another',
  'network-reply-replayed',
  'network-replies-swapped',
]);

/** A sentence for each board that is not done and has no reason. */
export function lostBoards(
  floor: Floor,
  fates: ReadonlyMap<number, Fate>,
  struck: readonly Struck[],
  log: LogModel,
): string[] {
  const lost: string[] = [];
  for (const board of floor.boards) {
    const fate = fates.get(board.unit);
    if (fate === 'done' || board.hostile !== undefined || floor.mixedUp.has(board.unit)) continue;
    const own = struck.filter(({ unit }) => unit === board.unit);
    if (own.some(({ fault }) => confusing.has(fault))) continue;
    const { attempts_cap } = board.product.checked.contract.rework;
    if ((log.jobOfUid.get(board.uid)?.failedAttempts ?? 0) >= attempts_cap) continue;
    const list = own.map(({ fault, phase }) => `${fault} x ${phase}`).join(', ') || 'no fault';
    lost.push(`board ${board.unit} is ${fate} after ${list}`);
  }
  return lost;
}

/** The same of a board that came back: what strikes then confuses nobody. */
export function lostAgain(floor: Floor, unit: number, fate: Fate): string | undefined {
  if (fate === 'done' || floor.mixedUp.has(unit) || floor.boards[unit]!.hostile !== undefined)
    return undefined;
  return `board ${unit} came back, and is ${fate} in the end`;
}
