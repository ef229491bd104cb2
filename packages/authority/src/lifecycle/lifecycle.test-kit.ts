/** For tests: devices in any state of their lifecycle, with what a finished unit holds, on a line of their own. */
import type { Actor } from '@imprint/contract/audit/entry';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { type Line, TestUnit } from '../jobs/line.test-kit.ts';
import { doneUnit, type Walk } from '../jobs/walk.test-kit.ts';
import { nobodyApproved } from './approved.ts';
import type { LifecycleCore } from './transition.ts';

export const lead: Actor = { kind: 'person', id: 'lead' };

/** What needs a second person is refused, or with `true` approved. */
export function lifecycleCore(line: Line, approved = false): LifecycleCore {
  return { contracts: line.core.contracts, approved: approved ? async () => [] : nobodyApproved };
}

/** IDs of the gateway's grammar that nobody checks here. */
export const idsOf = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `GW-${String(at + 1).padStart(4, '0')}`);

const way: Partial<Record<LifecycleState, LifecycleState[]>> = {
  allocated: [],
  manufactured: ['manufactured'],
  stocked: ['manufactured', 'stocked'],
  shipped: ['manufactured', 'stocked', 'shipped'],
  activated: ['manufactured', 'stocked', 'shipped', 'activated'],
  retired: ['manufactured', 'stocked', 'shipped', 'activated', 'retired'],
  returned: ['manufactured', 'stocked', 'shipped', 'returned'],
  refurbished: ['manufactured', 'stocked', 'shipped', 'returned', 'refurbished'],
  lost: ['manufactured', 'stocked', 'shipped', 'lost'],
  scrapped: ['manufactured', 'stocked', 'scrapped'],
};

/** Brings the device into that state by the log alone: nothing else follows from it. */
export async function bring(line: Line, deviceId: string, ...states: LifecycleState[]): Promise<void> {
  const [first, ...more] = states;
  let from: LifecycleState = 'allocated';
  for (const to of [...(way[first!] ?? [first!]), ...more]) {
    await line.record({
      type: 'device.transitioned',
      actor: whoMovesIt(deviceId, to),
      data: { device_id: deviceId, from, to, reason: `it becomes ${to}` },
    });
    from = to;
  }
}

function whoMovesIt(deviceId: string, to: LifecycleState): Actor {
  if (to === 'activated') return { kind: 'device', id: deviceId };
  return to === 'manufactured' ? { kind: 'station', id: 'st-1' } : lead;
}

/** A finished unit of that ID, whose route is passed. */
export async function manufactured(line: Line, deviceId: string): Promise<Walk> {
  const walk = await doneUnit(line, new TestUnit(`unit-${deviceId}`), deviceId);
  await bring(line, deviceId, 'manufactured');
  return walk;
}
