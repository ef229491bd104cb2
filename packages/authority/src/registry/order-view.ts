/** Orders as people and programs see them: what was ordered, how far it is, and its yield, counted from attempts. */
import { ImprintError } from '@imprint/contract/errors';
import { isOpenJob, type JobState } from '@imprint/contract/job-state';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { limits } from '@imprint/contract/limits';
import type { Kysely, Selectable } from 'kysely';
import type { ProductionOrderTable, Tables } from '../storage/tables.ts';

export interface OrderView {
  order_id: string;
  product: string;
  sku: string;
  lot: string;
  contract_sha256: string;
  hardware_revisions: string[];
  id_source: 'generated' | 'imported';
  sites: string[];
  stations: string[];
  opens_at: string;
  closes_at: string;
  created_at: string;
  closed_at: string | null;
  quantity: number;
  scrap_allowance: number;
  /** How many units one station may provision; null: as many as there are. */
  station_share: number | null;
  /** Quantity and scrap allowance. */
  quota: number;
  /** Distinct device IDs that a certificate was ever intended for. */
  issued: number;
  remaining: number;
}

export interface OrderReport extends OrderView {
  /** Device IDs that the order has. */
  allocated: number;
  devices: Partial<Record<LifecycleState, number>>;
  jobs: { open: number; done: number; quarantined: number; abandoned: number };
  yield: OrderYield;
}

/** Units that came to an end: at the first attempt, after a failed one, or not at all. */
export interface OrderYield {
  ended: number;
  first_pass: number;
  retested: number;
  scrapped: number;
  /** Share of ended units that passed at the first attempt, and at any; null before one has ended. */
  first_pass_yield: number | null;
  final_yield: number | null;
}

/** The newest first, one page of them. */
export async function listOrders(
  reader: Kysely<Tables>,
  options: { open?: boolean; limit?: number } = {},
): Promise<OrderView[]> {
  let query = reader
    .selectFrom('production_order')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('order_id')
    .limit(Math.min(options.limit ?? limits.pageRows, limits.pageRows));
  if (options.open === true) query = query.where('closed_at', 'is', null);
  return (await query.execute()).map(orderView);
}

/** @throws unknown_order */
export async function showOrder(reader: Kysely<Tables>, orderId: string): Promise<OrderReport> {
  const row = await reader
    .selectFrom('production_order')
    .selectAll()
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  if (row === undefined) {
    throw new ImprintError('unknown_order', `there is no order ${orderId}`, {
      hint: 'See imprint order list.',
    });
  }
  const states = await reader
    .selectFrom('device')
    .select((device) => ['state', device.fn.countAll<number>().as('count')])
    .where('order_id', '=', orderId)
    .groupBy('state')
    .execute();
  const devices = Object.fromEntries(states.map(({ state, count }) => [state, Number(count)]));
  return {
    ...orderView(row),
    allocated: Object.values(devices).reduce((sum, count) => sum + count, 0),
    devices,
    ...(await countJobs(reader, orderId)),
  };
}

async function countJobs(
  reader: Kysely<Tables>,
  orderId: string,
): Promise<Pick<OrderReport, 'jobs' | 'yield'>> {
  const failedJobs = reader
    .selectFrom('attempt')
    .innerJoin('job', 'job.job_id', 'attempt.job_id')
    .select('attempt.job_id')
    .distinct()
    .where('job.order_id', '=', orderId)
    .where('attempt.outcome', '=', 'failed');
  const rows = await reader
    .selectFrom('job')
    .leftJoin(failedJobs.as('failed'), 'failed.job_id', 'job.job_id')
    .select((job) => [
      'job.state',
      job.fn.countAll<number>().as('count'),
      job.fn.count<number>('failed.job_id').as('retested'),
    ])
    .where('job.order_id', '=', orderId)
    .groupBy('job.state')
    .execute();
  const jobs = { open: 0, done: 0, quarantined: 0, abandoned: 0 };
  const count = (state: JobState, by: number) => {
    jobs[isOpenJob(state) ? 'open' : (state as 'done' | 'quarantined' | 'abandoned')] += by;
  };
  let retested = 0;
  for (const row of rows) {
    count(row.state, Number(row.count));
    if (row.state === 'done') retested += Number(row.retested);
  }
  // A device with several jobs is one unit: it came out as the first of them that was done has it, or else the newest.
  for (const each of await jobsOfReworked(reader, orderId)) {
    for (const { state, failed } of each) {
      count(state, -1);
      if (state === 'done' && failed) retested--;
    }
    const done = each.findIndex(({ state }) => state === 'done');
    const made = each.slice(0, done < 0 ? each.length : done + 1);
    count(made.at(-1)!.state, 1);
    if (done > 0 || (done === 0 && made[0]!.failed)) retested++;
  }
  const scrapped = jobs.quarantined + jobs.abandoned;
  const ended = jobs.done + scrapped;
  const share = (count: number) => (ended === 0 ? null : Math.round((count / ended) * 10_000) / 10_000);
  const firstPass = jobs.done - retested;
  return {
    jobs,
    yield: {
      ended,
      first_pass: firstPass,
      retested,
      scrapped,
      first_pass_yield: share(firstPass),
      final_yield: share(jobs.done),
    },
  };
}

/** The jobs of each device of the order that has several, the oldest first. */
async function jobsOfReworked(
  reader: Kysely<Tables>,
  orderId: string,
): Promise<{ state: JobState; failed: boolean }[][]> {
  const rows = await reader
    .selectFrom('job')
    .innerJoin('attempt as first', (join) =>
      join.onRef('first.job_id', '=', 'job.job_id').on('first.attempt', '=', 1),
    )
    .select((job) => [
      'job.device_id',
      'job.state',
      job
        .selectFrom('attempt')
        .select((attempt) => attempt.fn.countAll<number>().as('count'))
        .whereRef('attempt.job_id', '=', 'job.job_id')
        .where('attempt.outcome', '=', 'failed')
        .as('failed'),
    ])
    .where('job.order_id', '=', orderId)
    .where('job.device_id', 'in', (job) =>
      job
        .selectFrom('job as each')
        .select('each.device_id')
        .where('each.order_id', '=', orderId)
        .groupBy('each.device_id')
        .having(job.fn.countAll(), '>', 1),
    )
    .orderBy('first.log_index')
    .execute();
  const byDevice = Map.groupBy(rows, ({ device_id }) => device_id);
  return [...byDevice.values()].map((jobs) =>
    jobs.map(({ state, failed }) => ({ state, failed: Number(failed) > 0 })),
  );
}

function orderView(row: Selectable<ProductionOrderTable>): OrderView {
  const { hardware_revisions, sites, stations, ...plain } = row;
  const quota = row.quantity + row.scrap_allowance;
  return {
    ...plain,
    hardware_revisions: JSON.parse(hardware_revisions) as string[],
    sites: JSON.parse(sites) as string[],
    stations: JSON.parse(stations) as string[],
    quota,
    remaining: quota - row.issued,
  };
}
