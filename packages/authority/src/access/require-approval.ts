/**
 * The port through which an act of I-18 goes: it finds the approval that a second person gave for exactly this act, and answers with
 * the entry that uses it up. Entry and act stand in one decision, so an approval is used once or not at all.
 */

import { type ApprovalAct, actRules } from '@imprint/contract/approval-act';
import { type ActParameters, parametersOf } from '@imprint/contract/approval-parameters';
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import type { ApprovalTable } from '../storage/tables.ts';
import { requireActive } from './authorize.ts';
import { takesTwoPeople } from './policy.ts';
import { requireSecondPerson } from './second-person.ts';

type Approval = Selectable<ApprovalTable>;

/**
 * The entries to put before the act's own: none where acts take one person here.
 * @throws approval_required where nobody has granted it yet (its context says what to ask for); approval_invalid where it ran out or
 * its second person is one no longer; not_authorized, account_disabled
 */
export async function requireApproval<A extends ApprovalAct>(
  reading: Reading,
  act: A,
  parameters: ActParameters<A>,
  by: Actor,
): Promise<Draft[]> {
  // one act may bring another along, for which whoever acts, or their token, has no permission
  await reading.permits?.(actRules[act].ask);
  if (!(await takesTwoPeople(reading.tx))) return [];
  const { sha256 } = parametersOf(act, parameters);
  await requireMayAsk(reading, act, by.id);
  const approval = await latest(reading, act, sha256, by.id);
  if (approval === undefined) throw required(act, parameters);
  requireGranted(reading, approval, parameters);
  await requireSecondPerson(reading, approval, approval.decided_by!);
  return [{ type: 'approval.used', actor: by, data: { approval_id: approval.approval_id } }];
}

/** @throws account_disabled, not_authorized */
export async function requireMayAsk(reading: Reading, act: ApprovalAct, accountId: string): Promise<void> {
  const { permissions } = await requireActive(reading, accountId);
  const { ask } = actRules[act];
  if (permissions.includes(ask)) return;
  throw new ImprintError('not_authorized', `${accountId} may not ask for ${act}: it takes ${ask}`, {
    hint: 'Ask somebody whose role has it to do this.',
  });
}

/** Of those that are still of use the one that has come furthest; what is over is shown only where there is no other. */
async function latest(
  { tx, at }: Reading,
  act: ApprovalAct,
  parametersSha256: string,
  requestedBy: string,
): Promise<Approval | undefined> {
  const rows = await tx
    .selectFrom('approval')
    .selectAll()
    .where('act', '=', act)
    .where('parameters_sha256', '=', parametersSha256)
    .where('requested_by', '=', requestedBy)
    .where('state', 'in', ['requested', 'granted'])
    .orderBy('requested_at', 'desc')
    .orderBy('approval_id')
    .execute();
  const live = rows.filter((row) => row.expires_at > at);
  return live.find((row) => row.state === 'granted') ?? live[0] ?? rows[0];
}

function requireGranted({ at }: Reading, approval: Approval, parameters: unknown): void {
  const { approval_id, act, expires_at, state } = approval;
  if (expires_at <= at) {
    throw new ImprintError('approval_invalid', `approval ${approval_id} ran out at ${expires_at}`, {
      hint: 'Ask for it again; nothing was done.',
      context: { act, parameters },
    });
  }
  if (state === 'granted') return;
  throw new ImprintError('approval_required', `approval ${approval_id} waits for a second person`, {
    hint: `Let somebody whose role has ${actRules[act].grant} grant it: imprint approve grant ${approval_id}`,
    context: { approval_id },
  });
}

function required(act: ApprovalAct, parameters: unknown): ImprintError {
  return new ImprintError('approval_required', `${act} takes a second person`, {
    hint: 'Ask for one: the command again with --request-approval "why", or POST /v1/approvals. Then do it once more.',
    context: { act, parameters },
  });
}
