/** How often hostile boards, a stolen station and people did what they do, by name: so that a run can say what was never tried. */
import { hostileModes } from '@imprint/sim/hostile';
import type { BoardOnFloor } from './boards.ts';
import { thiefsActs } from './hostile/thief.ts';
import { officeDeeds } from './office/work-day.ts';

/** All that there is. */
export const actNames: readonly string[] = [
  ...Object.keys(hostileModes).map((mode) => `unit: ${mode}`),
  ...thiefsActs.map((act) => `station: ${act}`),
  ...officeDeeds.map((deed) => `people: ${deed}`),
];

export function actsDone(
  boards: readonly BoardOnFloor[],
  byStation: Readonly<Record<string, number>> = {},
  byPeople: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const acts: Record<string, number> = {};
  for (const { hostile } of boards) {
    if (hostile !== undefined) acts[`unit: ${hostile}`] = (acts[`unit: ${hostile}`] ?? 0) + 1;
  }
  for (const [act, times] of Object.entries(byStation)) acts[`station: ${act}`] = times;
  for (const [deed, times] of Object.entries(byPeople)) acts[`people: ${deed}`] = times;
  return acts;
}
