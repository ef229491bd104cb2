import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { beginning, World } from '../world.ts';
import { LogModel } from './log-model.ts';
import { Violations } from './violation.ts';

const uid = [{ kind: 'mcu-uid', value: 'AA' }];
const other = [{ kind: 'mcu-uid', value: 'BB' }];
const at = new Date(beginning).toISOString();
const order = {
  type: 'order.created',
  data: {
    order_id: 'o',
    quantity: 1,
    scrap_allowance: 0,
    stations: ['st-1'],
    opens_at: at,
    closes_at: '2027-01-01T00:00:00.000Z',
  },
};
const by = (id: string) => ({ actor: { kind: 'station', id } });
/** Boards that nobody knows, set aside one after another. */
const strangers = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    type: 'unit.quarantined',
    ...by('st-1'),
    data: { hardware_uid: [{ kind: 'mcu-uid', value: `X${n}` }] },
  }));
const ids = { type: 'order.ids-allocated', data: { order_id: 'o', device_ids: ['D1', 'D2'] } };
const opened = (job_id: string, device_id: string, hardware_uid = uid) => ({
  type: 'job.opened',
  data: { job_id, device_id, hardware_uid },
});
const intended = (n: number, changes: object = {}) => ({
  type: 'credential.intended',
  data: {
    credential_id: `c${n}`,
    job_id: 'j1',
    device_id: 'D1',
    profile: 'idevid',
    serial: `0${n}`.padEnd(18, '0'),
    tbs_sha256: `tbs ${n}`,
    public_key_sha256: `key ${n}`,
    not_before: at,
    not_after: '9999-12-31T23:59:59.000Z',
    ...changes,
  },
});
const raised = (quantity: number, kind: string) => ({
  type: 'order.quota-raised',
  actor: { kind, id: 'a' },
  data: { order_id: 'o', quantity, scrap_allowance: 0, reason: 'more' },
});
const revoked = (n: number) => ({
  type: 'credential.revoked',
  data: { credential_id: `c${n}`, serial: `0${n}`.padEnd(18, '0') },
});

describe('the model of the log', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'imprint-model-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** The invariants that a log of these entries breaks. */
  function broken(entries: { type: string; at?: string; data: object }[]): string[] {
    const file = join(folder, 'log.db');
    const database = new Database(file);
    database.exec('create table log_entry (log_index integer primary key, packed blob)');
    const insert = database.prepare('insert into log_entry values (?, ?)');
    for (const [index, entry] of entries.entries())
      insert.run(index, Buffer.from(JSON.stringify({ at, actor: { kind: 'system', id: 'a' }, ...entry })));
    database.close();
    const world = new World('model');
    const violations = new Violations(world);
    const model = new LogModel(world, violations);
    model.open(file);
    try {
      model.pull();
    } catch {
      // a job that was never opened is told before
    }
    model.close();
    return [...new Set(violations.list.map(({ invariant }) => invariant))];
  }
  const begun = [order, ids, opened('j1', 'D1')];

  const cases: [string, { type: string; at?: string; data: object }[], string[]][] = [
    ['a log without fault', [...begun, intended(1), revoked(1), intended(2)], []],
    ['two live certificates of one device', [...begun, intended(1), intended(2)], ['I-7']],
    [
      'one key for two devices',
      [
        ...begun,
        opened('j2', 'D2', other),
        intended(1),
        intended(2, { job_id: 'j2', device_id: 'D2', public_key_sha256: 'key 1' }),
      ],
      ['I-7', 'I-23'],
    ],
    [
      'more devices than the quota',
      [...begun, opened('j2', 'D2', other), intended(1), intended(2, { job_id: 'j2', device_id: 'D2' })],
      ['I-23'],
    ],
    [
      'as many devices as the quota was raised to',
      [
        ...[...begun, raised(2, 'person'), opened('j2', 'D2', other)],
        ...[intended(1), intended(2, { job_id: 'j2', device_id: 'D2' })],
      ],
      [],
    ],
    ['a quota that a station raises', [order, raised(2, 'station')], ['I-21']],
    ['a quota that is raised to what it is', [order, raised(1, 'person')], ['I-21']],
    [
      'a serial twice',
      [...begun, intended(1), revoked(1), intended(2, { serial: '01'.padEnd(18, '0') })],
      ['I-4'],
    ],
    ['a short serial', [...begun, intended(1, { serial: '0102' })], ['I-4']],
    ['an ID that no order has', [order, ids, opened('j1', 'D9'), intended(1, { device_id: 'D9' })], ['I-21']],
    [
      'a certificate that begins tomorrow',
      [...begun, intended(1, { not_before: new Date(beginning + 86_400_000).toISOString() })],
      ['I-8'],
    ],
    [
      'an entry of next year',
      [{ ...order, at: new Date(beginning + 365 * 86_400_000).toISOString() }],
      ['I-8'],
    ],
    [
      'two intents of one TBS',
      [...begun, intended(1), revoked(1), intended(2, { tbs_sha256: 'tbs 1' })],
      ['I-2'],
    ],
    [
      'a release without an intent',
      [...begun, { type: 'credential.issued', data: { credential_id: 'c9', certificate_b64: '' } }],
      ['I-2'],
    ],
    ['a second board under one ID', [...begun, opened('j2', 'D1', other)], ['I-7']],
    ['a second ID for one board', [...begun, opened('j2', 'D2')], ['I-7']],
    ['sealed before it was proven', [...begun, { type: 'job.sealed', data: { job_id: 'j1' } }], ['I-25']],
    [
      'shipped by nobody',
      [
        ...begun,
        { type: 'device.transitioned', data: { device_id: 'D1', from: 'allocated', to: 'shipped' } },
      ],
      ['I-21'],
    ],
    [
      'a transition from where the device is not',
      [
        ...begun,
        { type: 'device.transitioned', data: { device_id: 'D1', from: 'stocked', to: 'quarantined' } },
      ],
      ['I-15'],
    ],
    ['a job that a station of the order opens', [order, ids, { ...opened('j1', 'D1'), ...by('st-1') }], []],
    ['a job that another station opens', [order, ids, { ...opened('j1', 'D1'), ...by('st-2') }], ['I-21']],
    [
      'a job of an order that is not open yet',
      [
        { ...order, data: { ...order.data, opens_at: '2026-12-01T00:00:00.000Z' } },
        ids,
        { ...opened('j1', 'D1'), ...by('st-1') },
      ],
      ['I-21'],
    ],
    [
      'a board that another station sets aside',
      [...begun, { type: 'unit.quarantined', ...by('st-2'), data: { hardware_uid: uid } }],
      ['I-21'],
    ],
    [
      'more than the share of a station',
      [
        { ...order, data: { ...order.data, quantity: 2, station_share: 1 } },
        ids,
        opened('j1', 'D1'),
        opened('j2', 'D2', other),
        { ...intended(1), ...by('st-1') },
        { ...intended(2, { job_id: 'j2', device_id: 'D2' }), ...by('st-1') },
      ],
      ['I-21'],
    ],
    ['as many strange boards set aside as may be', [order, ...strangers(30)], []],
    ['one strange board more', [order, ...strangers(31)], ['I-21']],
    ['work on a job that nobody opened', [{ type: 'job.sealed', data: { job_id: 'j7' } }], ['I-15']],
  ];
  for (const [title, entries, invariants] of cases) {
    it(`finds ${title}: ${invariants.join(' and ') || 'nothing'}`, () => {
      assert.deepEqual(broken(entries), invariants);
    });
  }
});
