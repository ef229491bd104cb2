/** Many devices by one act: what is refused disturbs no other, what was done before is found so, and only what was counted leaves. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Actor } from '@imprint/contract/audit/entry';
import { limits } from '@imprint/contract/limits';
import { type Line, openLine } from '../jobs/line.test-kit.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import type { Reading } from '../ledger/ledger.ts';
import type { ApprovedAct } from './approved.ts';
import { bring, idsOf, lead, lifecycleCore, manufactured } from './lifecycle.test-kit.ts';
import { type ListRequest, stockOfOrder, transitionList } from './transition-list.ts';

describe('a list of devices', () => {
  const ids = idsOf(12);
  let line: Line;
  before(async () => {
    line = await openLine(ids, {}, 64);
    for (const id of ids.slice(0, 8)) await manufactured(line, id);
  });
  after(() => line.close());

  const list = (some: readonly string[], change: Partial<ListRequest>, core = lifecycleCore(line, true)) => {
    const devices = some.map((deviceId) => ({ deviceId, reason: null }));
    const request = { by: lead, to: 'stocked' as const, reason: null, devices, count: null, dryRun: false };
    return transitionList(line.core.ledger, core, { ...request, ...change });
  };
  const sizeOf = async () => (await line.core.ledger.head()).size;
  const sums = ({ moved, before, refused }: { moved: number; before: number; refused: number }) => [
    moved,
    before,
    refused,
  ];

  test('a dry run says what would come of each device, and writes nothing', async () => {
    const size = await sizeOf();
    const outcome = await list([ids[0]!, ids[9]!, 'GW-NOBODY'], { dryRun: true });
    assert.deepEqual(
      outcome.outcomes.map(({ device_id, outcome, from, to, code }) => [device_id, outcome, from, to, code]),
      [
        [ids[0], 'moved', 'manufactured', 'stocked', null],
        [ids[9], 'refused', null, null, 'transition_refused'],
        ['GW-NOBODY', 'refused', null, null, 'unknown_device'],
      ],
    );
    assert.equal(await sizeOf(), size);
  });

  test('what is refused is told by device, the others move; the same list again moves none', async () => {
    const some = [...ids.slice(0, 4), ids[9]!];
    assert.deepEqual(sums(await list(some, {})), [4, 0, 1]);
    const size = await sizeOf();
    assert.deepEqual(sums(await list(some, {})), [0, 4, 1]);
    assert.equal(await sizeOf(), size);
  });

  test('a list that broke off goes on where it was: the rest moves, each once', async () => {
    const failing = { ...line.core.ledger, reader: line.core.ledger.reader } as typeof line.core.ledger;
    let left = 2;
    failing.submit = (decide, time) => {
      if (left-- <= 0) return Promise.reject(new Error('killed'));
      return line.core.ledger.submit(decide, time);
    };
    const devices = ids.slice(4, 8).map((deviceId) => ({ deviceId, reason: null }));
    const request = { by: lead, to: 'stocked' as const, reason: null, devices, count: null, dryRun: false };
    await assert.rejects(transitionList(failing, lifecycleCore(line), request), /killed/);
    assert.deepEqual(sums(await transitionList(line.core.ledger, lifecycleCore(line), request)), [2, 2, 0]);
  });

  test('I-21: what leaves in bulk leaves where as many were counted as the list has in stock, and else nothing leaves', async () => {
    const ship = { to: 'shipped' as const, reason: 'note 1' };
    const size = await sizeOf();
    await refuses(list(ids.slice(0, 3), ship), 'bad_request', /how many/);
    await refuses(list(ids.slice(0, 3), { ...ship, count: 4 }), 'count_wrong', /4 were counted.*list has 3/);
    const minted = [...ids.slice(0, 3), ids[9]!];
    await refuses(
      list(minted, { ...ship, count: 4 }),
      'count_wrong',
      /4 were counted, and 3 of the list can leave/,
    );
    await refuses(list([...minted, 'GW-NOBODY'], { ...ship, count: 5, dryRun: true }), 'count_wrong');
    assert.equal(await sizeOf(), size);
  });

  test('what has no live certificate keeps its list from leaving', async () => {
    const devices = [ids[6]!, ids[7]!];
    const revoke = async (status: 'active' | 'revoked') => {
      await line.core.ledger.submit(async () => ({
        entries: [],
        remember: async (tx) => {
          await tx.updateTable('credential').set({ status }).where('device_id', '=', ids[7]!).execute();
        },
        reply: () => undefined,
      }));
    };
    await revoke('revoked');
    const size = await sizeOf();
    await refuses(
      list(devices, { to: 'shipped', reason: 'note 1', count: 2 }),
      'count_wrong',
      /1 of the list/,
    );
    assert.equal(await sizeOf(), size);
    await revoke('active');
  });

  test('I-18: nobody ships in bulk alone; whoever approves sees how many and which, and is asked at every device', async () => {
    const ship = { to: 'shipped' as const, reason: 'note 1', count: 3 };
    const size = await sizeOf();
    await refuses(list(ids.slice(0, 3), ship, lifecycleCore(line)), 'approval_required', /device\.ship-bulk/);
    assert.equal(await sizeOf(), size);
    const seen: ApprovedAct[] = [];
    const approved = async (_reading: Reading, _by: Actor, act: ApprovedAct) => {
      seen.push(act);
      return [];
    };
    const core = { contracts: line.core.contracts, approved };
    assert.deepEqual(sums(await list(ids.slice(0, 3), ship, core)), [3, 0, 0]);
    assert.equal(seen.length, 4);
    assert.deepEqual(new Set(seen.map((act) => JSON.stringify(act))).size, 1);
    const [act] = seen;
    assert.ok(act?.act === 'device.ship-bulk' && act.parameters.count === 3);
    assert.match(act.parameters.devices_sha256, /^[0-9a-f]{64}$/);
  });

  test('one device ships without a second person', async () => {
    assert.deepEqual(
      sums(await list([ids[3]!], { to: 'shipped', reason: 'note 2' }, lifecycleCore(line))),
      [1, 0, 0],
    );
  });

  test('an order ships what it has in stock, and again after an interruption with what had left by then', async () => {
    const named = await stockOfOrder(line.core.ledger, 'order-1', 'note 3');
    assert.deepEqual(
      named.map(({ deviceId }) => deviceId),
      ids.slice(4, 8),
    );
    const ship = { to: 'shipped' as const, reason: 'note 3' };
    await list([ids[4]!], ship);
    const again = await stockOfOrder(line.core.ledger, 'order-1', 'note 3');
    assert.deepEqual(again, named);
    assert.deepEqual(sums(await list(ids.slice(4, 8), { ...ship, count: 4 })), [3, 1, 0]);
    await refuses(stockOfOrder(line.core.ledger, 'order-9', 'note 3'), 'unknown_order');
  });

  test('a device stands once in a list, and a list has an end', async () => {
    await refuses(list([ids[0]!, ids[0]!], {}), 'bad_request', /stands twice/);
    await refuses(list([], {}), 'bad_request', /1 to/);
  });

  test('more than a tick takes moves in several, and each of them is told of once it is durable', async () => {
    const many = await openLine(idsOf(limits.transitionsAtOnce + 3), {}, 2);
    try {
      const devices = idsOf(limits.transitionsAtOnce + 3).map((deviceId) => ({ deviceId, reason: null }));
      const request = {
        by: lead,
        to: 'scrapped' as const,
        reason: 'water',
        devices,
        count: null,
        dryRun: false,
      };
      const told: [number, number][] = [];
      const countScrapped = () =>
        many.core.ledger.reader
          .selectFrom('device')
          .select((device) => device.fn.countAll<number>().as('count'))
          .where('state', '=', 'scrapped')
          .executeTakeFirstOrThrow();
      const waiting: Promise<void>[] = [];
      await transitionList(many.core.ledger, lifecycleCore(many), request, (outcomes) => {
        waiting.push(countScrapped().then(({ count }) => void told.push([outcomes.length, Number(count)])));
      });
      await Promise.all(waiting);
      assert.deepEqual(
        told.map(([length]) => length),
        [limits.transitionsAtOnce, 3],
      );
      assert.ok(told.every(([, count]) => count >= limits.transitionsAtOnce));
    } finally {
      await many.close();
    }
  });

  test('a refusal in a list says where the device can go instead', async () => {
    await bring(line, ids[10]!, 'returned');
    const outcome = await list([ids[10]!], { to: 'stocked' });
    assert.match(outcome.outcomes[0]!.hint!, /From here it can become/);
  });
});
