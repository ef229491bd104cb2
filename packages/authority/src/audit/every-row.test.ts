/**
 * Every table that a database has is either judged, so that each rewritten, dropped or added row of it is named (I-15, I-16), or
 * stands here with the reason why the log cannot judge it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import {
  append,
  caEntries,
  configured,
  draft,
  h,
  opening,
  quarantined,
  revoked,
  uidOf,
  wholeWay,
} from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { createSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Tables } from '../storage/tables.ts';
import type { Finding } from './finding.ts';
import { verifyLog } from './verify.ts';

/** What is no projection of the log, and why nothing is lost with it. */
const notJudged: Record<string, string> = {
  imprint_schema: 'realm and version are compared whenever the database is opened',
  nonce: 'given for minutes; one that is lost or changed costs a retry, and proofs name theirs in the log',
  request: 'lets a request be repeated; without it the tables themselves refuse a second time',
  enrolment_token: 'a hash that is good for minutes, and a person compares the fingerprint',
  person: "people's names, which can be forgotten; the log knows pseudonyms",
  station_session: 'which session is live; a station opens another one',
  account_login:
    "people's names, and what they sign in with; the log knows accounts by ID and judges what they may do",
  configuration_secret: 'a sealed value whose hash is in the log: whoever opens it compares',
  account_session: 'an hour of being signed in; whoever loses it signs in again',
  open_check: 'a check that is under way; its result is in the log',
  crl_claim: 'who makes the next CRL; its number is only ever passed over',
  device_contact: 'when a device was heard last; it is heard again',
  device_refusal: 'how often a device was turned away; the first time of a kind is in the log',
  crl_file: 'a CRL whose hash is in the log: whoever serves it compares, and another one is made',
};

type Row = Record<string, unknown>;

describe('every row', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-every-row-'));
  let database: Database.Database;
  let reader: Kysely<Tables>;

  before(async () => {
    const file = join(folder, 'every', 'authority.db');
    const storage = await createSqlite(file, 'dev');
    const { ledger } = testLedger(storage);
    const id = 'SN-00000001';
    await append(ledger, ...opening([id, 'SN-00000002']));
    await append(
      ledger,
      draft('station.confirmed', {
        station_id: 'st-1',
        public_key_sha256: h('station key'),
        serial: '0123456789abcdef01',
        tbs_sha256: h('station tbs'),
        not_after: '2027-01-09T09:00:00.000Z',
        issuer_sha256: h('station ca of berlin'),
      }),
      draft('shift.opened', { shift_id: 's-1', station_id: 'st-1', operator_id: 'op-1' }),
    );
    await append(
      ledger,
      ...['first', 'second'].flatMap((which) => caEntries(which)),
      draft('keys.excluded', { realm: 'test', log_id: h('test log'), public_key_sha256s: [h('test key')] }),
      draft('root-crl.installed', {
        branch: 'device',
        number: 2,
        this_update: '2026-01-09T08:00:00.000Z',
        next_update: '2027-01-09T08:00:00.000Z',
        revoked: 1,
        crl_sha256: h('root crl'),
        crl_b64: 'AAAA',
      }),
      draft('bundle.published', { version: 1, sha256: h('bundle'), text: 'a bundle' }),
      draft('ca.retired', { ca_id: 'device-first', reason: 'replaced' }),
      draft('ca.compromised', {
        ca_id: 'device-second',
        since: '2026-01-09T08:00:00.000Z',
        reason: 'the token is missing',
      }),
      draft('certificate.disowned', {
        issuer_sha256: h('device-second'),
        serial: '7a01',
        certificate_sha256: h('forged'),
        not_after: '2036-01-09T08:00:00.000Z',
        certificate_b64: null,
      }),
    );
    await append(
      ledger,
      draft('order.quota-raised', { order_id: 'o-1', quantity: 5, scrap_allowance: 2, reason: 'more' }),
    );
    for (const entries of wholeWay(id)) await append(ledger, ...entries);
    const [opened, second] = wholeWay('SN-00000002');
    await append(ledger, ...opened!, ...second!, ...quarantined('SN-00000002'));
    await append(
      ledger,
      draft('operation.reported', {
        device_id: id,
        operation: 'calibration',
        outcome: 'pass',
        station_id: 'st-1',
        operator_id: 'op-1',
        note: 'well',
      }),
      draft('device.debug-allowed', { device_id: id, approval_id: 'ap-1', reason: 'field trial' }),
      draft('sample.registered', { device_id: id, kind: 'golden', check_every_minutes: 480 }),
      draft('check.recorded', {
        check_id: 'c-1',
        purpose: 'golden',
        device_id: id,
        hardware_uid: uidOf(id),
        station_id: 'st-1',
        lane: 1,
        operator_id: 'op-1',
        outcome: 'pass',
        nonce: h('check'),
        signature_b64: 'AAAA',
        failure_code: null,
      }),
      revoked(h('SN-00000002').slice(0, 32)),
      draft('crl.published', {
        issuer_sha256: h('ca'),
        partition: 3,
        partitions: 64,
        number: 9,
        this_update: '2026-01-09T08:00:00.000Z',
        next_update: '2026-01-09T08:45:00.000Z',
        crl_sha256: h('crl'),
        revoked: 1,
        log_size: 20,
      }),
      draft('responder.intended', {
        issuer_sha256: h('ca'),
        serial: '0123',
        profile_sha256: h('ocsp'),
        tbs_sha256: h('responder'),
        public_key_sha256: h('responder key'),
        not_before: '2026-01-09T08:00:00.000Z',
        not_after: '2026-01-12T08:00:00.000Z',
        owner: 'a-1',
      }),
      draft('responder.certified', {
        issuer_sha256: h('ca'),
        serial: '0123',
        certificate_sha256: h('responder certificate'),
        certificate_b64: 'AAAA',
      }),
      draft('server.intended', {
        issuer_sha256: h('ca'),
        serial: '0123',
        profile_sha256: h('server profile'),
        tbs_sha256: h('server'),
        public_key_sha256: h('server key'),
        not_before: '2026-01-09T08:00:00.000Z',
        not_after: '2026-01-12T08:00:00.000Z',
        owner: 'a-1',
      }),
      draft('server.certified', {
        issuer_sha256: h('ca'),
        serial: '0123',
        certificate_sha256: h('server certificate'),
        certificate_b64: 'AAAA',
      }),
      draft(
        'device.reported',
        {
          device_id: id,
          firmware: { build_id: 'fw-2', sha256: h('fw-2'), rollback_counter: 2 },
          configuration: { version: 3 },
        },
        { kind: 'device', id },
      ),
      draft('device.refused', { device_id: id, kind: 'not-shipped', certificate_sha256: h('certificate') }),
      draft('device.clone-suspected', {
        device_id: id,
        certificate_sha256: h('certificate'),
        evidence: 'two-places',
        detail: 'its key is in use at two places',
      }),
      draft('account.created', {
        account_id: 'ada',
        roles: ['administrator', 'ca-officer'],
        enrolled_by: null,
        reason: 'founding',
      }),
      draft('account.created', {
        account_id: 'ben',
        roles: ['line-lead'],
        enrolled_by: 'ada',
        reason: 'new',
      }),
      draft('account.disabled', { account_id: 'ben', reason: 'left' }),
      draft('token.created', {
        token_id: '00112233aabbccdd',
        account_id: 'ada',
        permissions: ['order.read'],
        secret_sha256: h('secret'),
        expires_at: '2026-03-09T09:00:00.000Z',
        reason: 'MES',
      }),
      draft('token.revoked', { token_id: '00112233aabbccdd', reason: 'lost' }),
      draft(
        'approval.requested',
        {
          approval_id: 'ap-1',
          act: 'debug.exception',
          subject: id,
          parameters: `{"device_id":"${id}"}`,
          parameters_sha256: h('parameters'),
          expires_at: '2026-03-09T09:00:00.000Z',
          reason: 'field trial',
        },
        { kind: 'person', id: 'ada' },
      ),
      draft('approval.granted', { approval_id: 'ap-1', reason: 'seen' }, { kind: 'person', id: 'cyd' }),
      draft('approval.used', { approval_id: 'ap-1' }, { kind: 'person', id: 'ada' }),
      draft('policy.changed', {
        approvals: 'required',
        order_limit: 500,
        site_limits: { berlin: 50 },
        reason: 'line two opens',
      }),
      draft('onboarding.policy-set', { product: 'gateway', enrolment: 'approval', reason: 'pilot' }),
      draft(
        'enrolment.requested',
        { enrolment_id: 'e-1', device_id: id, public_key_sha256: h('field key') },
        { kind: 'device', id },
      ),
      draft('enrolment.granted', { enrolment_id: 'e-1', reason: 'seen' }, { kind: 'person', id: 'ada' }),
      ...configured(id),
      draft('alarm.raised', { kind: 'clock', subject: 'source', detail: 'an hour ahead' }),
    );
    await ledger.close();
    await storage.close();
    database = new Database(file);
    // whoever has the file keeps to no references
    database.pragma('foreign_keys = OFF');
    reader = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  });
  after(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  /** What is found after the change, which is taken back; undefined where the tables themselves refuse it. */
  async function foundAfter(change: () => void): Promise<Finding[] | undefined> {
    database.exec('begin');
    try {
      try {
        change();
      } catch (error) {
        if (error instanceof Database.SqliteError) return undefined;
        throw error;
      }
      return (await verifyLog(reader, { realm: 'dev' })).findings;
    } finally {
      database.exec('rollback');
    }
  }

  const tables = () =>
    database
      .prepare<[], { name: string }>(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
      )
      .all()
      .map(({ name }) => name);
  const judged = () => tables().filter((table) => notJudged[table] === undefined);
  const keysOf = (table: string) =>
    (database.pragma(`table_info(${table})`) as { name: string; pk: number }[])
      .filter(({ pk }) => pk > 0)
      .sort((a, b) => a.pk - b.pk)
      .map(({ name }) => name);
  const whereOf = (table: string) =>
    keysOf(table)
      .map((key) => `"${key}" = @key_${key}`)
      .join(' and ');
  const bound = (table: string, row: Row) =>
    Object.fromEntries(keysOf(table).map((key) => [`key_${key}`, row[key]]));
  const rowsOf = (table: string) => database.prepare(`select * from "${table}"`).all() as Row[];

  it('each table is judged or has its reason, and each judged one has a row in this history', () => {
    for (const table of Object.keys(notJudged))
      assert.ok(tables().includes(table), `${table} is no table any more`);
    for (const table of judged()) assert.ok(rowsOf(table).length > 0, `${table} has no row`);
  });

  it('I-16: a changed value is named with table and row, whichever column it is in', async () => {
    let tried = 0;
    for (const table of judged()) {
      const row = rowsOf(table).at(-1)!;
      for (const column of Object.keys(row)) {
        for (const other of others(row[column])) {
          const findings = await foundAfter(() => {
            database
              .prepare(`update "${table}" set "${column}" = @other where ${whereOf(table)}`)
              .run({ ...bound(table, row), other });
          });
          if (findings === undefined) continue;
          tried++;
          assert.ok(
            findings.some((finding) => names(finding, table, row, keysOf(table), column, other)),
            `${table}.${column} ${String(row[column])} to ${String(other)}: ${JSON.stringify(findings).slice(0, 300)}`,
          );
        }
      }
    }
    assert.ok(tried > 150, `${tried} changes`);
  });

  it('I-16: a row that is gone is named', async () => {
    for (const table of judged()) {
      const row = rowsOf(table).at(-1)!;
      const findings = await foundAfter(() => {
        database.prepare(`delete from "${table}" where ${whereOf(table)}`).run(bound(table, row));
      });
      assert.ok(findings !== undefined && findings.length > 0, `${table}: nothing is found`);
      // of an entry, a tile or the head what is named is the place where it should be
      assert.ok(
        findings.some((finding) => finding.table === table || table.startsWith('log_')),
        table,
      );
    }
  });

  it('I-16: a row too many is named', async () => {
    for (const table of judged()) {
      const row = rowsOf(table).at(-1)!;
      const keys = keysOf(table);
      const copy: Row = { ...row };
      const last = keys.at(-1)!;
      copy[last] = typeof row[last] === 'number' ? (row[last] as number) + 1 : `${String(row[last])}x`;
      const columns = Object.keys(copy);
      const findings = await foundAfter(() => {
        const values = columns.map((column) => `@${column}`).join(', ');
        database
          .prepare(
            `insert into "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) values (${values})`,
          )
          .run(copy);
      });
      // what must be unique the tables refuse by themselves
      if (findings === undefined) continue;
      assert.ok(
        findings.some(
          (finding) =>
            finding.table === table || (table.startsWith('log_') && finding.table.startsWith('log_')),
        ),
        `${table} with ${JSON.stringify(copy).slice(0, 200)}: ${JSON.stringify(findings).slice(0, 200)}`,
      );
    }
  });
});

/** Other values of the same kind: a flipped bit, one more, another text, nothing where there was something and the reverse. */
function others(value: unknown): unknown[] {
  if (value === null) return ['x', 1];
  if (typeof value === 'number') return [value + 1, value ^ 4];
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    if (bytes.length > 0) bytes[bytes.length >> 1]! ^= 1;
    return [bytes.toString('latin1'), `${value} `, null];
  }
  const bytes = Buffer.from(value as Uint8Array);
  bytes[bytes.length >> 1]! ^= 0x10;
  return [bytes, bytes.subarray(0, bytes.length - 1)];
}

/** True where the finding is about this row, under its old key or its new one; of the log itself the table is enough. */
function names(
  { table: found, row: where }: Finding,
  table: string,
  row: Row,
  keys: readonly string[],
  column: string,
  other: unknown,
): boolean {
  if (table.startsWith('log_')) return found.startsWith('log_');
  const keyed = (values: Row) => keys.map((key) => `${key}=${values[key]}`).join(' ');
  return found === table && (where === keyed(row) || where === keyed({ ...row, [column]: other }));
}
