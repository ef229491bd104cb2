/** What holds of authorities on a database server: as tests, run for the real one, and for the double that stands in for it in the lab. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { limits } from '@imprint/contract/limits';
import { verifyLog } from '../../audit/verify.ts';
import { append, draft } from '../../ledger/history.test-kit.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import type { TickLedger } from '../../ledger/tick-ledger.ts';
import { unpackEntry } from '../packed-entry.ts';
import { withSnapshot } from '../snapshot.ts';
import type { Storage } from '../storage.ts';
import type { Cut } from './commit-proxy.test-kit.ts';

/** An authority's new, empty database on a server, and a storage whose way to it can be cut. */
export interface DatabaseOnServer {
  storage: Storage;
  /** As another process opens it, over a way of its own. */
  openAgain(): Promise<Storage>;
  /** How the next commit of `storage` goes wrong. */
  cutNextCommit(cut: Cut): void;
  /** Lets a commit arrive that was on its way. */
  arrive(): void;
  /** Whether somebody waits for the right to write. */
  isAwaited(): Promise<boolean>;
  /** Ends sessions of the writers or the readers, one or all; gives how many. */
  endSessions(which: 'imprint-writer' | 'imprint-reader', most?: number): Promise<number>;
  /** The server's clock, in milliseconds since 1970. */
  nowMs(): number;
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** Closes the storages that were opened. */
  close(): Promise<void>;
}

export interface ServerForTests {
  /** `isStopped`: the test stops the server, so that it has to have its own. */
  make(options?: { isStopped?: boolean; patienceMs?: number }): Promise<DatabaseOnServer>;
}

export const operator = (id: string) => draft('operator.registered', { operator_id: id });

/** The operators of the log in its order; the log is whole, and the tables are its projection. */
export async function operatorsOf(storage: Storage): Promise<string[]> {
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  const rows = await storage.reader.selectFrom('log_entry').selectAll().orderBy('log_index').execute();
  return rows.map(
    ({ packed }) => (decodeEntry(unpackEntry(packed)).data as { operator_id: string }).operator_id,
  );
}

/** Appends one entry each as a decision of its own, and counts how often each was decided. */
function submitAll(ledger: TickLedger, names: string[]) {
  const decided = new Map<string, number>();
  const done = Promise.all(
    names.map((name) =>
      ledger.submit(async () => {
        decided.set(name, (decided.get(name) ?? 0) + 1);
        return { entries: [operator(name)], reply: (firstIndex) => firstIndex };
      }),
    ),
  );
  return { decided, done };
}

export function serverSuite(name: string, { make }: ServerForTests): void {
  const on = (
    title: string,
    run: (database: DatabaseOnServer & { ledger: TickLedger }) => Promise<void>,
    options: Parameters<ServerForTests['make']>[0] & { decisionsPerTick?: number } = {},
  ) =>
    test(`${title} (${name})`, async () => {
      const { decisionsPerTick, ...rest } = options;
      const database = await make(rest);
      const { ledger } = testLedger(database.storage, decisionsPerTick ? { decisionsPerTick } : {});
      await run({ ...database, ledger });
      await ledger.close();
      await database.close();
    });

  on('I-29: a commit that never reached the server is done again, once', async (database) => {
    const { ledger, storage } = database;
    await append(ledger, operator('before'));
    database.cutNextCommit('before');
    const { decided, done } = submitAll(ledger, ['a', 'b']);
    assert.deepEqual(await done, [1, 2]);
    assert.deepEqual([...decided.values()], [2, 2]);
    assert.deepEqual(await operatorsOf(storage), ['before', 'a', 'b']);
  });

  on('I-29: a commit whose answer was lost is not done twice', async (database) => {
    const { ledger, storage } = database;
    await append(ledger, operator('before'));
    database.cutNextCommit('after');
    const { decided, done } = submitAll(ledger, ['a', 'b']);
    assert.deepEqual(await done, [1, 2]);
    assert.deepEqual([...decided.values()], [1, 1]);
    await append(ledger, operator('next'));
    assert.deepEqual(await operatorsOf(storage), ['before', 'a', 'b', 'next']);
  });

  on('I-29: a commit that arrives after its connection was given up is not done twice', async (database) => {
    const { ledger, storage } = database;
    database.cutNextCommit('late');
    const { decided, done } = submitAll(ledger, ['a', 'b']);
    while (!(await database.isAwaited()));
    database.arrive();
    assert.deepEqual(await done, [0, 1]);
    assert.deepEqual([...decided.values()], [1, 1]);
    assert.deepEqual(await operatorsOf(storage), ['a', 'b']);
  });

  on('a tick without entries whose answer was lost is decided again', async (database) => {
    database.cutNextCommit('after');
    let decided = 0;
    const decision = async () => {
      decided++;
      return { entries: [], reply: () => 'told' };
    };
    assert.equal(await database.ledger.submit(decision), 'told');
    assert.equal(decided, 2);
  });

  for (const how of ['fast', 'immediate'] as const) {
    on(
      `I-1, I-29: a server that is stopped (${how}) and started under load loses and doubles nothing`,
      async ({ ledger, storage, stop, start }) => {
        const names = Array.from({ length: 50 }, (_, at) => `op-${at}`);
        const { done } = submitAll(ledger, names);
        while ((await ledger.head()).size < 10);
        await stop(how);
        await start();
        assert.deepEqual(
          await done,
          names.map((_, at) => at),
        );
        assert.deepEqual(await operatorsOf(storage), names);
      },
      { isStopped: true, decisionsPerTick: 2 },
    );
  }

  on(
    'I-29: sessions that are ended at any moment lose and double nothing, for two authorities on one database',
    async ({ ledger, storage, openAgain, endSessions }) => {
      const second = testLedger(await openAgain(), { decisionsPerTick: 3 }).ledger;
      const names = ['x', 'y'].map((who) => Array.from({ length: 100 }, (_, at) => `${who}-${at}`));
      const all = Promise.all([ledger, second].map((each, at) => submitAll(each, names[at]!).done));
      const size = async () => (await ledger.head()).size;
      let lost = 0;
      // whenever the log has grown by some ticks, one of the two loses its session, whatever it is doing; a tick that is met at
      // every try, though, is given up in the end and told, as it should be
      for (let grown = await size(); grown < 190; ) {
        lost += await endSessions('imprint-writer', 1);
        const enough = Math.min(grown + 12, 190);
        while (grown < enough) grown = await size();
      }
      assert.ok(lost > 5, `${lost} sessions were ended`);
      const indexes = (await all).flat();
      assert.deepEqual(
        [...indexes].sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, at) => at),
      );
      const found = await operatorsOf(storage);
      assert.deepEqual(
        indexes.map((index) => found[index]),
        names.flat(),
      );
      await second.close();
    },
    { decisionsPerTick: 3 },
  );

  on(
    'a server that stays away is told after a bounded time, and writing goes on when it is back',
    async ({ ledger, storage, stop, start }) => {
      await append(ledger, operator('before'));
      await stop();
      const isTold = { code: 'storage_failed', message: /no connection/ };
      await assert.rejects(append(ledger, operator('a')), isTold);
      await assert.rejects(ledger.head(), isTold);
      assert.equal(ledger.writable, true);
      await start();
      assert.equal(await append(ledger, operator('a')), 1);
      assert.deepEqual(await operatorsOf(storage), ['before', 'a']);
    },
    { isStopped: true, patienceMs: 500 },
  );

  on(
    'a replica that hangs in its transaction is cut off by the server, and the others go on',
    async (database) => {
      const { storage: hanging, ledger } = database;
      const other = testLedger(await database.openAgain()).ledger;
      const hung = await hanging.writer.startTransaction().execute();
      assert.equal(await append(other, operator('a')), 0);
      await assert.rejects(hung.commit().execute(), (error) => hanging.fault(error) === 'lost');
      await hung
        .rollback()
        .execute()
        .catch(() => undefined);
      assert.equal(await append(ledger, operator('b')), 1);
      assert.deepEqual(await operatorsOf(hanging), ['a', 'b']);
    },
  );

  on(
    'a read goes on over sessions that were ended and a server that was restarted',
    async ({ storage, endSessions, stop, start }) => {
      const count = async () => (await storage.reader.selectFrom('operator').selectAll().execute()).length;
      await Promise.all([count(), count(), count(), count()]);
      await endSessions('imprint-reader');
      assert.deepEqual(await Promise.all([count(), count(), count(), count()]), [0, 0, 0, 0]);
      await stop();
      const reading = count();
      await start();
      assert.equal(await reading, 0);
    },
    { isStopped: true },
  );

  on(
    'who waits for the right to write gets it when the other has ended, and not before',
    async (database) => {
      const first = await database.storage.writer.startTransaction().execute();
      const other = await database.openAgain();
      let began = false;
      const second = other.writer.transaction().execute(async () => {
        began = true;
      });
      while (!(await database.isAwaited())) assert.equal(began, false);
      assert.equal(began, false);
      await first.commit().execute();
      await second;
      assert.equal(began, true);
    },
  );

  on('a snapshot does not see what others commit meanwhile, and holds up nobody', async ({ storage }) => {
    await withSnapshot(storage, async (reader) => {
      const count = async () => (await reader.selectFrom('operator').selectAll().execute()).length;
      assert.equal(await count(), 0);
      await storage.writer.insertInto('operator').values({ operator_id: 'a', registered_at: '' }).execute();
      assert.equal(await count(), 0);
    });
  });

  on('what one has not committed, nobody else sees', async ({ storage, openAgain }) => {
    const other = await openAgain();
    const count = async () => (await other.reader.selectFrom('operator').selectAll().execute()).length;
    const writing = await storage.writer.startTransaction().execute();
    await writing.insertInto('operator').values({ operator_id: 'a', registered_at: '' }).execute();
    assert.equal(await count(), 0);
    await writing.commit().execute();
    assert.equal(await count(), 1);
  });

  on(
    'constraints are enforced, readers cannot write, and a failed statement spoils its transaction',
    async (database) => {
      const { storage } = database;
      const operators = (db: Storage['reader'], id: string) =>
        db.insertInto('operator').values({ operator_id: id, registered_at: '' }).execute();
      await assert.rejects(operators(storage.reader, 'op'), { code: 'storage_failed' });
      const key = { public_key_sha256: 'a', device_id: 'none' };
      const tx = await storage.writer.startTransaction().execute();
      await operators(tx, 'a');
      const isRefused = (error: unknown) => storage.fault(error) === 'refused';
      await assert.rejects(tx.insertInto('public_key').values(key).execute(), isRefused);
      await assert.rejects(operators(tx, 'b'), isRefused);
      await assert.rejects(tx.commit().execute(), isRefused);
      await tx
        .rollback()
        .execute()
        .catch(() => undefined);
      assert.deepEqual(await storage.reader.selectFrom('operator').selectAll().execute(), []);
    },
  );

  on(
    'I-8: whose clock is off the server’s by more than the bound writes nothing, and stops nobody else',
    async (database) => {
      const { nowMs } = database;
      const [replica, other] = [database.storage, await database.openAgain()].map((storage) =>
        testLedger(storage, { serverClock: storage.serverClock }),
      );
      other!.time.ms = nowMs();
      await append(other!.ledger, operator('before'));
      for (const [at, offMs] of [
        3_600_000,
        limits.clockOffServerMs + 500,
        -limits.clockOffServerMs - 500,
        -3_600_000,
      ].entries()) {
        replica!.time.ms = nowMs() + offMs;
        for (const time of ['clock', 'accepted', 'of-last-entry'] as const) {
          const writing = replica!.ledger.submit(
            async () => ({ entries: [operator(`wrong.${at}.${time}`)], reply: () => undefined }),
            time,
          );
          await assert.rejects(writing, {
            code: 'clock_untrusted',
            message: new RegExp(`${offMs > 0 ? 'ahead of' : 'behind'} the clock of the database's server`),
          });
        }
        other!.time.ms = nowMs();
        await append(other!.ledger, operator(`other.${at}`));
      }
      replica!.time.ms = nowMs();
      assert.equal(await append(replica!.ledger, operator('set-right')), 5);
    },
  );
}
