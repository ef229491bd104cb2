/** Entries of approvals and of the policy that asks for them. Each step is a compare-and-swap on the state before it. */
import { canonicalJson } from '@imprint/contract/canonical-json';
import type { Kysely } from 'kysely';
import type { ApprovalTable, Tables } from '../../storage/tables.ts';
import { mustUpdateOne, type Projections } from './projections.ts';

type ApprovalEntries =
  | 'approval.requested'
  | 'approval.granted'
  | 'approval.refused'
  | 'approval.used'
  | 'approval.expired'
  | 'policy.changed';

export const approvalProjections: Projections<ApprovalEntries> = {
  'approval.requested': async (tx, { at, actor, data }) => {
    await tx
      .insertInto('approval')
      .values({
        ...data,
        requested_by: actor.id,
        requested_at: at,
        state: 'requested',
        decided_by: null,
        decided_at: null,
        decision_reason: null,
        used_at: null,
        used_by: null,
      })
      .execute();
  },
  /** A second grant takes the place of the first, as where its officer has left meanwhile. */
  'approval.granted': (tx, { at, actor, data }) =>
    move(tx, data.approval_id, ['requested', 'granted'], {
      state: 'granted',
      decided_by: actor.id,
      decided_at: at,
      decision_reason: data.reason,
    }),
  'approval.refused': (tx, { at, actor, data }) =>
    move(tx, data.approval_id, ['requested', 'granted'], {
      state: 'refused',
      decided_by: actor.id,
      decided_at: at,
      decision_reason: data.reason,
    }),
  'approval.used': (tx, { at, actor, data }) =>
    move(tx, data.approval_id, ['granted'], { state: 'used', used_at: at, used_by: actor.id }),
  'approval.expired': (tx, { data }) =>
    move(tx, data.approval_id, ['requested', 'granted'], { state: 'expired' }),
  'policy.changed': async (tx, { realm, data }) => {
    const row = {
      approvals: data.approvals,
      order_limit: data.order_limit,
      site_limits: canonicalJson(data.site_limits),
    };
    await tx
      .insertInto('policy')
      .values({ realm, ...row })
      .onConflict((conflict) => conflict.column('realm').doUpdateSet(row))
      .execute();
  },
};

async function move(
  tx: Kysely<Tables>,
  approvalId: string,
  from: readonly ApprovalTable['state'][],
  change: Partial<ApprovalTable>,
): Promise<void> {
  const result = await tx
    .updateTable('approval')
    .set(change)
    .where('approval_id', '=', approvalId)
    .where('state', 'in', from)
    .executeTakeFirst();
  mustUpdateOne(result, 'approval_invalid', `approval ${approvalId} is not ${from.join(' or ')}`);
}
