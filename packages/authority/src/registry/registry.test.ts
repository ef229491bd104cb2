import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryData } from '@imprint/contract/audit/entry';
import { csvLine, exportDevices, exportEntries } from '../audit/export.ts';
import {
  append,
  attemptEnded,
  attemptStarted,
  draft,
  h,
  jobOpened,
  opening,
  quarantined,
  wholeWay,
} from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { makeKey } from '../signer/software.ts';
import { unpackEntry } from '../storage/packed-entry.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { badgeHash } from '../trust/badge-hash.ts';
import { deviceAsBuilt, listDevices, showDevice } from './devices.ts';
import { listOperators, registerOperator } from './operators.ts';
import { showOrder } from './order-view.ts';

const ids = ['SN-00000001', 'SN-00000002', 'SN-00000003', 'SN-00000004'];

/** One unit that passed at once, one after a failed attempt, one that was set aside, and one that nobody has met. */
async function aFactory() {
  const storage = await openScratchSqlite('dev');
  const { ledger } = testLedger(storage);
  await append(ledger, ...opening(ids));
  for (const entries of wholeWay(ids[0]!)) await append(ledger, ...entries);
  const [begun, ...rest] = wholeWay(ids[1]!);
  await append(ledger, ...begun!);
  await append(ledger, attemptEnded(ids[1]!), attemptStarted(ids[1]!, 2));
  for (const entries of rest) await append(ledger, ...entries);
  await append(ledger, jobOpened(ids[2]!), attemptStarted(ids[2]!), ...quarantined(ids[2]!));
  return { storage, ledger };
}

test('a device is shown with every field of its registry and the history of each', async () => {
  const { storage, ledger } = await aFactory();
  await append(
    ledger,
    draft('operation.reported', {
      device_id: ids[0]!,
      operation: 'final-test',
      outcome: 'pass',
      station_id: 'st-1',
      operator_id: null,
      note: null,
    }),
  );
  const device = await showDevice(storage.reader, ids[0]!);
  const { history, credentials, ...fields } = device;
  assert.deepEqual(fields, {
    device_id: ids[0],
    state: 'manufactured',
    hardware_uid: [{ kind: 'mcu-uid', value: `uid-${ids[0]}` }],
    order_id: 'o-1',
    product: 'gateway',
    sku: 'gateway-wifi',
    lot: 'lot-1',
    hw_rev: 'B2',
    allocated_at: '2026-01-09T08:00:00.000Z',
    manufactured_at: '2026-01-09T08:00:00.000Z',
    contract_sha256: h('contract'),
    contract_revision: 'r1',
    firmware: { build_id: 'fw-1', sha256: h('fw'), rollback_counter: 1 },
    last_seen_firmware: 'fw-1',
    reported: null,
    contacts: { seen: [], refused: [] },
    debug_exception: null,
    site: 'berlin',
    station_id: 'st-1',
    operator_id: 'op-1',
    operator: null,
    rma_count: 0,
    job: { job_id: `j-${ids[0]}`, state: 'done', attempts: 1, reason: null },
    operations: [
      {
        operation: 'final-test',
        outcome: 'pass',
        station_id: 'st-1',
        reported_at: '2026-01-09T08:00:00.000Z',
      },
    ],
    completed_index: 13,
  });
  assert.equal(credentials.length, 1);
  assert.deepEqual(
    [credentials[0]!.status, credentials[0]!.issuer_sha256, credentials[0]!.serial],
    ['active', h('ca'), h(ids[0]!).slice(0, 32)],
  );
  assert.deepEqual(
    history.map(({ field, value }) => `${field}: ${value}`),
    [
      'state: allocated',
      `hardware_uid: mcu-uid=uid-${ids[0]}`,
      `job_id: j-${ids[0]}`,
      'firmware: fw-1',
      'station: berlin/st-1',
      `credential idevid: ${h(ids[0]!).slice(0, 32)} intended`,
      `credential idevid: ${h(ids[0]!).slice(0, 32)} active`,
      `completed: j-${ids[0]}`,
      'manufactured_at: 2026-01-09T08:00:00.000Z',
      'state: manufactured',
      'operation final-test: pass',
    ],
  );
  await assert.rejects(showDevice(storage.reader, 'SN-9'), { code: 'unknown_device' });
});

test('a device that nobody has met is shown as its order has it', async () => {
  const { storage } = await aFactory();
  const device = await showDevice(storage.reader, ids[3]!);
  assert.deepEqual(
    [device.state, device.job, device.firmware, device.credentials],
    ['allocated', null, null, []],
  );
  await assert.rejects(deviceAsBuilt(storage.reader, ids[3]!), { code: 'job_state_wrong' });
});

test('as built: the exact manifest, contract, configuration and firmware, attempt by attempt', async () => {
  const { storage } = await aFactory();
  const built = await deviceAsBuilt(storage.reader, ids[1]!);
  assert.deepEqual(
    [built.contract, built.contract_sha256, built.manifest, built.factory_config],
    ['x', h('contract'), '{}', '{}'],
  );
  assert.deepEqual(
    built.attempts.map((attempt) => [
      attempt.attempt,
      attempt.outcome,
      attempt.firmware_sha256,
      attempt.durations_ms,
    ]),
    [
      [1, 'failed', h('fw'), { write: 120 }],
      [2, 'passed', h('fw'), { key: 60, write: 120 }],
    ],
  );
});

test('a job that is done keeps no text beside the log, and what it was told and said is read there', async () => {
  const { storage } = await aFactory();
  const job = { job_id: `j-${ids[0]}` };
  const beside = await storage.reader
    .selectFrom('job_document')
    .select('kind')
    .where('job_id', '=', job.job_id)
    .execute();
  assert.deepEqual(beside, []);
  const { manifest, written, sealed } = await deviceAsBuilt(storage.reader, ids[0]!);
  assert.equal(manifest, '{}');
  assert.equal((written as EntryData<'job.written'>).read_back.device_id, ids[0]);
  assert.deepEqual((sealed as EntryData<'job.sealed'>).job_id, job.job_id);
  for (const elsewhere of [0, 1_000_000, null]) {
    await storage.writer
      .updateTable('job')
      .set({ written_index: elsewhere })
      .where('job_id', '=', job.job_id)
      .execute();
    await assert.rejects(deviceAsBuilt(storage.reader, ids[0]!), { code: 'log_inconsistent' });
  }
});

test('devices are listed by page, each once', async () => {
  const { storage } = await aFactory();
  const seen: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listDevices(storage.reader, { limit: 3, ...(after === undefined ? {} : { after }) });
    seen.push(...page.devices.map((device) => device.device_id));
    if (page.next === null) break;
    after = page.next;
  }
  assert.deepEqual(seen, ids);
  const aside = await listDevices(storage.reader, {
    state: 'quarantined',
    orderId: 'o-1',
    stationId: 'st-1',
  });
  assert.deepEqual(
    aside.devices.map((device) => [device.device_id, device.failure_code]),
    [[ids[2], 'proof_wrong']],
  );
});

test('an order counts its units by outcome, and its yield from attempts', async () => {
  const { storage } = await aFactory();
  const order = await showOrder(storage.reader, 'o-1');
  assert.deepEqual(
    [order.issued, order.remaining, order.devices, order.jobs, order.yield],
    [
      2,
      2,
      { allocated: 1, manufactured: 2, quarantined: 1 },
      { open: 0, done: 2, quarantined: 1, abandoned: 0 },
      { ended: 3, first_pass: 1, retested: 1, scrapped: 1, first_pass_yield: 0.3333, final_yield: 0.6667 },
    ],
  );
});

test('the log names an operator by a pseudonym alone, and a badge serves one person', async () => {
  const { storage, ledger } = await aFactory();
  let drawn = 0;
  const badgeKey = makeKey('ed25519');
  const register = (name: string, badge: string) =>
    registerOperator(
      ledger,
      (length) => new Uint8Array(length).fill(++drawn),
      { kind: 'person', id: 'p' },
      { name, badge },
      badgeHash(badgeKey),
    );
  const { operator_id } = await register('Ada Lovelace', 'BADGE-1815');
  for await (const line of exportEntries(storage.reader)) assert.doesNotMatch(line, /Lovelace|BADGE/);
  assert.deepEqual(
    (await listOperators(storage.reader)).find((row) => row.operator_id === operator_id)!.name,
    'Ada Lovelace',
  );
  await assert.rejects(register('Another', 'BADGE-1815'), { code: 'bad_request' });
  await assert.rejects(register('Another', 'x y'), { code: 'bad_request' });
  await assert.rejects(register('  ', 'BADGE-2'), { code: 'bad_request' });
});

test('exported entries are the bytes that the log hashes, and no exported cell is a formula', async () => {
  const { storage } = await aFactory();
  const rows = await storage.reader.selectFrom('log_entry').selectAll().orderBy('log_index').execute();
  let at = 0;
  for await (const line of exportEntries(storage.reader)) {
    assert.equal(line, `{"index":${at},"entry":${Buffer.from(unpackEntry(rows[at]!.packed))}}\n`);
    at++;
  }
  assert.equal(at, rows.length);
  const lines: string[] = [];
  for await (const line of exportDevices(storage.reader)) lines.push(line);
  assert.equal(lines.length, 1 + ids.length);
  assert.match(lines[1]!, /^"SN-00000001","o-1","manufactured",/);
  assert.equal(
    csvLine(['=1+1', '+x', '-x', '@x', '\tx', 'a"b', 7, -7, null, undefined]),
    `"'=1+1","'+x","'-x","'@x","'\tx","a""b",7,-7,,\r\n`,
  );
  assert.equal(
    csvLine([' =1', '\n-1', '＝1', '＋1', '－1', '＠1']),
    `"' =1","'\n-1","'＝1","'＋1","'－1","'＠1"\r\n`,
  );
  assert.equal(csvLine(['a;=1,=2\r\n=3', 'x-1', '1=1']), '"a;=1,=2\r\n=3","x-1","1=1"\r\n');
});
