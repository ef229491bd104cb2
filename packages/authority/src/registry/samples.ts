/** Golden and must-fail samples: finished units that show, again and again, that a station tells good from bad. */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';

export type SampleKind = EntryData<'sample.registered'>['kind'];

export interface SampleView {
  device_id: string;
  kind: SampleKind;
  check_every_minutes: number;
}

/**
 * Registers a finished unit as a sample, or changes what it is. A sample consumes no quota of its own: it was made
 * under an order, and its checks issue nothing.
 * @throws unknown_device, job_state_wrong where the unit is not done
 */
export function registerSample(ledger: Ledger, by: Actor, sample: SampleView): Promise<void> {
  return ledger.submit(async (reading) => {
    const device = await reading.tx
      .selectFrom('device')
      .select('completed_index')
      .where('device_id', '=', sample.device_id)
      .executeTakeFirst();
    if (!device) throw new ImprintError('unknown_device', `there is no device ${sample.device_id}`);
    if (device.completed_index === null) {
      throw new ImprintError('job_state_wrong', `${sample.device_id} is not done: it has nothing to prove`, {
        hint: 'Provision the unit first; break a must-fail sample afterwards.',
      });
    }
    return { entries: [{ type: 'sample.registered', actor: by, data: sample }], reply: () => undefined };
  });
}

export function listSamples(reader: Kysely<Tables>): Promise<SampleView[]> {
  return reader.selectFrom('sample').selectAll().orderBy('device_id').execute();
}

export interface DueSample {
  device_id: string;
  kind: SampleKind;
  due_at: string;
}

/**
 * When each sample is due at this station: its interval after the last check there that came out as it must; at once
 * where there was none. A sample concerns the stations of the site where it was made, for as long as it is not scrapped, retired or
 * lost.
 */
export async function dueSamples(db: Kysely<Tables>, stationId: string, now: Date): Promise<DueSample[]> {
  const { rows } = await lastChecks(db, { station_id: stationId });
  return rows.map(({ device_id, kind, check_every_minutes, golden_at, must_fail_at }) => {
    const last = kind === 'golden' ? golden_at : must_fail_at;
    const due = last === null ? now.getTime() : Date.parse(last) + check_every_minutes * 60_000;
    return { device_id, kind, due_at: new Date(due).toISOString() };
  });
}

const lastChecks = statement<
  { station_id: string },
  SampleView & { golden_at: string | null; must_fail_at: string | null }
>((db, arg) =>
  db
    .selectFrom('sample')
    // SQLite keeps the order of a cross join: from the few samples to their jobs, and not through all jobs
    .crossJoin('job')
    .crossJoin('station as maker')
    .crossJoin('station as here')
    .whereRef('job.device_id', '=', 'sample.device_id')
    .whereRef('maker.station_id', '=', 'job.station_id')
    .whereRef('here.site', '=', 'maker.site')
    .where('here.station_id', '=', arg('station_id'))
    .where('job.state', '=', 'done')
    // what is gone for good cannot be checked any more, and halts no station
    .where(
      (sample) =>
        sample
          .selectFrom('device')
          .select('device.state')
          .whereRef('device.device_id', '=', 'sample.device_id'),
      'not in',
      ['scrapped', 'retired', 'lost'],
    )
    .leftJoin('sample_check', (join) =>
      join
        .onRef('sample_check.device_id', '=', 'sample.device_id')
        .on('sample_check.station_id', '=', arg('station_id'))
        .on('sample_check.purpose', 'in', ['golden', 'must-fail']),
    )
    .select((row) => [
      'sample.device_id',
      'sample.kind',
      'sample.check_every_minutes',
      row.fn.max('sample_check.recorded_at').filterWhere('sample_check.outcome', '=', 'pass').as('golden_at'),
      row.fn
        .max('sample_check.recorded_at')
        .filterWhere('sample_check.outcome', '=', 'fail')
        .as('must_fail_at'),
    ])
    .groupBy(['sample.device_id', 'sample.kind', 'sample.check_every_minutes'])
    .orderBy('sample.device_id')
    .limit(64),
);

/** A station that may no longer tell good from bad takes no work. @throws sample_overdue */
export async function requireSamplesChecked(db: Kysely<Tables>, stationId: string, now: Date): Promise<void> {
  const at = now.toISOString();
  const overdue = (await dueSamples(db, stationId, now)).find(({ due_at }) => due_at <= at);
  if (!overdue) return;
  throw new ImprintError(
    'sample_overdue',
    `the ${overdue.kind} sample ${overdue.device_id} is due at this station`,
    {
      hint: `Check ${overdue.device_id} first: scan GOLDEN, then its label.`,
    },
  );
}
