/** What devices get in the field, after people shipped them: enrolments, who grants them, and credentials that follow on others. */
import { z } from 'zod';
import { deviceIdText, hash, name, sentence, serialHex } from './fields.ts';

export const enrolmentPolicy = z.enum(['automatic', 'approval']);
export type EnrolmentPolicy = z.infer<typeof enrolmentPolicy>;

export const onboardingEntries = {
  /** Its successor is issued with the next entry; it is accepted until that is first used, and for the contract's days at most (I-7). */
  'credential.superseded': z.strictObject({ credential_id: name, serial: serialHex }),
  /** Whether devices of a product get their first operational certificate by themselves. */
  'onboarding.policy-set': z.strictObject({ product: name, enrolment: enrolmentPolicy, reason: sentence }),
  /** A device asks with this key and waits for people. An earlier request of it that waits is dropped. */
  'enrolment.requested': z.strictObject({
    enrolment_id: name,
    device_id: deviceIdText,
    public_key_sha256: hash,
  }),
  'enrolment.granted': z.strictObject({ enrolment_id: name, reason: sentence }),
  'enrolment.refused': z.strictObject({ enrolment_id: name, reason: sentence }),
};
