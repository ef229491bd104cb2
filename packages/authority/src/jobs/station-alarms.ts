/**
 * Alarms about a station that goes on doing what it should not: people are told once an hour, so that a thief can neither
 * hide behind a refusal nor fill the log with alarms.
 */
import type { EntryData } from '@imprint/contract/audit/entry';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';

const hourMs = 3_600_000;

export type StationAlarmKind = Extract<
  EntryData<'alarm.raised'>['kind'],
  'boards-set-aside' | 'asks-too-fast' | 'guesses-badges'
>;

/** The alarm; nothing where the log has one of this kind about this station within the last hour. */
export async function alarmOnceAnHour(
  reading: Reading,
  kind: StationAlarmKind,
  stationId: string,
  detail: string,
): Promise<Draft[]> {
  const raised = await reading.tx
    .selectFrom('alarm')
    .select('log_index')
    .where('kind', '=', kind)
    .where('subject', '=', stationId)
    .where('raised_at', '>', new Date(reading.now.getTime() - hourMs).toISOString())
    .executeTakeFirst();
  if (raised) return [];
  const actor: Draft['actor'] = { kind: 'station', id: stationId };
  return [{ type: 'alarm.raised', actor, data: { kind, subject: stationId, detail } }];
}

/** Raises an alarm that belongs to no other decision; resolves when it is durable. */
export type RaiseStationAlarm = (kind: StationAlarmKind, stationId: string, detail: string) => Promise<void>;

/** What is refused a thousand times a second must not ask the ledger as often: this process remembers what it told. */
export function stationAlarms(ledger: Ledger, clock: () => Date): RaiseStationAlarm {
  const toldAtMs = new Map<string, number>();
  return async (kind, stationId, detail) => {
    const name = `${kind} ${stationId}`;
    const nowMs = clock().getTime();
    if (Math.abs(nowMs - (toldAtMs.get(name) ?? Number.NEGATIVE_INFINITY)) < hourMs) return;
    toldAtMs.set(name, nowMs);
    try {
      await ledger.submit(async (reading) => ({
        entries: await alarmOnceAnHour(reading, kind, stationId, detail),
        reply: () => undefined,
      }));
    } catch (error) {
      toldAtMs.delete(name);
      throw error;
    }
  };
}
