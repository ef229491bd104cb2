/** Changes the policy of approvals, which is an act of two people wherever acts take two. */
import type { EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
import type { Who } from './authorize.ts';
import type { Policy } from './policy.ts';
import { requireApproval } from './require-approval.ts';

/**
 * Changes the policy. Where acts take two people, so does this.
 * @throws approval_required, approval_invalid, bad_request
 */
export function changePolicy(
  ledger: Ledger,
  { actor }: Who,
  policy: Policy,
  reason: string,
): Promise<Policy> {
  return ledger.submit(async (reading) => {
    const approved = await requireApproval(reading, 'policy.change', { ...policy }, actor);
    if (approved.length === 0 && policy.approvals === 'required') await requireTwoFounders(reading.tx);
    const data: EntryData<'policy.changed'> = { ...policy, reason };
    return { entries: [...approved, { type: 'policy.changed', actor, data }], reply: () => policy };
  });
}

/** Else nobody could do anything any more, nor take it back. */
async function requireTwoFounders(tx: Pick<Kysely<Tables>, 'selectFrom'>): Promise<void> {
  const founders = await tx
    .selectFrom('account')
    .select('roles')
    .where('status', '=', 'active')
    .where('enrolled_by', 'is', null)
    .execute();
  const able = founders.filter(({ roles }) => (JSON.parse(roles) as string[]).includes('administrator'));
  if (able.length >= 2) return;
  throw new ImprintError('bad_request', 'two people are needed before acts can take two', {
    hint: 'Make two accounts with the role administrator first: imprint account create.',
  });
}
