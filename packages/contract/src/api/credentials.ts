/** What people and their programs may ask of credentials: to revoke them, by name or many from a list. */
import { z } from 'zod';
import { deviceIdText, hash, instant, serialHex } from '../audit/entry.ts';
import { limits } from '../limits.ts';

/** Why a person revokes; the other reasons of the log follow from what happens to a device. */
export const revocationReason = z.enum(['key-compromise', 'superseded', 'scrapped']);
export type PersonsRevocationReason = z.infer<typeof revocationReason>;

export const revocationRequest = z.union([
  z.strictObject({ serial: serialHex, reason: revocationReason }),
  z.strictObject({ public_key_sha256: hash, reason: revocationReason }),
]);

/** Who keeps an earlier CRL or OCSP answer for as long as it holds knows of it by then. */
const visibleBy = instant;

export const revocationView = z.strictObject({ revoked: z.array(serialHex), visible_by: visibleBy });

/** One line of a list: all credentials of a device, or one by its serial. */
export const listedCredential = z.union([
  z.strictObject({ device_id: deviceIdText }),
  z.strictObject({ serial: serialHex }),
]);
export type ListedCredential = z.infer<typeof listedCredential>;

/** A list may be sent again after any interruption: what was revoked before is found so. */
export const revocationListRequest = z.strictObject({
  reason: revocationReason,
  credentials: z.array(listedCredential).min(1).max(limits.transitionsPerRequest),
  /** How many lines people expect; null for a single one, or a dry run. */
  expect_count: z.nullable(z.int().min(1).max(limits.transitionsPerList)),
  /** Says what would come of each, and changes nothing. */
  dry_run: z.boolean(),
});

/** What came of one line; a refusal changes nothing for the others. */
export const revocationOutcome = z.strictObject({
  device_id: z.nullable(deviceIdText),
  serial: z.nullable(serialHex),
  outcome: z.enum(['revoked', 'before', 'refused']),
  /** All that it has, those that were revoked before too. */
  serials: z.array(serialHex),
  code: z.nullable(z.string()),
  message: z.nullable(z.string()),
  hint: z.nullable(z.string()),
});
export type RevocationOutcome = z.infer<typeof revocationOutcome>;

export const revocationListView = z.strictObject({
  dry_run: z.boolean(),
  revoked: z.int().min(0),
  before: z.int().min(0),
  refused: z.int().min(0),
  /** Certificates and intents that are revoked by this request, or would be. */
  certificates: z.int().min(0),
  visible_by: visibleBy,
  outcomes: z.array(revocationOutcome),
});
