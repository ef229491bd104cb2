import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  append,
  attemptEnded,
  attemptStarted,
  completed,
  draft,
  h,
  intended,
  issued,
  jobOpened,
  opening,
  order,
  proven,
  quarantined,
  revoked,
  sealed,
  transitioned,
  uidOf,
  written,
} from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import type { Draft } from '../ledger/ledger.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { replay } from './replay.ts';

const ids = ['SN-00000001', 'SN-00000002', 'SN-00000003', 'SN-00000004'];
const serialOf = (id: string, nth: number) => h(`${id} ${nth}`).slice(0, 32);

/** What may befall a device, in the order in which a good one meets it; the number chooses among keys and attempts. */
const events: ((id: string, nth: number) => Draft[])[] = [
  (id) => [jobOpened(id)],
  (id, nth) => [attemptStarted(id, nth)],
  (id, nth) => [intended(id, serialOf(id, nth), `key ${id} ${nth}`)],
  (id, nth) => [issued(id, serialOf(id, nth))],
  (id) => [written(id)],
  (id) => [proven(id)],
  (id) => [sealed(id)],
  (id) => [completed(id), transitioned(id, 'allocated', 'manufactured')],
  (id) => [transitioned(id, 'manufactured', 'stocked')],
  (id, nth) => [attemptEnded(id, nth)],
  (id, nth) => [revoked(serialOf(id, nth))],
  (id) => quarantined(id),
  (id) => [draft('job.abandoned', { job_id: `j-${id}`, reason: 'no longer wanted' })],
  (id) => [draft('unit.quarantined', { hardware_uid: uidOf(id), reason: 'found on the floor' })],
  (id, nth) => [
    draft('operation.reported', {
      device_id: id,
      operation: 'final-test',
      outcome: nth % 2 === 0 ? 'pass' : 'fail',
      station_id: 'st-1',
      operator_id: null,
      note: null,
    }),
  ],
  (id) => [draft('sample.registered', { device_id: id, kind: 'golden', check_every_minutes: 60 })],
  (id) => [draft('order.closed', { order_id: 'o-1', reason: `after ${id}` })],
  (id, nth) => [order(`o-${id}-${nth}`, 1)],
];

const event = fc.record({
  id: fc.constantFrom(...ids),
  // the good way is met more often than the rest
  what: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 8 }) }, fc.nat({ max: events.length - 1 })),
  nth: fc.integer({ min: 1, max: 3 }),
});

test('I-15: whatever was accepted, and whatever was refused beside it, the log alone gives the same tables', async () => {
  const accepted = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(event, { minLength: 1, maxLength: 6 }), { maxLength: 25 }),
      async (ticks) => {
        const storage = await openScratchSqlite('dev');
        const { ledger, time } = testLedger(storage);
        await append(ledger, ...opening(ids));
        for (const tick of ticks) {
          time.ms += 1;
          const results = await Promise.allSettled(
            tick.map(({ id, what, nth }) => append(ledger, ...events[what]!(id, nth))),
          );
          for (const [at, result] of results.entries()) {
            if (result.status === 'fulfilled') accepted.add(String(tick[at]!.what));
          }
        }
        const report = await replay(storage.reader, 'dev');
        assert.deepEqual(report.findings, []);
        assert.equal(report.entries, (await ledger.head()).size);
        await storage.close();
      },
    ),
    {
      numRuns: 60,
      // one history that goes the whole way, so that each kind of entry is met whatever the seed is
      examples: [
        [
          [0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 16, 17]
            .map((what) => [{ id: ids[0]!, what, nth: 1 }])
            .concat([0, 1, 9, 2, 10, 13, 11].map((what) => [{ id: ids[1]!, what, nth: 1 }]))
            .concat([0, 12].map((what) => [{ id: ids[2]!, what, nth: 1 }])),
        ],
      ],
    },
  );
  assert.equal(accepted.size, events.length);
});
