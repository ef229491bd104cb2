import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { formatDeviceId } from '@imprint/contract/device-id';
import { verifyLog } from '../audit/verify.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import { ContractShelf } from './contract-shelf.ts';
import { checkContract } from './contracts.ts';
import { idFieldsOf } from './next-serials.ts';
import { closeOrder, createOrder, importIds, type OrderRequest } from './orders.ts';
import { raiseQuota } from './raise-quota.ts';

const text = readFileSync(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url), 'utf8');
const by = { kind: 'person', id: 'p-1' } as const;

describe('raising a quota', () => {
  let storage: Storage;
  let ledger: Ledger;
  let time: { ms: number };
  const entropy = (length: number) => new Uint8Array(length);
  const contracts = new ContractShelf();
  beforeEach(async () => {
    storage = await openScratchSqlite('dev');
    ({ ledger, time } = testLedger(storage));
  });
  afterEach(async () => {
    assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
    await storage.close();
  });

  const create = (change: Partial<OrderRequest> = {}, contract = text) =>
    createOrder(ledger, entropy, by, checkContract(contract, 'gateway.yaml'), {
      orderId: 'PO-1',
      sku: 'gateway-wifi',
      lot: 'lot-1',
      quantity: 3,
      scrapAllowance: 1,
      sites: ['s1'],
      stations: [],
      opensAt: '2026-01-01T00:00:00.000Z',
      closesAt: '2027-01-01T00:00:00.000Z',
      ids: { source: 'generated', site: 'M1', year: 2025 },
      ...change,
    });
  const raise = (quantity: number, scrap_allowance: number, through: Ledger = ledger) =>
    raiseQuota(through, { contracts, entropy }, by, {
      order_id: 'PO-1',
      quantity,
      scrap_allowance,
      reason: 'more are wanted',
    });
  const ids = async () =>
    (await ledger.reader.selectFrom('device').select('device_id').orderBy('device_id').execute()).map(
      ({ device_id }) => device_id.slice(0, -1),
    );

  test('its IDs go on under the site and year of those that it has, after all that were allocated meanwhile', async () => {
    await create();
    await create({ orderId: 'PO-2', quantity: 1, scrapAllowance: 0 });
    assert.deepEqual(await raise(4, 2), { order_id: 'PO-1', allocated: 6, quota: 6 });
    const own = await ledger.reader
      .selectFrom('device')
      .select('device_id')
      .where('order_id', '=', 'PO-1')
      .orderBy('device_id')
      .execute();
    assert.deepEqual(
      own.map(({ device_id }) => device_id.slice(0, -1)),
      [0, 1, 2, 3, 5, 6].map((serial) => `GW-M12500000${serial}`),
    );
    const row = await ledger.reader.selectFrom('production_order').selectAll().executeTakeFirstOrThrow();
    assert.deepEqual([row.quantity, row.scrap_allowance, row.issued], [4, 2, 0]);
  });

  test('the same numbers again change nothing, and go on where the allocation broke off', async () => {
    await create();
    let decisions = 0;
    const breaking: Ledger = {
      reader: ledger.reader,
      head: () => ledger.head(),
      submit: (decide, at) =>
        decisions++ < 1 ? ledger.submit(decide, at) : Promise.reject(new Error('killed')),
    };
    await assert.rejects(raise(6_000, 1, breaking), /killed/);
    assert.equal((await ids()).length, 5_004);
    assert.deepEqual(await raise(6_000, 1), { order_id: 'PO-1', allocated: 6_001, quota: 6_001 });
    const { size } = await ledger.head();
    await raise(6_000, 1);
    assert.equal((await ledger.head()).size, size);
  });

  test('I-23: neither number is ever lowered, nor traded for the other', async () => {
    await create();
    for (const [quantity, scrap] of [
      [2, 1],
      [3, 0],
      [9, 0],
      [2, 9],
    ] as const)
      await refuses(raise(quantity, scrap), 'bad_request', /neither is ever lowered/);
    await refuses(raise(2_000_000, 1), 'bad_request');
    await refuses(raise(3.5, 1), 'bad_request');
    assert.equal((await ids()).length, 4);
  });

  test('I-21: an order that is closed, or whose time is over, gives no more', async () => {
    await create();
    const { ms } = time;
    time.ms = Date.parse('2027-01-01T00:00:00.000Z');
    await refuses(raise(4, 1), 'order_closed', /is closed since/);
    time.ms = ms;
    await closeOrder(ledger, by, 'PO-1', 'done');
    await refuses(raise(4, 1), 'order_closed');
    await assert.rejects(
      ledger.submit(async () => ({
        entries: [
          {
            type: 'order.quota-raised',
            actor: by,
            data: { order_id: 'PO-1', quantity: 9, scrap_allowance: 9, reason: 'x' },
          },
        ],
        reply: () => undefined,
      })),
      { code: 'bad_request' },
    );
  });

  test('where the grammar has no more IDs nothing is raised', async () => {
    const short = text
      .replace(/body_length: \d+/, 'body_length: 1')
      .replace(/body_alphabet: .*/, 'body_alphabet: "0123456789"');
    await create({}, short);
    await refuses(raise(20, 1), 'quota_exhausted');
    const row = await ledger.reader.selectFrom('production_order').selectAll().executeTakeFirstOrThrow();
    assert.equal(row.quantity, 3);
  });

  test('an order of imported IDs takes as many more as its quota was raised by', async () => {
    await create({ ids: { source: 'imported' }, quantity: 1, scrapAllowance: 0 });
    const { grammar } = checkContract(text, 'gateway.yaml').contract.identity;
    const bring = (serial: number) =>
      importIds(ledger, contracts, by, 'PO-1', {
        text: `${formatDeviceId({ site: 'M1', year: 2026, serial }, grammar)}\n`,
        name: 'ids.csv',
      });
    await bring(1);
    await refuses(bring(2), 'quota_exhausted');
    assert.deepEqual(await raise(2, 0), { order_id: 'PO-1', allocated: 1, quota: 2 });
    assert.equal((await bring(2)).allocated, 2);
  });
});

test('the fields of an ID are read back as they were written', () => {
  const grammar = {
    ...{ prefix: 'X-', site_length: 2, year_length: 2 as const },
    ...{ body_alphabet: '0123456789', body_length: 4, check: 'none' as const },
  };
  assert.deepEqual(idFieldsOf('X-M1260007', grammar, 2025), { site: 'M1', year: 2026 });
  assert.deepEqual(idFieldsOf('X-M120260007', { ...grammar, year_length: 4 as const }, 1999), {
    site: 'M1',
    year: 2026,
  });
  const bare = { ...grammar, site_length: 0, year_length: 0 as const };
  assert.deepEqual(idFieldsOf('X-0007', bare, 2026), { year: 2026 });
  assert.deepEqual(idFieldsOf('any', { uuid: true }, 2026), { year: 2026 });
});
