import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import fc from 'fast-check';
import { replay } from '../audit/replay.ts';
import { closeOrder } from '../registry/orders.ts';
import { endAttempt } from './end-attempt.ts';
import { CredentialIssuing } from './issue-credential.ts';
import {
  addStation,
  contract,
  contractSha256,
  type Line,
  openLine,
  requestId,
  signingWith,
  TestUnit,
} from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { presentedKey } from './presented-key.ts';
import { deviceOf, entriesOf, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const person = { kind: 'person', id: 'tester' } as const;
const [id, second, third] = ['GW-T100', 'GW-T200', 'GW-T300'] as const;

describe('quota', () => {
  test('I-23: more IDs than quota are allocated; one more than quota is refused when it is opened', async () => {
    const line = await openLine([id, second, third], { quantity: 1, scrap_allowance: 1 }, 4);
    await (await Walk.open(line, new TestUnit('u1'), id)).issue();
    const promised = await Walk.open(line, new TestUnit('u2'), second);
    await refuses(Walk.open(line, new TestUnit('u3'), third), 'quota_exhausted');
    await promised.issue();
    await refuses(Walk.open(line, new TestUnit('u3'), third), 'quota_exhausted');
    assert.equal(await quotaUsed(line), 2);
    await line.close();
  });

  test('I-23: what is promised to a unit that died before it had a key is free again after its lease', async () => {
    const line = await openLine([id, second], { quantity: 1 }, 4);
    const dead = await Walk.open(line, new TestUnit('u1'), id);
    await refuses(Walk.open(line, new TestUnit('u2'), second), 'quota_exhausted');
    line.pass(15 * 60_000);
    const next = await Walk.open(line, new TestUnit('u2'), second);
    await refuses(Walk.open(line, dead.unit, id), 'quota_exhausted');
    await next.issue();
    await refuses(Walk.open(line, dead.unit, id), 'quota_exhausted');
    assert.equal(await quotaUsed(line), 1);
    await line.close();
  });

  test('I-23: an intent that came to nothing is in the count, and its unit may still be certified', async () => {
    const line = await openLine([id, second], { quantity: 1 }, 4);
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    const broken = new CredentialIssuing(
      signingWith(line.core, { ...line.signer, sign: () => Promise.reject(new Error('gone')) }),
    );
    const request = { request_id: requestId(), attempt: 1, key: presentedKey(walk.unit.csr()) };
    await assert.rejects(broken.issue(line.caller, walk.jobId, request), /gone/);
    assert.equal(await quotaUsed(line), 1);
    await walk.issue();
    assert.equal(await quotaUsed(line), 1);
    await line.close();
  });

  test('I-21: a station provisions no more than its share of an order, and another goes on', async () => {
    const line = await openLine([id, second, third], { station_share: 1 }, 4);
    const other = await addStation(line.record, line.core, 'st-2', 4);
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    await refuses(Walk.open(line, new TestUnit('u2'), second), 'quota_exhausted', /share/);
    await walk.issue();
    await refuses(Walk.open(line, new TestUnit('u2'), second), 'quota_exhausted', /share/);
    await (await Walk.open(line, new TestUnit('u2'), second, {}, other)).issue();
    // its own unit, again and again, is no second one
    await (await Walk.open(line, walk.unit, id)).issue();
    await line.close();
  });

  test('I-21: a station does not get past its share by taking over the jobs of others', async () => {
    const line = await openLine([id, second], { station_share: 1 }, 4);
    const other = await addStation(line.record, line.core, 'st-2', 4);
    await (await Walk.open(line, new TestUnit('u1'), id)).issue();
    const theirs = await Walk.open(line, new TestUnit('u2'), second, {}, other);
    await theirs.issue();
    const taken = await Walk.open(line, theirs.unit, second);
    const mine = new TestUnit('u9');
    await refuses(taken.issue({ csr_b64: mine.csr() }), 'quota_exhausted', /share/);
    assert.equal((await entriesOf(line, 'credential.issued')).length, 2);
    await line.close();
  });
});

/** Two orders of three IDs and a quota of two each, two stations of two lanes, and a unit for every ID. */
const orders = { 'order-1': [id, second, third], 'order-2': ['GW-X1', 'GW-X2', 'GW-X3'] } as const;
const quota = 2;
const deviceIds = Object.values(orders).flat();

type Act = {
  do: 'open' | 'issue' | 'rekey' | 'fail' | 'crash' | 'wait' | 'close';
  device: number;
  station: 0 | 1;
};
const act: fc.Arbitrary<Act> = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constant('open' as const) },
    { weight: 6, arbitrary: fc.constant('issue' as const) },
    { weight: 2, arbitrary: fc.constantFrom('rekey' as const, 'crash' as const, 'fail' as const) },
    { weight: 1, arbitrary: fc.constantFrom('wait' as const, 'close' as const) },
  ),
  device: fc.nat(deviceIds.length - 1),
  station: fc.constantFrom(0 as const, 1 as const),
});

/** A floor on which acts come in any order and at the same moment, each perhaps refused. */
class Floor {
  readonly line: Line;
  readonly stations: StationCaller[];
  readonly units = deviceIds.map((_, at) => new TestUnit(`u${at}`));
  readonly walks = new Map<number, Walk>();

  constructor(line: Line, stations: StationCaller[]) {
    this.line = line;
    this.stations = stations;
  }

  static async make(): Promise<Floor> {
    const line = await openLine([...orders['order-1']], { quantity: quota });
    await line.record(
      {
        type: 'order.created',
        actor: person,
        data: {
          order_id: 'order-2',
          product: contract.product,
          sku: contract.skus[0]!,
          lot: 'lot-2',
          contract_sha256: contractSha256,
          hardware_revisions: [...contract.hardware_revisions],
          quantity: quota,
          scrap_allowance: 0,
          station_share: 1,
          id_source: 'imported',
          sites: [],
          stations: ['st-1', 'st-2'],
          opens_at: '2026-11-01T00:00:00.000Z',
          closes_at: '2026-12-31T00:00:00.000Z',
        },
      },
      {
        type: 'order.ids-allocated',
        actor: person,
        data: { order_id: 'order-2', device_ids: [...orders['order-2']] },
      },
    );
    return new Floor(line, [line.caller, await addStation(line.record, line.core, 'st-2', 2)]);
  }

  async run({ do: what, device, station }: Act): Promise<void> {
    const { line } = this;
    const unit = this.units[device]!;
    const walk = this.walks.get(device);
    switch (what) {
      case 'open':
        this.walks.set(device, await Walk.open(line, unit, deviceIds[device]!, {}, this.stations[station]!));
        return;
      case 'issue':
        await walk?.issue();
        return;
      case 'rekey':
        unit.rekey();
        await walk?.issue();
        return;
      case 'crash':
        await this.#crash(walk);
        return;
      case 'fail':
        if (walk) await this.#fail(walk);
        return;
      case 'wait':
        line.pass(8 * 60_000);
        return;
      case 'close':
        await closeOrder(line.core.ledger, person, device < 3 ? 'order-1' : 'order-2', 'enough');
    }
  }

  /** A process that recorded its intent and was killed: its signer never answers, and another process goes on. */
  async #crash(walk: Walk | undefined): Promise<void> {
    if (!walk) return;
    const { core, signer } = this.line;
    const dying = new CredentialIssuing({
      ...signingWith(core, { ...signer, sign: () => new Promise<never>(() => {}) }),
      processId: 'process-2',
    });
    const request = { request_id: requestId(), attempt: walk.attempt, key: presentedKey(walk.unit.csr()) };
    const outcome = dying.issue(walk.caller, walk.jobId, request);
    const settled = this.line.core.ledger.submit(async () => ({ entries: [], reply: () => undefined }));
    await Promise.race([outcome, settled.then(() => new Promise((resolve) => setImmediate(resolve)))]);
  }

  async #fail(walk: Walk): Promise<void> {
    await endAttempt(this.line.core, walk.caller, walk.jobId, {
      request_id: requestId(),
      attempt: walk.attempt,
      outcome: 'failed',
      step: 'write',
      failure_code: 'write_failed',
      reason: 'did not take it',
      durations_ms: {},
    });
  }

  async check(): Promise<void> {
    const db = this.line.core.ledger.reader;
    const intents = await entriesOf(this.line, 'credential.intended');
    for (const [orderId, ids] of Object.entries(orders)) {
      const distinct = new Set(
        intents
          .filter(({ data }) => (ids as readonly string[]).includes(data.device_id))
          .map(({ data }) => data.device_id),
      );
      assert.equal(await quotaUsed(this.line, orderId), distinct.size, 'quota used is distinct IDs issued');
      assert.ok(distinct.size <= quota, 'quota is never exceeded');
    }
    const credentials = await db.selectFrom('credential').select(['device_id', 'status']).execute();
    for (const deviceId of deviceIds) {
      const live = credentials.filter((row) => row.device_id === deviceId && row.status !== 'revoked');
      assert.ok(live.length <= 1, `${deviceId} has one credential that lives or may live`);
    }
    const inWork = await db
      .selectFrom('job')
      .select(['station_id'])
      .where('active', '=', 1)
      .where('lease_expires_at', '>', this.line.core.clock().toISOString())
      .execute();
    for (const { stationId } of this.stations) {
      assert.ok(
        inWork.filter((row) => row.station_id === stationId).length <= 2,
        'no more live jobs than lanes',
      );
    }
  }
}

describe('any interleaving of opens, issues, retries, failures, crashes and closures', () => {
  test('I-7, I-15, I-23: keeps the quota, leaks none of it, and leaves one credential a device at most', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(act, { minLength: 1, maxLength: 5 }), { maxLength: 14 }),
        async (rounds) => {
          const floor = await Floor.make();
          try {
            for (const round of rounds) {
              for (const outcome of await Promise.allSettled(round.map((one) => floor.run(one)))) {
                if (outcome.status === 'rejected' && !isImprintError(outcome.reason)) throw outcome.reason;
                if (outcome.status === 'rejected')
                  assert.notEqual(outcome.reason.code, 'internal', outcome.reason);
              }
              await floor.check();
            }
            assert.deepEqual((await replay(floor.line.core.ledger.reader, 'dev')).findings, []);
          } finally {
            await floor.line.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('I-23: an order is filled to its quota whatever failed before', async () => {
    const floor = await Floor.make();
    const { line } = floor;
    await Promise.allSettled([0, 1].map((device) => floor.run({ do: 'open', device, station: 0 })));
    await Promise.allSettled([0, 1].map((device) => floor.run({ do: 'crash', device, station: 0 })));
    line.pass(20 * 60_000);
    for (const device of [0, 1]) {
      await floor.run({ do: 'open', device, station: 0 });
      await floor.run({ do: 'issue', device, station: 0 });
    }
    assert.equal(await quotaUsed(line), quota);
    assert.equal(
      (await deviceOf(line, id)).credentials.filter(({ status }) => status === 'active').length,
      1,
    );
    await line.close();
  });
});
