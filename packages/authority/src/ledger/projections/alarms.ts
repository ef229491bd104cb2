/** Entries of the authority's own watch: alarms, the clock that halts issuing until people accept it (I-8), and a log that was restored (I-16). */
import type { Projections } from './projections.ts';

export const alarmProjections: Projections<'alarm.raised' | 'clock.accepted' | 'log.restored'> = {
  'alarm.raised': async (tx, { at, data }, index) => {
    await tx
      .insertInto('alarm')
      .values({ log_index: index, ...data, raised_at: at })
      .execute();
    if (data.kind !== 'clock') return;
    await tx
      .insertInto('clock_halt')
      .values({ log_index: index, halted_at: at, detail: data.detail })
      .execute();
  },
  'clock.accepted': async (tx) => {
    await tx.deleteFrom('clock_halt').execute();
  },
  // the log alone says it: no table has a use for it
  'log.restored': async () => undefined,
};
