/**
 * Judges what a line came to, from three sides that do not trust each other: the log's entries as they lie in the
 * database, the units themselves as read over their ports, and OpenSSL for every certificate.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { logEntries } from '@imprint/authority/audit/log-entries';
import { replay } from '@imprint/authority/audit/replay';
import { verifyLog } from '@imprint/authority/audit/verify';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { type AuditEntry, decodeEntry } from '@imprint/contract/audit/entry';
import { sha256Hex } from '@imprint/contract/hash';
import { DutSession } from '@imprint/station/dut-session';
import { TcpLink } from '@imprint/station/tcp-link';
import { systemTimers } from '@imprint/station/timers';
import { readCertificate } from 'imprint/authority-home';
import type { CrashLine } from './crash-line.ts';

export type LoggedEntry = AuditEntry & { index: number };
type Of<T extends AuditEntry['type']> = Extract<AuditEntry, { type: T }> & { index: number };

/** The whole log, entry after entry. */
export async function readLog(line: CrashLine): Promise<LoggedEntry[]> {
  const entries: LoggedEntry[] = [];
  for await (const row of logEntries(line.authority.ledger.reader)) {
    entries.push({ ...decodeEntry(row.bytes), index: row.log_index });
  }
  return entries;
}

export function ofType<T extends AuditEntry['type']>(entries: readonly LoggedEntry[], type: T): Of<T>[] {
  return entries.filter((entry) => entry.type === type) as Of<T>[];
}

/** Holds every unit up to `units` against log and tables. All must be done, or set aside with a reason. */
export async function judge(line: CrashLine, units: number): Promise<LoggedEntry[]> {
  await judgeLog(line);
  const entries = await readLog(line);
  judgeIssuing(entries);
  await judgeRegistry(line, entries, units);
  judgePasses(line, entries);
  for (let unit = 1; unit <= units; unit++) await judgeUnit(line, entries, unit);
  return entries;
}

/** I-15, I-16: tree, tiles and head are what the entries give, and replaying them gives the tables. */
async function judgeLog({ authority }: CrashLine): Promise<void> {
  const { realm } = authority.configuration;
  await withSnapshot(authority.storage, async (reader) => {
    const verified = await verifyLog(reader, { realm });
    assert.deepEqual(verified.findings, [], 'audit verify');
    assert.equal(verified.ok, true);
    const replayed = await replay(reader, realm);
    assert.deepEqual(replayed.findings, [], 'audit replay');
    assert.equal(replayed.differences, 0);
  });
}

/** I-2, I-7: one intent, at most one certificate; what was uncertain was never released; no key serves two IDs. */
function judgeIssuing(entries: LoggedEntry[]): void {
  const issued = ofType(entries, 'credential.issued');
  const ids = issued.map(({ data }) => data.credential_id);
  assert.equal(new Set(ids).size, ids.length, 'one intent gave at most one certificate');
  for (const { data, index } of ofType(entries, 'credential.revoked')) {
    if (data.reason !== 'intent-uncertain') continue;
    assert.ok(
      !ids.includes(data.credential_id),
      `${data.credential_id} was uncertain and was never released`,
    );
    assert.ok(index > 0);
  }
  const intents = ofType(entries, 'credential.intended');
  for (const { data, actor } of issued) {
    const intent = intents.find((each) => each.data.credential_id === data.credential_id);
    assert.equal(actor.id, intent?.data.owner, 'released by the process that intended it');
  }
  const serials = intents.map(({ data }) => data.serial);
  assert.equal(new Set(serials).size, serials.length, 'no serial was used twice');
  const tbs = intents.map(({ data }) => data.tbs_sha256);
  assert.equal(new Set(tbs).size, tbs.length, 'nothing was signed twice');
  const deviceOf = new Map<string, string>();
  for (const { data } of intents) {
    const known = deviceOf.get(data.public_key_sha256);
    assert.ok(
      known === undefined || known === data.device_id,
      `one key, two devices: ${known}, ${data.device_id}`,
    );
    deviceOf.set(data.public_key_sha256, data.device_id);
  }
}

/** I-7, I-23: the tables' own account of credentials and quota. */
async function judgeRegistry(line: CrashLine, entries: LoggedEntry[], units: number): Promise<void> {
  const db = line.authority.ledger.reader;
  const active = await db
    .selectFrom('credential')
    .select('device_id')
    .where('status', '=', 'active')
    .execute();
  assert.equal(
    new Set(active.map((row) => row.device_id)).size,
    active.length,
    'one active credential a device',
  );
  const open = await db.selectFrom('credential').select('serial').where('status', '=', 'intended').execute();
  assert.deepEqual(open, [], 'no intent is left open');
  const order = await db
    .selectFrom('production_order')
    .select(['issued', 'quantity'])
    .where('order_id', '=', line.orderId)
    .executeTakeFirstOrThrow();
  const distinct = new Set(ofType(entries, 'credential.intended').map(({ data }) => data.device_id));
  assert.equal(order.issued, distinct.size, 'quota used is the number of device IDs issued');
  assert.ok(order.issued <= order.quantity);
  assert.ok(distinct.size <= units);
  const busy = await db.selectFrom('job').select('device_id').where('active', '=', 1).execute();
  assert.deepEqual(busy, [], 'no attempt is left open');
}

/** I-27: no PASS without the authority's acknowledgement. */
function judgePasses({ events }: CrashLine, entries: LoggedEntry[]): void {
  const completed = new Set(ofType(entries, 'job.completed').map(({ data }) => data.job_id));
  for (const event of events) {
    if (event.event !== 'passed') continue;
    assert.ok(completed.has(String(event.job_id)), `PASS of ${String(event.device_id)} stands in the log`);
  }
}

/** I-2, I-24, I-25, I-26: one unit, by what it holds. */
async function judgeUnit(line: CrashLine, entries: LoggedEntry[], unit: number): Promise<void> {
  const id = line.deviceIds[unit - 1]!;
  const completed = ofType(entries, 'job.completed').filter(({ data }) => data.device_id === id);
  const held = await readUnit(line, unit);
  if (held !== null) judgeCertificate(line, entries, id, held);
  if (completed.length === 0) {
    const job = ofType(entries, 'job.opened').find(({ data }) => data.device_id === id);
    const aside = ofType(entries, 'job.quarantined').find(({ data }) => data.job_id === job?.data.job_id);
    assert.ok(aside && aside.data.reason.length > 10, `${id} is done, or was set aside with a reason`);
    return;
  }
  assert.equal(completed.length, 1, `${id} was completed once`);
  const board = await line.board(unit);
  assert.equal(board.device_id, id);
  assert.equal(board.public_key_sha256, completed[0]!.data.public_key_sha256);
  assert.equal(
    sha256Hex(held!),
    completed[0]!.data.certificate_sha256,
    'the unit holds what the record names',
  );
  assert.equal(board.debug_lock, 'locked');
  assert.deepEqual(board.boot_flags, { secure_boot: true, disable_jtag: true });
  assert.equal(board.needless_burns, 0, `${id}: nothing was burnt that was burnt already`);
  for (const [fuse, pulses] of Object.entries(board.fuse_pulses)) {
    assert.equal(pulses, 1, `${id}: ${fuse} had one pulse`);
  }
}

/** A certificate in a unit stands in the log, and before it an intent of exactly its to-be-signed bytes. */
function judgeCertificate(line: CrashLine, entries: LoggedEntry[], id: string, der: Uint8Array): void {
  const certificate = new X509Certificate(der);
  const issuer = new X509Certificate(readCertificate(line.authority.home, 'issuing'));
  assert.ok(certificate.verify(issuer.publicKey), `${id}: signed by the issuing CA`);
  assert.match(certificate.subject, new RegExp(`serialNumber=${id}(\\n|$)`));
  const issued = ofType(entries, 'credential.issued').find(
    ({ data }) => data.certificate_sha256 === sha256Hex(der),
  );
  assert.ok(issued, `${id}: its certificate stands in the log`);
  const intents = ofType(entries, 'credential.intended').filter(
    ({ data }) => data.tbs_sha256 === sha256Hex(toBeSigned(der)),
  );
  assert.equal(intents.length, 1, `${id}: one intent of these very bytes`);
  const [intent] = intents;
  assert.ok(intent!.index < issued.index, `${id}: the intent came first`);
  assert.equal(intent!.data.credential_id, issued.data.credential_id);
  assert.equal(BigInt(`0x${intent!.data.serial}`), BigInt(`0x${certificate.serialNumber}`));
  const revoked = ofType(entries, 'credential.revoked').find(
    ({ data }) => data.credential_id === intent!.data.credential_id,
  );
  assert.equal(revoked, undefined, `${id}: what it holds is not revoked`);
}

/** The first element inside a certificate's outer SEQUENCE, by its DER lengths alone (RFC 5280, 4.1). */
function toBeSigned(der: Uint8Array): Uint8Array {
  const headerAt = (at: number): { header: number; length: number } => {
    const first = der[at + 1]!;
    if (first < 0x80) return { header: 2, length: first };
    const bytes = der.subarray(at + 2, at + 2 + (first & 0x7f));
    return { header: 2 + bytes.length, length: bytes.reduce((sum, byte) => sum * 256 + byte, 0) };
  };
  const start = headerAt(0).header;
  const { header, length } = headerAt(start);
  return der.subarray(start, start + header + length);
}

/** The certificate that a unit gives out when it is asked, DER; null where it holds none. */
async function readUnit(line: CrashLine, unit: number): Promise<Uint8Array | null> {
  await line.lay(line.spare, unit);
  const dut = new DutSession(new TcpLink(line.spare.port), systemTimers);
  try {
    await dut.start();
    const status = await dut.call('status', {});
    if (status.certificate_sha256 === null) return null;
    const { device_cert_pem } = await dut.call('read_certs', {});
    return new Uint8Array(new X509Certificate(device_cert_pem).raw);
  } finally {
    await dut.close();
    await line.lift(line.spare);
  }
}
