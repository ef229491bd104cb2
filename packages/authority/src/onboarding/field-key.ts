/**
 * Whether the key of a request may be certified for the device that asks: a fresh one, or the one that its present certificate of the
 * kind has (I-7: one key serves one device, and in the field one credential after another of one kind).
 */
import { ImprintError } from '@imprint/contract/errors';
import type { CertificationRequest } from '../issuing/certification-request.ts';
import type { DeviceProfileName } from '../issuing/profile.ts';
import type { Reading } from '../ledger/ledger.ts';
import { refuseExcluded } from '../registry/excluded-keys.ts';
import { statement } from '../storage/statement.ts';
import type { Credential, EnrollingDevice } from './caller.ts';

/** The device that this key was certified for, where that is another one. */
export async function foreignOwner(
  { tx }: Reading,
  { deviceId }: EnrollingDevice,
  { publicKeySha256 }: CertificationRequest,
): Promise<string | undefined> {
  await refuseExcluded(tx, publicKeySha256);
  const [owner] = (await selectOwner(tx, { public_key_sha256: publicKeySha256 })).rows;
  return owner === undefined || owner.device_id === deviceId ? undefined : owner.device_id;
}

/**
 * Refuses a key that the device had for something else or gave up. `before` are all of its credentials.
 * @throws key_reused
 */
export function refuseSpentKey(
  { contract }: EnrollingDevice,
  profile: DeviceProfileName,
  { publicKeySha256 }: CertificationRequest,
  before: readonly Credential[],
): void {
  const uses = before.filter((row) => row.public_key_sha256 === publicKeySha256);
  if (uses.some((row) => row.profile !== profile)) {
    throw reused('this key is that of another certificate of the device; each kind has a key of its own');
  }
  const revoked = uses.filter(({ status }) => status === 'revoked');
  const isHeld = uses.some(({ status }) => status === 'active' || status === 'superseded');
  if (
    revoked.some(({ revocation_reason }) => revocation_reason === 'key-compromise') ||
    (!isHeld && revoked.some(({ revocation_reason }) => !sparing.includes(revocation_reason ?? '')))
  ) {
    throw reused('a certificate with this key was revoked');
  }
  if (isHeld && profile === 'ldevid' && contract.operational?.renewal_key === 'new') {
    throw reused('the contract asks for a new key at each renewal');
  }
}

/** An intent that was broken off was never the device's; and whose CA's key was stolen has not lost its own. */
const sparing: readonly string[] = ['intent-uncertain', 'ca-compromise'];

function reused(what: string): ImprintError {
  return new ImprintError('key_reused', what, { hint: 'Make a new key on the device, and ask with it.' });
}

const selectOwner = statement<{ public_key_sha256: string }, { device_id: string }>((db, arg) =>
  db.selectFrom('public_key').select('device_id').where('public_key_sha256', '=', arg('public_key_sha256')),
);
