/**
 * What the audit log says, one schema a type of entry. For orders, devices, jobs, credentials and lifecycle the
 * log is the truth: an entry carries all that its projection into tables needs, and no secret.
 */
import { z } from 'zod';
import { approvalAct } from '../approval-act.ts';
import { fromUtf8 } from '../bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../canonical-json.ts';
import { keyType } from '../dut/message.ts';
import { attestedState, bootFlags, debugLock } from '../dut/statement.ts';
import { ImprintError } from '../errors.ts';
import { failureCode } from '../failure-code.ts';
import { hardwareUid } from '../hardware-uid.ts';
import { lifecycleState } from '../lifecycle.ts';
import { limits } from '../limits.ts';
import { permission, role } from '../permission.ts';
import { scopePattern, scopeYears } from '../x509/ca-scope.ts';

export const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** IDs of jobs, stations, sites, orders, lines, operators: one word that may stand in a path, a URL and a statement. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** Accounts: what a person types to sign in; no capitals, so that two of them never look alike. */
export const accountId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
/** Device IDs: what every grammar keeps to, and what a certificate's serialNumber (PrintableString) can carry. */
export const deviceIdText = z.string().regex(/^[A-Za-z0-9.:-]{1,64}$/);
/** UTC with milliseconds, `2026-01-09T08:00:00.000Z`. */
export const instant = z.iso.datetime({ precision: 3 });
export const serialHex = z.string().regex(/^(?:[0-9a-f]{2}){1,20}$/);
const sentence = z.string().min(1).max(500);
const base64 = z.base64();
const printable = z.string().regex(/^[\x21-\x7e]{1,128}$/);

export const realmName = z.enum(['dev', 'test', 'prod']);
export type RealmName = z.infer<typeof realmName>;

/** Who did it, as the authority knows it: itself, a person, or an enrolled station (whose operator is a claim in the data). */
export const actor = z.strictObject({ kind: z.enum(['authority', 'person', 'station']), id: name });
export type Actor = z.infer<typeof actor>;

export const firmware = z.strictObject({
  build_id: printable,
  sha256: hash,
  rollback_counter: z.int().min(0),
});

/** Where on the line an attempt took place, as the station says. */
export const position = z.strictObject({
  lane: z.int().min(1).max(limits.lanesPerStation),
  carrier: z.nullable(name),
  position: z.nullable(z.int().min(1).max(999)),
});

/** What the station read back from the unit, as hashes of the stored bytes (certificates and trust anchor: of their DER). */
export const readBack = z.strictObject({
  device_id: deviceIdText,
  certificate_sha256: hash,
  /** SHA-256 over the DER certificates between leaf and root, the nearest to the leaf first, one after another. */
  chain_sha256: hash,
  trust_anchor_sha256: hash,
  factory_config_sha256: hash,
});

/** Lock and fuses before and after sealing, and which irreversible acts this attempt did (none where they were done before). */
export const sealReport = z.strictObject({
  before: z.strictObject({ debug_lock: debugLock, boot_flags: bootFlags }),
  after: z.strictObject({ debug_lock: debugLock, boot_flags: bootFlags }),
  acts: z.array(z.enum(['write_boot_flags', 'finalize'])).max(2),
});

export const selftestReport = z.strictObject({ passed: z.boolean(), checks: z.array(printable).max(64) });
export const labelReport = z.strictObject({
  mode: z.enum(['preprinted', 'at-opening', 'at-end']),
  scanned_back: deviceIdText,
});
export const durations = z.record(z.string().regex(/^[a-z_]{1,32}$/), z.int().min(0));

/** A CA's name in the log, of its key and of its request: which branch it is of, and what tells it from the others. */
export const caId = z
  .string()
  .max(limits.caIdLength)
  .regex(/^(?:device|station)-[a-z0-9]+(?:-[a-z0-9]+)*$/);
export const caKind = z.enum(['device', 'station']);
/** What a CA may certify (x509/ca-scope.ts); null is any. */
export const caScope = z.strictObject({
  product: z.nullable(z.string().max(48).regex(scopePattern.product)),
  site: z.nullable(z.string().regex(scopePattern.site)),
  year: z.nullable(z.int().min(scopeYears.least).max(scopeYears.most)),
});
/** Over how many lists a CA's revocations are spread: a power of two, and fixed, since certificates point at theirs. */
export const crlPartitions = z
  .int()
  .min(1)
  .max(limits.crlPartitions)
  .refine((count) => (count & (count - 1)) === 0, 'a number of partitions is a power of two');

const roles = z.array(role).min(1).max(16);
const signature = z.strictObject({ attempt: z.int().min(1), nonce: hash, signature_b64: base64 });

export const entryData = {
  'realm.created': z.strictObject({
    organization: z.string().min(1).max(64),
    root_sha256: hash,
    log_origin: z.string().min(1).max(200),
    log_id: hash,
    issuing_ca_sha256: hash,
    station_ca_sha256: hash,
  }),
  /** A CA's key was made here, and its certificate is asked of the root. */
  'ca.requested': z.strictObject({
    ca_id: caId,
    kind: caKind,
    /** The common name of its subject. */
    subject: z.string().min(1).max(64),
    public_key_sha256: hash,
    scope: caScope,
    crl_partitions: crlPartitions,
    /** The CA in whose place it comes, for the same kind of holder. */
    replaces: z.nullable(caId),
  }),
  /** The root's answer, checked: from here on it certifies. */
  'ca.installed': z.strictObject({
    ca_id: caId,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  /** It certifies nobody any more; what it certified stays valid, and its revocations go on. */
  'ca.retired': z.strictObject({ ca_id: caId, reason: sentence }),
  /** What devices may trust, in the exact text that the root signed (trust-bundle.ts). */
  'bundle.published': z.strictObject({
    version: z.int().min(1),
    sha256: hash,
    text: z.string().max(limits.bundleBytes),
  }),
  /** Keys that another realm has certified: they are certified for nobody here (I-20). */
  'keys.excluded': z.strictObject({
    /** Whose keys they are. */
    realm: realmName,
    log_id: hash,
    public_key_sha256s: z.array(hash).min(1).max(limits.keysPerLogEntry),
  }),
  'contract.registered': z.strictObject({
    contract_sha256: hash,
    product: name,
    revision: name,
    text: z.string().max(limits.yamlBytes),
  }),
  'order.created': z.strictObject({
    order_id: name,
    product: name,
    sku: name,
    lot: name,
    contract_sha256: hash,
    hardware_revisions: z.array(name).min(1).max(64),
    quantity: z.int().min(1).max(limits.orderQuantity),
    scrap_allowance: z.int().min(0).max(limits.orderQuantity),
    /** How many units of it one station may provision; absent: as many as there are. */
    station_share: z.optional(z.int().min(1).max(limits.orderQuantity)),
    id_source: z.enum(['generated', 'imported']),
    sites: z.array(name).max(64),
    stations: z.array(name).max(256),
    opens_at: instant,
    closes_at: instant,
  }),
  'order.ids-allocated': z.strictObject({
    order_id: name,
    device_ids: z.array(deviceIdText).min(1).max(limits.idsPerLogEntry),
  }),
  /** The order's numbers from then on: neither is less than before, and one is more (I-18). */
  'order.quota-raised': z.strictObject({
    order_id: name,
    quantity: z.int().min(1).max(limits.orderQuantity),
    scrap_allowance: z.int().min(0).max(limits.orderQuantity),
    reason: sentence,
  }),
  'order.closed': z.strictObject({ order_id: name, reason: sentence }),
  'station.invited': z.strictObject({
    station_id: name,
    site: name,
    line: name,
    lanes: z.int().min(1).max(limits.lanesPerStation),
    expires_at: instant,
  }),
  'station.requested': z.strictObject({ station_id: name, public_key_sha256: hash }),
  'station.confirmed': z.strictObject({
    station_id: name,
    public_key_sha256: hash,
    serial: serialHex,
    tbs_sha256: hash,
    not_after: instant,
  }),
  'station.certified': z.strictObject({
    station_id: name,
    serial: serialHex,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  'station.revoked': z.strictObject({ station_id: name, reason: sentence }),
  'operator.registered': z.strictObject({ operator_id: name }),
  'shift.opened': z.strictObject({ shift_id: name, station_id: name, operator_id: name }),
  'shift.closed': z.strictObject({ shift_id: name, station_id: name }),
  'job.opened': z.strictObject({
    job_id: name,
    order_id: name,
    device_id: deviceIdText,
    hardware_uid: hardwareUid,
    sku: name,
    hw_rev: name,
    contract_sha256: hash,
    manifest_sha256: hash,
    manifest: z.string().max(limits.yamlBytes),
    factory_config: z.string().max(8192),
  }),
  'attempt.started': z.strictObject({
    job_id: name,
    attempt: z.int().min(1),
    operation: name,
    station_id: name,
    site: name,
    where: position,
    operator_id: z.nullable(name),
    station_version: printable,
    station_configuration_sha256: hash,
    firmware,
    lease_expires_at: instant,
  }),
  'attempt.ended': z.strictObject({
    job_id: name,
    attempt: z.int().min(1),
    outcome: z.enum(['passed', 'failed']),
    step: z.nullable(name),
    failure_code: z.nullable(failureCode),
    reason: z.nullable(sentence),
    durations_ms: durations,
  }),
  'credential.intended': z.strictObject({
    credential_id: name,
    job_id: name,
    device_id: deviceIdText,
    profile: z.enum(['idevid', 'ldevid', 'claim']),
    profile_sha256: hash,
    issuer_sha256: hash,
    serial: serialHex,
    tbs_sha256: hash,
    key_type: keyType,
    public_key_sha256: hash,
    not_before: instant,
    not_after: instant,
    /** What the request asked for beside a key, and does not get (I-6): types alone, never values. */
    ignored: z.array(z.string().max(400)).max(32),
    /** The process that may sign it, and until when; after that it is closed as revoked. */
    owner: name,
    lease_expires_at: instant,
  }),
  'credential.issued': z.strictObject({
    credential_id: name,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  'credential.revoked': z.strictObject({
    credential_id: name,
    serial: serialHex,
    reason: z.enum([
      'intent-uncertain',
      'key-lost',
      'quarantined',
      'superseded',
      'key-compromise',
      'scrapped',
      'retired',
      'lost',
      'custody-lost',
    ]),
  }),
  /** A CA's CRL, or that of one of its partitions, is what the authority serves from now on. The list itself follows from the log. */
  'crl.published': z.strictObject({
    issuer_sha256: hash,
    partition: z
      .int()
      .min(0)
      .max(limits.crlPartitions - 1),
    /** How many the CA has: for ever the same. */
    partitions: z.int().min(1).max(limits.crlPartitions),
    number: z.int().min(1),
    this_update: instant,
    next_update: instant,
    crl_sha256: hash,
    revoked: z.int().min(0),
    /** Every revocation among so many first entries of the log is in it. */
    log_size: z.int().min(0),
  }),
  /** A process made a key that answers OCSP for a CA, and may have it certified once. */
  'responder.intended': z.strictObject({
    issuer_sha256: hash,
    serial: serialHex,
    profile_sha256: hash,
    tbs_sha256: hash,
    public_key_sha256: hash,
    not_before: instant,
    not_after: instant,
    owner: name,
  }),
  'responder.certified': z.strictObject({
    issuer_sha256: hash,
    serial: serialHex,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  'job.written': z.strictObject({ job_id: name, attempt: z.int().min(1), read_back: readBack }),
  'job.proven': z.strictObject({
    job_id: name,
    certificate_sha256: hash,
    prove: signature,
  }),
  'job.sealed': z.strictObject({ job_id: name, attempt: z.int().min(1), seal: sealReport }),
  /** All that a receipt discloses. What each part rests on is fixed by its name: see `docs/specs/audit-log.md`. */
  'job.completed': z.strictObject({
    job_id: name,
    order_id: name,
    lot: name,
    product: name,
    sku: name,
    device_id: deviceIdText,
    hardware_uid: hardwareUid,
    hw_rev: name,
    site: name,
    station_id: name,
    where: position,
    operator_id: z.nullable(name),
    contract_sha256: hash,
    contract_revision: name,
    manifest_sha256: hash,
    log_id: hash,
    key_type: keyType,
    public_key_sha256: hash,
    certificate_sha256: hash,
    certificate_serial: serialHex,
    issuer_sha256: hash,
    assurance: z.enum(['proven-through-station', 'attested-by-hardware']),
    /** Only where the debug port was left open against the contract: the approval of it, or the one person who allowed it in dev. */
    debug_exception: z.optional(printable),
    /** Device signed. */
    prove: signature,
    attest: z.strictObject({ ...signature.shape, state: attestedState }),
    /** Station reported. */
    reported: z.strictObject({
      read_back: readBack,
      seal: sealReport,
      selftest: selftestReport,
      label: labelReport,
      station_version: printable,
      station_configuration_sha256: hash,
      durations_ms: durations,
    }),
  }),
  'job.quarantined': z.strictObject({
    job_id: name,
    step: name,
    failure_code: failureCode,
    reason: sentence,
  }),
  'job.abandoned': z.strictObject({ job_id: name, reason: sentence }),
  'unit.quarantined': z.strictObject({ hardware_uid: hardwareUid, reason: sentence }),
  /** People take a board out of the quarantine box. */
  'unit.released': z.strictObject({ hardware_uid: hardwareUid, reason: sentence }),
  'device.transitioned': z.strictObject({
    device_id: deviceIdText,
    from: lifecycleState,
    to: lifecycleState,
    reason: sentence,
  }),
  /** This one device may leave the line with its debug port open, against its contract (I-18). */
  'device.debug-allowed': z.strictObject({
    device_id: deviceIdText,
    /** Null in the dev realm, where one person may act. */
    approval_id: z.nullable(name),
    reason: sentence,
  }),
  /** An external operation of the route, or `pack`, as an enrolled station reports it. */
  'operation.reported': z.strictObject({
    device_id: deviceIdText,
    operation: name,
    outcome: z.enum(['pass', 'fail']),
    station_id: name,
    operator_id: z.nullable(name),
    note: z.nullable(sentence),
  }),
  'sample.registered': z.strictObject({
    device_id: deviceIdText,
    kind: z.enum(['golden', 'must-fail']),
    check_every_minutes: z.int().min(1).max(100_000),
  }),
  /** A finished unit proved itself again: at `pack`, or as a golden or must-fail sample. */
  'check.recorded': z.strictObject({
    check_id: name,
    purpose: z.enum(['pack', 'golden', 'must-fail']),
    device_id: deviceIdText,
    hardware_uid: hardwareUid,
    station_id: name,
    lane: z.int().min(1).max(limits.lanesPerStation),
    operator_id: z.nullable(name),
    outcome: z.enum(['pass', 'fail']),
    nonce: hash,
    signature_b64: z.nullable(base64),
    failure_code: z.nullable(failureCode),
  }),
  'alarm.raised': z.strictObject({
    kind: z.enum([
      'tbs-mismatch',
      'second-station-session',
      'clock',
      'foreign-identity',
      'log-inconsistent',
      'boards-set-aside',
      'asks-too-fast',
      'guesses-badges',
    ]),
    subject: name,
    detail: sentence,
  }),
  /** A person has set the clock right, or found it right: what a clock alarm halted goes on. */
  'clock.accepted': z.strictObject({ reason: sentence }),
  /** A person who may act here. Their name, password and second factor stand beside the log, never in it. */
  'account.created': z.strictObject({
    account_id: accountId,
    roles,
    /** The account that enrolled it; null for the first ones, which were made on the authority's own machine. */
    enrolled_by: z.nullable(accountId),
    reason: sentence,
  }),
  'account.role-changed': z.strictObject({ account_id: accountId, roles, reason: sentence }),
  /** For ever: a person who returns gets a new account. */
  'account.disabled': z.strictObject({ account_id: accountId, reason: sentence }),
  /** By the person; the password itself, hashed, stands beside the log. */
  'account.password-changed': z.strictObject({ account_id: accountId }),
  'token.created': z.strictObject({
    token_id: name,
    account_id: accountId,
    permissions: z.array(permission).min(1).max(64),
    /** Of 256 random bits. */
    secret_sha256: hash,
    expires_at: instant,
    reason: sentence,
  }),
  'token.revoked': z.strictObject({ token_id: name, reason: sentence }),
  /** Somebody asks for a second person (I-18); who asks is the actor. */
  'approval.requested': z.strictObject({
    approval_id: name,
    act: approvalAct,
    subject: printable,
    /** Canonical JSON. */
    parameters: z.string().max(limits.approvalParameterBytes),
    parameters_sha256: hash,
    expires_at: instant,
    reason: sentence,
  }),
  'approval.granted': z.strictObject({ approval_id: name, reason: sentence }),
  'approval.refused': z.strictObject({ approval_id: name, reason: sentence }),
  /** Stands in the decision that does the act, before it. */
  'approval.used': z.strictObject({ approval_id: name }),
  'approval.expired': z.strictObject({ approval_id: name }),
  /** From when on acts of I-18 take two people, and how large an order is that one person opens. */
  'policy.changed': z.strictObject({
    approvals: z.enum(['required', 'not-required']),
    /** Units of an order that one person opens; null: as many as they like. */
    order_limit: z.nullable(z.int().min(1).max(limits.orderQuantity)),
    /** The same for single sites. */
    site_limits: z.record(name, z.int().min(1).max(limits.orderQuantity)),
    reason: sentence,
  }),
  /** A restored log goes on: `size` and `root` are what it had then, `evidence` the checkpoints that it was held against. */
  'log.restored': z.strictObject({
    size: z.int().min(1),
    root: hash,
    /** When the backup was made. */
    backup_at: instant,
    /** Entries that were brought from elsewhere after the backup. */
    brought: z.int().min(0),
    reason: z.nullable(sentence),
    /** None: a person said that nothing later was signed. */
    evidence: z
      .array(
        z.strictObject({
          size: z.int().min(0),
          root: hash,
          cosigned_by: z.nullable(z.string().min(1).max(256)),
        }),
      )
      .max(limits.evidenceCheckpoints),
  }),
} as const;

export type EntryType = keyof typeof entryData;
export type EntryData<T extends EntryType> = z.infer<(typeof entryData)[T]>;

/** One entry, told apart by `type`. */
export type AuditEntry = {
  [T in EntryType]: {
    v: 1;
    type: T;
    at: string;
    realm: RealmName;
    actor: Actor;
    /** 16 random bytes, hex: without it an entry's hash could be guessed from what a factory makes. */
    salt: string;
    data: EntryData<T>;
  };
}[EntryType];

const envelope = z.strictObject({
  v: z.literal(1),
  type: z.enum(Object.keys(entryData) as [EntryType, ...EntryType[]]),
  at: instant,
  realm: realmName,
  actor,
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  data: z.unknown(),
});

const encoder = new TextEncoder();

/**
 * The bytes of an entry as the log hashes them: canonical JSON (RFC 8785), UTF-8.
 * @throws entry_invalid where they would be longer than `limits.logEntryBytes`
 */
export function encodeEntry(entry: AuditEntry): Uint8Array {
  const bytes = encoder.encode(canonicalJson(entry));
  if (bytes.length > limits.logEntryBytes) {
    throw new ImprintError(
      'entry_invalid',
      `an entry of type ${entry.type} would take ${bytes.length} bytes; the log takes ${limits.logEntryBytes}`,
    );
  }
  return bytes;
}

/**
 * Reads an entry and refuses whatever this version does not know.
 * @throws entry_invalid with the field at fault
 */
export function decodeEntry(bytes: Uint8Array): AuditEntry {
  if (bytes.length > limits.logEntryBytes) throw new ImprintError('entry_invalid', 'the entry is too long');
  try {
    const outer = envelope.parse(parseCanonicalJson(fromUtf8(bytes)));
    const data = entryData[outer.type].parse(outer.data);
    return { ...outer, data } as AuditEntry;
  } catch (cause) {
    if (cause instanceof z.ZodError) {
      const issue = cause.issues[0]!;
      throw new ImprintError('entry_invalid', `${issue.path.join('.') || 'the entry'}: ${issue.message}`, {
        cause,
      });
    }
    throw new ImprintError('entry_invalid', 'the entry is not canonical JSON in UTF-8', { cause });
  }
}
