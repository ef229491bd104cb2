import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { replay } from '../audit/replay.ts';
import { append, draft } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { ContractShelf } from './contract-shelf.ts';
import { type CheckedContract, checkContract, registerContract } from './contracts.ts';
import { parseIdList } from './id-list.ts';
import { listOrders, showOrder } from './order-view.ts';
import { closeOrder, createOrder, importIds, type OrderRequest } from './orders.ts';

const gatewayText = readFileSync(
  new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);
const gateway = checkContract(gatewayText, 'gateway.yaml');
const by = { kind: 'person', id: 'p-1' } as const;

/** The gateway under another ID grammar. */
function withGrammar(grammar: object, revision: string): CheckedContract {
  const text = gatewayText
    .replace(/grammar:[\s\S]*?derived_from/, `grammar: ${JSON.stringify(grammar)}\n  derived_from`)
    .replace('revision: "2026.1"', `revision: "${revision}"`);
  return checkContract(text, 'gateway.yaml');
}

const plain = (alphabet: string, length: number) => ({
  prefix: 'X-',
  site_length: 0,
  year_length: 0,
  body_alphabet: alphabet,
  body_length: length,
  check: 'none',
});

function request(orderId: string, change: Partial<OrderRequest> = {}): OrderRequest {
  return {
    orderId,
    sku: 'gateway-wifi',
    lot: 'lot-1',
    quantity: 3,
    scrapAllowance: 1,
    sites: ['s1'],
    stations: [],
    opensAt: '2026-01-01T00:00:00.000Z',
    closesAt: '2027-01-01T00:00:00.000Z',
    ids: { source: 'generated', site: 'M1', year: 2026 },
    ...change,
  };
}

async function registry() {
  const storage = await openScratchSqlite('dev');
  const { ledger } = testLedger(storage);
  let drawn = 0;
  const entropy = (length: number) => new Uint8Array(length).fill(drawn++);
  const create = (contract: CheckedContract, change: OrderRequest) =>
    createOrder(ledger, entropy, by, contract, change);
  const bring = (orderId: string, text: string) =>
    importIds(ledger, new ContractShelf(), by, orderId, { text, name: 'ids.csv' });
  const idsOf = async (orderId: string) =>
    (
      await storage.reader
        .selectFrom('device')
        .select('device_id')
        .where('order_id', '=', orderId)
        .orderBy('device_id')
        .execute()
    ).map((row) => row.device_id);
  return { storage, ledger, create, bring, idsOf };
}

test('an order gets as many IDs as its quota, and the next goes on after the last', async () => {
  const { create, idsOf, storage } = await registry();
  assert.deepEqual(await create(gateway, request('o-1')), { order_id: 'o-1', allocated: 4, quota: 4 });
  await create(gateway, request('o-2', { quantity: 2, scrapAllowance: 0 }));
  const bodies = [...(await idsOf('o-1')), ...(await idsOf('o-2'))].map((id) => id.slice(0, -1));
  assert.deepEqual(
    bodies,
    [0, 1, 2, 3, 4, 5].map((serial) => `GW-M12600000${serial}`),
  );
  // another site or year counts for itself
  await create(gateway, request('o-3', { ids: { source: 'generated', site: 'B7', year: 2027 } }));
  assert.match((await idsOf('o-3'))[0]!, /^GW-B727000000/);
  assert.deepEqual((await replay(storage.reader, 'dev')).findings, []);
});

test('generated IDs go on after imported ones, in whatever order the alphabet counts', async () => {
  const contract = withGrammar(plain('ZYA', 4), 'r-zya');
  const { create, bring, idsOf } = await registry();
  await create(contract, request('o-1', { ids: { source: 'imported' } }));
  // Z=0, Y=1, A=2: the highest is AYZZ, though it does not sort last
  await bring('o-1', 'X-ZZYA\nX-AYZZ\nX-YAAA\n');
  await create(
    contract,
    request('o-2', { quantity: 2, scrapAllowance: 0, ids: { source: 'generated', year: 2026 } }),
  );
  assert.deepEqual((await idsOf('o-2')).sort(), ['X-AYZA', 'X-AYZY']);
});

test('a grammar that has not enough serials left gives none at all', async () => {
  const contract = withGrammar(plain('01', 3), 'r-small');
  const { create, storage } = await registry();
  const ids = { source: 'generated', year: 2026 } as const;
  await create(contract, request('o-1', { quantity: 5, scrapAllowance: 0, ids }));
  await assert.rejects(create(contract, request('o-2', { quantity: 4, scrapAllowance: 0, ids })), {
    code: 'quota_exhausted',
  });
  assert.equal((await listOrders(storage.reader)).length, 1);
  await create(contract, request('o-2', { quantity: 3, scrapAllowance: 0, ids }));
});

test('an order of many thousands is allocated whole, over several entries and decisions', async () => {
  const { create, storage } = await registry();
  const stand = await create(gateway, request('o-1', { quantity: 11_500, scrapAllowance: 500 }));
  assert.equal(stand.allocated, 12_000);
  const { allocated, devices, remaining } = await showOrder(storage.reader, 'o-1');
  assert.deepEqual(
    { allocated, devices, remaining },
    { allocated: 12_000, devices: { allocated: 12_000 }, remaining: 12_000 },
  );
});

test('UUIDs are drawn, not counted', async () => {
  const { create, idsOf } = await registry();
  await create(
    withGrammar({ uuid: true }, 'r-uuid'),
    request('o-1', { ids: { source: 'generated', year: 2026 } }),
  );
  assert.equal(new Set(await idsOf('o-1')).size, 4);
});

const refused: Record<string, { change: Partial<OrderRequest>; code: string }> = {
  'an SKU that the contract has not': { change: { sku: 'gateway-5g' }, code: 'bad_request' },
  'a hardware revision that the contract has not': {
    change: { hardwareRevisions: ['Z9'] },
    code: 'bad_request',
  },
  'nobody who may work on it': { change: { sites: [] }, code: 'bad_request' },
  'no units': { change: { quantity: 0 }, code: 'bad_request' },
  'a closing before the opening': { change: { closesAt: '2025-01-01T00:00:00.000Z' }, code: 'bad_request' },
  'a site that does not fit the grammar': {
    change: { ids: { source: 'generated', site: 'M', year: 2026 } },
    code: 'device_id_invalid',
  },
  'an order ID with a slash': { change: { orderId: 'a/b' }, code: 'entry_invalid' },
  'a time that is none': { change: { closesAt: '2027-13-01T00:00:00.000Z' }, code: 'entry_invalid' },
};
for (const [what, { change, code }] of Object.entries(refused)) {
  test(`refuses an order with ${what}, and registers nothing`, async () => {
    const { create, ledger } = await registry();
    await assert.rejects(create(gateway, request('o-1', change)), { code });
    assert.equal((await ledger.head()).size, 0);
  });
}

test('refuses a second order of one ID, and a second text of one revision', async () => {
  const { create, ledger } = await registry();
  await create(gateway, request('o-1'));
  await assert.rejects(create(gateway, request('o-1')), { code: 'order_conflict' });
  const changed = checkContract(`${gatewayText}\n# changed`, 'gateway.yaml');
  await assert.rejects(create(changed, request('o-2')), { code: 'order_conflict' });
  await create(gateway, request('o-3'));
  const kept = await ledger.reader.selectFrom('contract').select('contract_sha256').execute();
  assert.deepEqual(kept, [{ contract_sha256: gateway.sha256 }]);
});

test('a file of IDs with anything wrong names each line and imports nothing', async () => {
  const contract = withGrammar(plain('0123456789', 4), 'r-plain');
  const { create, bring, idsOf } = await registry();
  await create(contract, request('o-0', { ids: { source: 'imported' } }));
  await bring('o-0', 'X-0009');
  await create(contract, request('o-1', { ids: { source: 'imported' } }));
  const wrong = 'device_id,lot\nX-0001,a\nX-00O2,a\n"X-0003",a\nX-0001,b\n,c\n';
  await assert.rejects(bring('o-1', wrong), (error: { code: string; context: { findings: object[] } }) => {
    assert.equal(error.code, 'file_invalid');
    assert.deepEqual(
      error.context.findings
        .map((finding) => finding as { line: number; column: number })
        .map(({ line, column }) => [line, column]),
      [
        [3, 5],
        [5, 1],
        [6, 1],
      ],
    );
    return true;
  });
  await assert.rejects(bring('o-1', 'X-0001\nX-0009\n'), {
    code: 'file_invalid',
    message: 'ids.csv:2:1: X-0009 belongs to order o-0 already',
  });
  await assert.rejects(bring('o-1', '\n\n'), { code: 'file_invalid' });
  await assert.rejects(bring('o-1', 'X-0001\n"X-0002\n'), { code: 'file_invalid' });
  await assert.rejects(bring('o-1', 'X-0001\nX-0002\nX-0003\nX-0004\nX-0005\n'), { code: 'quota_exhausted' });
  assert.deepEqual(await idsOf('o-1'), []);
  assert.equal((await bring('o-1', '\uFEFFdevice_id\r\nX-0001\r\n\r\n"X-0002"\r\n')).allocated, 2);
  assert.equal((await bring('o-1', 'lot,device_id\na,X-0003\n')).allocated, 3);
  assert.deepEqual(await idsOf('o-1'), ['X-0001', 'X-0002', 'X-0003']);
});

test('IDs go into open orders of the right kind only', async () => {
  const { create, bring, ledger } = await registry();
  await create(gateway, request('o-1'));
  await assert.rejects(bring('o-1', 'GW-M126000041S'), { code: 'bad_request' });
  await assert.rejects(bring('o-9', 'GW-M126000041S'), { code: 'unknown_order' });
  await create(gateway, request('o-2', { ids: { source: 'imported' } }));
  await closeOrder(ledger, by, 'o-2', 'enough');
  await assert.rejects(bring('o-2', 'GW-M126000041S'), { code: 'order_closed' });
  await assert.rejects(closeOrder(ledger, by, 'o-2', 'again'), { code: 'order_closed' });
  await assert.rejects(closeOrder(ledger, by, 'o-9', 'never'), { code: 'unknown_order' });
});

test('a cell is read as RFC 4180 has it', () => {
  const grammar = gateway.contract.identity.grammar;
  const text = 'note,device_id\n"a ""quoted"", thing",GW-M126000041S\n';
  assert.deepEqual(parseIdList(text, 'ids.csv', grammar), [
    { deviceId: 'GW-M126000041S', line: 2, column: 23 },
  ]);
});

test('a file of more IDs than one transaction takes is refused whole', () => {
  const grammar = withGrammar(plain('0123456789', 6), 'r-long').contract.identity.grammar;
  const text = Array.from({ length: 100_001 }, (_, at) => `X-${String(at).padStart(6, '0')}`).join('\n');
  assert.throws(() => parseIdList(text, 'ids.csv', grammar), {
    code: 'file_invalid',
    message: 'ids.csv:100001:1: the file names more than 100000 device IDs',
  });
  assert.equal(parseIdList(text.slice(0, text.lastIndexOf('\n')), 'ids.csv', grammar).length, 100_000);
});

test('a new contract that does not say what devices fetch in the field is refused; one that is registered stays good', async () => {
  const { ledger, create } = await registry();
  const old = checkContract(gatewayText.replace('operational: { validity_days: 90 }\n', ''), 'gateway.yaml');
  await assert.rejects(registerContract(ledger, by, old), /contract_invalid|does not say what it is/);
  await append(
    ledger,
    draft('contract.registered', {
      contract_sha256: old.sha256,
      product: old.contract.product,
      revision: old.contract.revision,
      text: old.text,
    }),
  );
  assert.equal((await create(old, request('o-1'))).order_id, 'o-1');
});
