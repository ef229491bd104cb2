/** Entries of the authority's own watch: alarms, and the clock that halts issuing until people accept it (I-8). */
import type { Projections } from './projections.ts';

export const alarmProjections: Projections<'alarm.raised' | 'clock.accepted'> = {
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
};
