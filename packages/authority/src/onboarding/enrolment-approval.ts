/**
 * Whether people are asked before a device gets its first operational certificate: one setting a product, and for each device that waits
 * a request that is bound to its key. What was granted is good for that key alone.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely, Selectable } from 'kysely';
import { newId } from '../jobs/new-id.ts';
import type { Decision, Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { EnrolmentTable, Tables } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';

export type EnrolmentPolicy = EntryData<'onboarding.policy-set'>['enrolment'];
export type WaitingEnrolment = Selectable<EnrolmentTable>;

/** `go`: nobody is asked, or they granted it. */
export type Permit = { kind: 'go' } | { kind: 'waits' } | { kind: 'asks'; entries: Draft[] };

/** What people have to say of this device and key. @throws enrolment_refused where they refused it */
export async function permitOf(
  reading: Reading,
  entropy: Entropy,
  product: string,
  deviceId: string,
  publicKeySha256: string,
): Promise<Permit> {
  const [policy] = (await selectPolicy(reading.tx, { product })).rows;
  if (policy?.enrolment !== 'approval') return { kind: 'go' };
  const [asked] = (
    await selectNewest(reading.tx, { device_id: deviceId, public_key_sha256: publicKeySha256 })
  ).rows;
  switch (asked?.state) {
    case 'granted':
      return { kind: 'go' };
    case 'requested':
      return { kind: 'waits' };
    case 'refused':
      throw new ImprintError('enrolment_refused', 'People refused this enrolment.', {
        hint: 'Call whoever runs the authority; a new request takes a new key.',
      });
    default:
      return {
        kind: 'asks',
        entries: [
          {
            type: 'enrolment.requested',
            actor: { kind: 'device', id: deviceId },
            data: {
              enrolment_id: newId('e', reading.now, entropy),
              device_id: deviceId,
              public_key_sha256: publicKeySha256,
            },
          },
        ],
      };
  }
}

/** How a product's devices are enrolled from now on; `isNew` is false where it is so already. */
export function setEnrolmentPolicy(
  ledger: Ledger,
  by: Actor,
  { product, enrolment, reason }: { product: string; enrolment: EnrolmentPolicy; reason: string },
): Promise<{ isNew: boolean }> {
  return ledger.submit(async ({ tx }): Promise<Decision<{ isNew: boolean }>> => {
    const known = await tx
      .selectFrom('contract')
      .select('product')
      .where('product', '=', product)
      .limit(1)
      .executeTakeFirst();
    if (known === undefined) {
      throw new ImprintError('unknown_contract', `there is no contract of a product ${product}`, {
        hint: 'Register one first: imprint contract register.',
      });
    }
    const [policy] = (await selectPolicy(tx, { product })).rows;
    const isNew = (policy?.enrolment ?? 'automatic') !== enrolment;
    const entry: Draft = { type: 'onboarding.policy-set', actor: by, data: { product, enrolment, reason } };
    return { entries: isNew ? [entry] : [], reply: () => ({ isNew }) };
  });
}

/**
 * A person's word on the enrolment that a device waits for.
 * @throws unknown_enrolment where that device waits for none, or for another one
 */
export function decideEnrolment(
  ledger: Ledger,
  by: Actor,
  { enrolmentId, granted, reason }: { enrolmentId: string; granted: boolean; reason: string },
): Promise<{ device_id: string }> {
  return ledger.submit(async ({ tx }) => {
    const row = await tx
      .selectFrom('enrolment')
      .select(['device_id', 'state'])
      .where('enrolment_id', '=', enrolmentId)
      .executeTakeFirst();
    if (row?.state !== 'requested') {
      throw new ImprintError(
        'unknown_enrolment',
        row === undefined
          ? `there is no enrolment ${enrolmentId}`
          : `enrolment ${enrolmentId} is ${row.state} already`,
        { hint: 'See what waits: imprint device enrolment list.' },
      );
    }
    const data = { enrolment_id: enrolmentId, reason };
    const entry: Draft = granted
      ? { type: 'enrolment.granted', actor: by, data }
      : { type: 'enrolment.refused', actor: by, data };
    return { entries: [entry], reply: () => ({ device_id: row.device_id }) };
  });
}

/** What waits for people, the oldest first, a page of them. */
export function waitingEnrolments(reader: Kysely<Tables>, limit: number): Promise<WaitingEnrolment[]> {
  return reader
    .selectFrom('enrolment')
    .selectAll()
    .where('state', '=', 'requested')
    .orderBy('requested_at')
    .orderBy('enrolment_id')
    .limit(limit)
    .execute();
}

const selectPolicy = statement<{ product: string }, { enrolment: EnrolmentPolicy }>((db, arg) =>
  db.selectFrom('enrolment_policy').select('enrolment').where('product', '=', arg('product')),
);

const selectNewest = statement<
  Pick<EnrolmentTable, 'device_id' | 'public_key_sha256'>,
  Pick<EnrolmentTable, 'state'>
>((db, arg) =>
  db
    .selectFrom('enrolment')
    .select('state')
    .where('device_id', '=', arg('device_id'))
    .where('public_key_sha256', '=', arg('public_key_sha256'))
    .orderBy('requested_at', 'desc')
    .orderBy('enrolment_id', 'desc')
    .limit(1),
);
