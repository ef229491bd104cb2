/**
 * The bytes that a unit signs. The unit composes them itself from what it holds, so that no station can make it
 * sign anything else; the authority and whoever holds a receipt compose them again from the record.
 */
import { z } from 'zod';
import { type HardwareUid, hardwareUidText } from '../hardware-uid.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const printable = z.string().regex(/^[\x21-\x7e]{1,128}$/);

export const debugLock = z.enum(['open', 'locked', 'locked-permanently']);
export type DebugLock = z.infer<typeof debugLock>;

export const bootFlags = z.record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), z.boolean());
export type BootFlags = z.infer<typeof bootFlags>;

/** What Prove binds: who (realm, log, device, hardware), for what (job, attempt), with what (certificate, contract), when (nonce). */
export interface ProveStatement {
  realm: string;
  /** SHA-256 of the log's Ed25519 public key (32 bytes), hex. */
  logId: string;
  jobId: string;
  attempt: number;
  deviceId: string;
  hardwareUid: HardwareUid;
  /** SHA-256 of the device certificate, DER, hex. */
  certificateSha256: string;
  /** SHA-256 of the contract's file, hex. */
  contractSha256: string;
  /** 32 bytes, hex. */
  nonce: string;
}

/** The state that Attest adds: all of it as the unit reads it in its own registers and storage. */
export const attestedState = z.strictObject({
  debug_lock: debugLock,
  boot_flags: bootFlags,
  firmware_build_id: printable,
  firmware_sha256: hash,
  rollback_counter: z.int().min(0),
  boot_count: z.int().min(0),
  trust_anchor_sha256: hash,
  factory_config_sha256: hash,
  storage_map_sha256: hash,
});
export type AttestedState = z.infer<typeof attestedState>;

const encoder = new TextEncoder();

function line(name: string, value: string): string {
  // A line break or control character in a value could forge a further line, so nothing of the kind gets in.
  if (!/^[\x20-\x7e]*$/.test(value)) throw new TypeError(`${name} holds a character outside printable ASCII`);
  return `${name}=${value}\n`;
}

function proveLines(statement: ProveStatement): string {
  return (
    line('realm', statement.realm) +
    line('log', statement.logId) +
    line('job', statement.jobId) +
    line('attempt', String(statement.attempt)) +
    line('device_id', statement.deviceId) +
    line('hardware_uid', hardwareUidText(statement.hardwareUid)) +
    line('certificate_sha256', statement.certificateSha256) +
    line('contract_sha256', statement.contractSha256) +
    line('nonce', statement.nonce)
  );
}

/** The exact bytes of a Prove statement: `imprint prove v1`, then one `name=value` a line, in fixed order, ASCII. */
export function proveBytes(statement: ProveStatement): Uint8Array {
  return encoder.encode(`imprint prove v1\n${proveLines(statement)}`);
}

/** The exact bytes of an Attest statement: `imprint attest v1`, the lines of Prove, then the attested state. */
export function attestBytes(statement: ProveStatement, state: AttestedState): Uint8Array {
  const flags = Object.keys(state.boot_flags)
    .sort()
    .map((name) => `${name}:${state.boot_flags[name] ? 1 : 0}`)
    .join(',');
  return encoder.encode(
    `imprint attest v1\n${proveLines(statement)}` +
      line('debug_lock', state.debug_lock) +
      line('boot_flags', flags) +
      line('firmware_build_id', state.firmware_build_id) +
      line('firmware_sha256', state.firmware_sha256) +
      line('rollback_counter', String(state.rollback_counter)) +
      line('boot_count', String(state.boot_count)) +
      line('trust_anchor_sha256', state.trust_anchor_sha256) +
      line('factory_config_sha256', state.factory_config_sha256) +
      line('storage_map_sha256', state.storage_map_sha256),
  );
}

/**
 * What the log says to one unit so that it takes a new identity though it is sealed. It names the certificate that the unit
 * holds, so that it is spent once the unit holds another.
 */
export interface ReopenStatement {
  realm: string;
  /** SHA-256 of the log's Ed25519 public key (32 bytes), hex. */
  logId: string;
  /** The job for which the unit is to be written anew. */
  jobId: string;
  deviceId: string;
  hardwareUid: HardwareUid;
  /** SHA-256 of the certificate that the unit holds, DER, hex. */
  certificateSha256: string;
}

/**
 * The exact bytes of a Reopen statement, which the log's key signs: `imprint reopen v1`, then one `name=value` a line. No
 * checkpoint begins so: an origin holds no space.
 */
export function reopenBytes(statement: ReopenStatement): Uint8Array {
  return encoder.encode(
    'imprint reopen v1\n' +
      line('realm', statement.realm) +
      line('log', statement.logId) +
      line('job', statement.jobId) +
      line('device_id', statement.deviceId) +
      line('hardware_uid', hardwareUidText(statement.hardwareUid)) +
      line('certificate_sha256', statement.certificateSha256),
  );
}
