/**
 * The first act when a CA's key was stolen: it certifies nobody from the next decision on. One person can do it at once, as an
 * emergency stop; what cannot be taken back, revoking all that it certified, comes after it and may take two.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Ledger } from '../ledger/ledger.ts';
import { type Ca, requireCa } from '../trust/cas.ts';

export interface Compromise {
  caId: string;
  /** ISO 8601 in UTC: from when on the key may have been in other hands. */
  since: string;
  reason: string;
}

/**
 * Declares a CA compromised, whether it certifies or is retired. Said again it stays as it is, unless the key was in other hands
 * earlier than was known: then since that moment.
 * @throws unknown_ca; ca_not_active where it was never certified; bad_request where the moment is yet to come
 */
export function declareCompromised(ledger: Ledger, by: Actor, compromise: Compromise): Promise<Ca> {
  return ledger.submit(async ({ tx, at }) => {
    const ca = await requireDeclarable(await requireCa(tx, compromise.caId), compromise, at);
    const { since, reason } = compromise;
    const known = ca.compromised_since;
    if (known !== null && known <= since) return { entries: [], reply: () => ca };
    const declared: Ca = {
      ...ca,
      status: 'compromised',
      compromised_at: ca.compromised_at ?? at,
      compromised_since: since,
      reason,
    };
    const data = { ca_id: ca.ca_id, since, reason };
    return { entries: [{ type: 'ca.compromised', actor: by, data }], reply: () => declared };
  });
}

/** @throws ca_not_active, bad_request */
export function requireDeclarable(ca: Ca, { since }: Pick<Compromise, 'since'>, at: string): Ca {
  if (ca.status === 'requested') {
    throw new ImprintError('ca_not_active', `${ca.ca_id} was asked for and has certified nobody`, {
      hint: 'Do not have its request signed. Ask for another CA under another name: imprint ca create --id NAME.',
    });
  }
  if (since <= at) return ca;
  throw new ImprintError('bad_request', `${since} is yet to come`, {
    hint: 'Give the first moment at which the key may have been in other hands; without --since it is now.',
  });
}
