/** Fields that entries of the log share. What they refuse stands in no entry. */
import { z } from 'zod';
import { bootFlags, debugLock } from '../../dut/statement.ts';
import { limits } from '../../limits.ts';
import { role } from '../../permission.ts';
import { scopePattern, scopeYears } from '../../x509/ca-scope.ts';

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
export const sentence = z.string().min(1).max(500);
export const base64 = z.base64();
export const printable = z.string().regex(/^[\x21-\x7e]{1,128}$/);

export const realmName = z.enum(['dev', 'test', 'prod']);
export type RealmName = z.infer<typeof realmName>;

/**
 * Who did it, as the authority knows it: itself, a person, an enrolled station (whose operator is a claim in the data), or a device by
 * a connection that its key opened.
 */
export const actor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['authority', 'person', 'station']), id: name }),
  z.strictObject({ kind: z.literal('device'), id: deviceIdText }),
]);
export type Actor = z.infer<typeof actor>;

export const firmware = z.strictObject({
  build_id: printable,
  sha256: hash,
  rollback_counter: z.int().min(0),
});

/** The configuration that a device applied, by its version. */
export const appliedConfiguration = z.strictObject({ version: z.int().min(1).max(1_000_000_000) });

/** A key in the memory of one process, before and after it is certified. */
export const processKey = {
  issuer_sha256: hash,
  serial: serialHex,
  profile_sha256: hash,
  tbs_sha256: hash,
  public_key_sha256: hash,
  not_before: instant,
  not_after: instant,
  owner: name,
};
export const processCertificate = {
  issuer_sha256: hash,
  serial: serialHex,
  certificate_sha256: hash,
  certificate_b64: base64,
};

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

export const roles = z.array(role).min(1).max(16);
export const signature = z.strictObject({ attempt: z.int().min(1), nonce: hash, signature_b64: base64 });
