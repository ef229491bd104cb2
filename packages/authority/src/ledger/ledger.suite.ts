/** The ledger's obligations as tests, run once for every storage. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { verifyLog } from '../audit/verify.ts';
import { unpackEntry } from '../storage/packed-entry.ts';
import type { Storage } from '../storage/storage.ts';
import {
  append,
  attemptStarted,
  draft,
  h,
  intended,
  issued,
  jobOpened,
  opening,
  order,
} from './history.test-kit.ts';
import type { Decision, Draft } from './ledger.ts';
import { TickLedger, type TickLedgerOptions } from './tick-ledger.ts';

export interface StorageForTests {
  storage: Storage;
  /** Opens the same database a second time, as another process would. */
  openAgain(): Promise<Storage>;
  dispose(): Promise<void>;
}

const shake = (text: string, outputLength: number) =>
  new Uint8Array(createHash('shake256', { outputLength }).update(text).digest());

const start = Date.parse('2026-01-09T08:00:00.000Z');

/** A ledger whose clock stands until a test moves it, and whose salts are counted. */
export function testLedger(
  storage: Storage,
  options: Pick<TickLedgerOptions, 'decisionsPerTick' | 'serverClock'> = {},
) {
  const time = { ms: start };
  let drawn = 0;
  const ledger = new TickLedger({
    storage,
    realm: 'dev',
    clock: () => new Date(time.ms),
    entropy: (length) => shake(`salts ${drawn++}`, length),
    ...options,
  });
  return { ledger, time };
}

export function ledgerSuite(name: string, open: () => Promise<StorageForTests>): void {
  const on = (
    title: string,
    run: (setUp: StorageForTests & ReturnType<typeof testLedger>) => Promise<void>,
  ) =>
    test(`${title} (${name})`, async () => {
      const opened = await open();
      const made = testLedger(opened.storage);
      try {
        await run({ ...opened, ...made });
        // whatever a test does, the log stays whole and the tables stay its projection
        const report = await verifyLog(opened.storage.reader, { realm: 'dev' });
        assert.deepEqual(report.findings, []);
      } finally {
        await made.ledger.close();
        await opened.dispose();
      }
    });
  const ids = ['SN-00000001', 'SN-00000002', 'SN-00000003'];
  const entriesOf = async (storage: Storage) =>
    (await storage.reader.selectFrom('log_entry').selectAll().orderBy('log_index').execute()).map((row) =>
      decodeEntry(unpackEntry(row.packed)),
    );

  on('what is submitted at once is one tick, in its order, at one time', async ({ ledger, storage }) => {
    await append(ledger, ...opening(ids));
    const firsts = await Promise.all(ids.map((id) => append(ledger, jobOpened(id), attemptStarted(id))));
    assert.deepEqual(firsts, [6, 8, 10]);
    const entries = await entriesOf(storage);
    assert.deepEqual(
      entries.slice(6).map((entry) => entry.type),
      ['job.opened', 'attempt.started', 'job.opened', 'attempt.started', 'job.opened', 'attempt.started'],
    );
    assert.equal(new Set(entries.map((entry) => entry.salt)).size, entries.length);
    assert.ok(entries.every((entry) => entry.at === '2026-01-09T08:00:00.000Z' && entry.realm === 'dev'));
    assert.equal((await ledger.head()).size, 12);
  });

  on('a decision sees what the one before it wrote in the same tick', async ({ ledger }) => {
    await append(ledger, ...opening(ids));
    const seen: (string | null)[] = [];
    await Promise.all(
      [0, 1].map(() =>
        ledger.submit(async ({ tx }) => {
          const { job_id } = await tx
            .selectFrom('device')
            .select('job_id')
            .where('device_id', '=', ids[0]!)
            .executeTakeFirstOrThrow();
          seen.push(job_id);
          return { entries: job_id === null ? [jobOpened(ids[0]!)] : [], reply: () => undefined };
        }),
      ),
    );
    assert.deepEqual(seen, [null, `j-${ids[0]}`]);
  });

  on('a decision that throws is refused alone, with its own error', async ({ ledger }) => {
    await append(ledger, ...opening(ids));
    const results = await Promise.allSettled([
      append(ledger, jobOpened(ids[0]!)),
      ledger.submit(async () => {
        throw new ImprintError('quota_exhausted', 'no more');
      }),
      append(ledger, jobOpened(ids[1]!)),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal((results[1] as PromiseRejectedResult).reason.code, 'quota_exhausted');
  });

  on('a draft that its schema refuses is refused alone, before anything is written', async ({ ledger }) => {
    await append(ledger, ...opening(ids));
    const long = draft('order.closed', { order_id: 'o-1', reason: 'x'.repeat(501) });
    const results = await Promise.allSettled([
      append(ledger, jobOpened(ids[0]!)),
      append(ledger, long),
      append(ledger, jobOpened(ids[1]!)),
    ]);
    assert.equal((results[1] as PromiseRejectedResult).reason.code, 'entry_invalid');
    assert.equal((await ledger.head()).size, 8);
  });

  const broken: Record<string, { entries: Draft[]; code: string }> = {
    'I-4: a serial twice for one issuer': {
      entries: [intended('SN-00000002', h('SN-00000001').slice(0, 32))],
      code: 'internal',
    },
    'I-7: one public key for two devices': {
      entries: [intended('SN-00000002', 'ab', 'key SN-00000001')],
      code: 'key_reused',
    },
    'I-7: two active credentials of one profile': {
      entries: [intended('SN-00000001', 'ab'), issued('SN-00000001', 'ab')],
      code: 'internal',
    },
    'two open jobs for one device': {
      entries: [jobOpened('SN-00000001', [{ kind: 'mcu-uid', value: 'other' }], 'j-other')],
      code: 'internal',
    },
    'two open jobs for one unit': {
      entries: [jobOpened('SN-00000003', [{ kind: 'mcu-uid', value: 'uid-SN-00000001' }], 'j-other')],
      code: 'internal',
    },
    'a certificate released twice': { entries: [issued('SN-00000001')], code: 'intent_uncertain' },
    'an ID allocated twice': {
      entries: [order('o-2', 1), draft('order.ids-allocated', { order_id: 'o-2', device_ids: ids })],
      code: 'internal',
    },
  };
  for (const [what, { entries, code }] of Object.entries(broken)) {
    on(`${what} is undone alone, and the rest of its tick stands`, async ({ ledger, storage }) => {
      await append(ledger, ...opening(ids));
      await append(ledger, jobOpened(ids[0]!), intended(ids[0]!), issued(ids[0]!));
      const results = await Promise.allSettled([
        append(ledger, jobOpened(ids[1]!)),
        append(ledger, ...entries),
        append(ledger, draft('operator.registered', { operator_id: 'op-2' })),
      ]);
      assert.equal((results[1] as PromiseRejectedResult).reason?.code, code);
      assert.deepEqual(
        [results[0], results[2]].map((result) => result!.status),
        ['fulfilled', 'fulfilled'],
      );
      assert.equal((await ledger.head()).size, 11);
      assert.equal((await entriesOf(storage)).at(-1)!.type, 'operator.registered');
    });
  }

  on('a `remember` that fails takes its entries with it', async ({ ledger, storage }) => {
    await append(ledger, ...opening(ids));
    const results = await Promise.allSettled([
      ledger.submit(async () => ({
        entries: [jobOpened(ids[0]!)],
        remember: async () => {
          throw new Error('not remembered');
        },
        reply: () => undefined,
      })),
      append(ledger, jobOpened(ids[1]!)),
    ]);
    assert.equal((results[0] as PromiseRejectedResult).reason.message, 'not remembered');
    const jobs = await storage.reader.selectFrom('job').select('job_id').execute();
    assert.deepEqual(jobs, [{ job_id: `j-${ids[1]}` }]);
  });

  on(
    'a decision without entries still remembers, and leaves the head where it is',
    async ({ ledger, storage }) => {
      const decision: Decision<string> = {
        entries: [],
        remember: async (tx) => {
          await tx
            .insertInto('person')
            .values({ operator_id: 'op-9', name: 'Ada', badge_sha256: h('badge') })
            .execute();
        },
        reply: (firstIndex) => `at ${firstIndex}`,
      };
      assert.equal(await ledger.submit(async () => decision), 'at 0');
      assert.equal((await ledger.head()).size, 0);
      assert.equal((await storage.reader.selectFrom('person').selectAll().execute()).length, 1);
    },
  );

  on(
    'I-8: nothing is written while the clock stands before the log, until it is set right',
    async ({ ledger, time, storage }) => {
      await append(ledger, ...opening(ids));
      time.ms -= 3_000;
      await append(ledger, jobOpened(ids[0]!));
      assert.equal((await entriesOf(storage)).at(-1)!.at, '2026-01-09T08:00:00.000Z');
      time.ms -= 3_600_000;
      await assert.rejects(append(ledger, jobOpened(ids[1]!)), { code: 'clock_untrusted' });
      assert.equal((await ledger.head()).size, 7);
      time.ms = start + 1;
      await append(ledger, jobOpened(ids[1]!));
      assert.equal((await entriesOf(storage)).at(-1)!.at, '2026-01-09T08:00:00.001Z');
    },
  );

  on(
    'tiles, frontier and root grow right over several tiles and a restart',
    async ({ ledger, storage, openAgain }) => {
      const many = Array.from({ length: 700 }, (_, at) =>
        draft('operator.registered', { operator_id: `op-${at}` }),
      );
      for (let at = 0, size = 1; at < many.length; at += size, size = ((size * 7) % 41) + 1) {
        await append(ledger, ...many.slice(at, at + size));
      }
      const second = await openAgain();
      const other = testLedger(second);
      await append(other.ledger, draft('operator.registered', { operator_id: 'after-restart' }));
      await append(ledger, draft('operator.registered', { operator_id: 'first-again' }));
      assert.equal((await ledger.head()).size, 702);
      assert.equal((await storage.reader.selectFrom('log_tile').select('level').execute()).length, 4);
      await other.ledger.close();
      await second.close();
    },
  );

  on('two ledgers on one database take turns', async ({ ledger, openAgain }) => {
    const second = await openAgain();
    const other = testLedger(second);
    const names = (who: string) => Array.from({ length: 60 }, (_, at) => `${who}-${at}`);
    await Promise.all(
      [ledger, other.ledger].flatMap((each, which) =>
        names(String(which)).map((operator_id) =>
          append(each, draft('operator.registered', { operator_id })),
        ),
      ),
    );
    assert.equal((await ledger.head()).size, 120);
    await other.ledger.close();
    await second.close();
  });

  on('what was submitted before closing is settled, and nothing after', async ({ ledger }) => {
    const before = append(ledger, ...opening(ids));
    const closing = ledger.close();
    await assert.rejects(append(ledger, jobOpened(ids[0]!)), { code: 'unavailable' });
    await closing;
    assert.equal(await before, 0);
  });

  on('a reply that throws is heard by its submitter alone', async ({ ledger }) => {
    await append(ledger, ...opening(ids));
    const results = await Promise.allSettled([
      ledger.submit(async () => ({
        entries: [jobOpened(ids[0]!)],
        reply: () => {
          throw new Error('no reply');
        },
      })),
      append(ledger, jobOpened(ids[1]!)),
    ]);
    assert.equal((results[0] as PromiseRejectedResult).reason.message, 'no reply');
    assert.equal((await ledger.head()).size, 8);
  });

  on('a tick takes no more than its cap, and the rest comes with the next', async ({ storage }) => {
    const { ledger } = testLedger(storage, { decisionsPerTick: 2 });
    const times: string[] = [];
    await Promise.all(
      Array.from({ length: 5 }, (_, at) =>
        ledger.submit(async ({ tx }) => {
          const { size } = await tx.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
          times.push(String(size));
          return {
            entries: [draft('operator.registered', { operator_id: `op-${at}` })],
            reply: () => undefined,
          };
        }),
      ),
    );
    assert.deepEqual(times, ['0', '0', '2', '2', '4']);
  });
}
