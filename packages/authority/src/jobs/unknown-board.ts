/**
 * Setting aside a board that no device is bound to, on a station's word. A station that names boards by the dozen is not a
 * careful one but a stolen one: beyond a cap it is refused all the same, and people are told instead.
 */
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import { limits } from '@imprint/contract/limits';
import type { Draft, Reading } from '../ledger/ledger.ts';
import type { StationCaller } from './line-core.ts';
import { alarmOnceAnHour } from './station-alarms.ts';

const hourMs = 3_600_000;

/** The entry that sets the board aside; none where it is aside already, an alarm once an hour where the cap is reached. */
export async function unknownBoardDrafts(
  reading: Reading,
  caller: StationCaller,
  uid: HardwareUid,
  reason: string,
): Promise<Draft[]> {
  const { tx } = reading;
  const actor: Draft['actor'] = { kind: 'station', id: caller.stationId };
  const known = await tx
    .selectFrom('unit')
    .select('quarantined')
    .where('hardware_uid', '=', hardwareUidText(uid))
    .executeTakeFirst();
  if (known?.quarantined === 1) return [];
  const hourAgo = new Date(reading.now.getTime() - hourMs).toISOString();
  const { count } = await tx
    .selectFrom('unit')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('quarantined_by', '=', caller.stationId)
    .where('quarantined_at', '>', hourAgo)
    .where('device_id', 'is', null)
    .executeTakeFirstOrThrow();
  if (Number(count) < limits.unknownBoardsAnHour) {
    return [{ type: 'unit.quarantined', actor, data: { hardware_uid: uid, reason } }];
  }
  const detail = `it has set ${count} boards aside within an hour that nobody knows; further ones are refused and not set aside`;
  return alarmOnceAnHour(reading, 'boards-set-aside', caller.stationId, detail);
}
