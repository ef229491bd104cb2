/**
 * Asking for a second person, and being one (I-18). A request names an act with exact parameters and waits for a time; who grants it
 * is somebody who has just signed in, never a program with a token.
 */

import { type ApprovalAct, actRules } from '@imprint/contract/approval-act';
import { parametersOf } from '@imprint/contract/approval-parameters';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Kysely, Selectable } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { ApprovalTable, Tables } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';
import { authorize, permissionsNow, type Who } from './authorize.ts';
import { takesTwoPeople } from './policy.ts';
import { requireSecondPerson } from './second-person.ts';

type ApprovalRow = Selectable<ApprovalTable>;
export type ApprovalView = Omit<ApprovalRow, 'parameters'> & { parameters: Record<string, unknown> };

export interface ApprovalRequest {
  act: ApprovalAct;
  parameters: unknown;
  reason: string;
  /** Default `limits.approvalLifeMs`. */
  lifeMs?: number;
}

/**
 * Asks for a second person; the same thing asked for twice is one request.
 * @throws bad_request for other parameters than the act's, or where acts take one person; not_authorized, account_disabled
 */
export async function requestApproval(
  ledger: Ledger,
  entropy: Entropy,
  who: Who,
  request: ApprovalRequest,
): Promise<{ approval_id: string; expires_at: string }> {
  const { act, reason, lifeMs = limits.approvalLifeMs } = request;
  const { text, sha256 } = parametersOf(act, request.parameters);
  const approvalId = `ap-${toHex(entropy(6))}`;
  if (lifeMs < 60_000 || lifeMs > limits.approvalLifeMaxMs) {
    throw new ImprintError('bad_request', 'a request waits from a minute to seven days', {
      hint: 'Give another time.',
    });
  }
  return ledger.submit(async (reading) => {
    await authorize(reading, who, actRules[act].ask);
    if (!(await takesTwoPeople(reading.tx))) {
      throw new ImprintError('bad_request', 'here acts take one person: nothing waits for a second', {
        hint: 'Do it. To ask for two people from now on: imprint approve policy --required.',
      });
    }
    const known = await liveRequest(reading, who.actor.id, act, sha256);
    if (known !== undefined) return { entries: [], reply: () => known };
    const expiresAt = new Date(reading.now.getTime() + lifeMs).toISOString();
    const subject = String((JSON.parse(text) as Record<string, unknown>)[actRules[act].subject]);
    const requested: Draft = {
      type: 'approval.requested',
      actor: who.actor,
      data: {
        approval_id: approvalId,
        act,
        subject,
        parameters: text,
        parameters_sha256: sha256,
        expires_at: expiresAt,
        reason,
      },
    };
    return { entries: [requested], reply: () => ({ approval_id: approvalId, expires_at: expiresAt }) };
  });
}

/**
 * Is the second person. Granted by one who may not any more when it is used, it counts for nothing, and another may grant it.
 * @throws unknown_approval, approval_invalid (over, or one's own, or by somebody too near), not_authorized, not_authenticated
 */
export function grantApproval(
  ledger: Ledger,
  who: Who,
  approvalId: string,
  reason: string,
): Promise<ApprovalView> {
  return ledger.submit(async (reading) => {
    const approval = await requireOpenApproval(reading, approvalId);
    await requirePresent(reading, who);
    await requireSecondPerson(reading, approval, who.actor.id);
    const data = { approval_id: approvalId, reason };
    return {
      entries: [{ type: 'approval.granted', actor: who.actor, data }],
      reply: () => ({ ...viewOf(approval), state: 'granted' as const, decided_by: who.actor.id }),
    };
  });
}

/**
 * Ends a request: by whoever could grant it, or by whoever asked.
 * @throws unknown_approval, approval_invalid where it is over, not_authorized, not_authenticated
 */
export function refuseApproval(ledger: Ledger, who: Who, approvalId: string, reason: string): Promise<void> {
  return ledger.submit(async (reading) => {
    const approval = await requireOpenApproval(reading, approvalId);
    const isOwn = who.actor.id === approval.requested_by;
    await authorize(reading, who, isOwn ? actRules[approval.act].ask : actRules[approval.act].grant);
    const data = { approval_id: approvalId, reason };
    return { entries: [{ type: 'approval.refused', actor: who.actor, data }], reply: () => undefined };
  });
}

/** Writes down which requests ran out; they are of no use from their time on, whether this runs or not. Gives how many. */
export function expireApprovals(ledger: Ledger, processId: string): Promise<number> {
  return ledger.submit(async ({ tx, at }) => {
    const rows = await tx
      .selectFrom('approval')
      .select('approval_id')
      .where('state', 'in', ['requested', 'granted'])
      .where('expires_at', '<=', at)
      .orderBy('approval_id')
      .limit(limits.pageRows)
      .execute();
    const entries: Draft[] = rows.map((data) => ({
      type: 'approval.expired',
      actor: { kind: 'authority', id: processId },
      data,
    }));
    return { entries, reply: () => rows.length };
  });
}

/** The newest first; `waiting` alone where only they are asked for. What ran out reads `expired`, noted or not. */
export async function listApprovals(
  reader: Kysely<Tables>,
  at: string,
  filter: { waiting: boolean },
): Promise<ApprovalView[]> {
  const rows = await reader
    .selectFrom('approval')
    .selectAll()
    .$if(filter.waiting, (query) =>
      query.where('state', 'in', ['requested', 'granted']).where('expires_at', '>', at),
    )
    .orderBy('requested_at', 'desc')
    .orderBy('approval_id')
    .limit(limits.pageRows)
    .execute();
  return rows.map((row) => {
    const isOver = (row.state === 'requested' || row.state === 'granted') && row.expires_at <= at;
    return { ...viewOf(row), state: isOver ? 'expired' : row.state };
  });
}

function viewOf(row: ApprovalRow): ApprovalView {
  return { ...row, parameters: JSON.parse(row.parameters) as Record<string, unknown> };
}

async function liveRequest(
  { tx, at }: Reading,
  accountId: string,
  act: ApprovalAct,
  parametersSha256: string,
): Promise<{ approval_id: string; expires_at: string } | undefined> {
  return tx
    .selectFrom('approval')
    .select(['approval_id', 'expires_at'])
    .where('act', '=', act)
    .where('parameters_sha256', '=', parametersSha256)
    .where('requested_by', '=', accountId)
    .where('state', 'in', ['requested', 'granted'])
    .where('expires_at', '>', at)
    .orderBy('requested_at', 'desc')
    .executeTakeFirst();
}

async function requireOpenApproval({ tx, at }: Reading, approvalId: string): Promise<ApprovalRow> {
  const row = await tx
    .selectFrom('approval')
    .selectAll()
    .where('approval_id', '=', approvalId)
    .executeTakeFirst();
  if (row === undefined) {
    throw new ImprintError('unknown_approval', `there is no approval ${approvalId}`, {
      hint: 'See imprint approve list.',
    });
  }
  const isOpen = row.state === 'requested' || row.state === 'granted';
  if (isOpen && row.expires_at > at) return row;
  const how = isOpen || row.state === 'expired' ? `ran out at ${row.expires_at}` : `is ${row.state}`;
  throw new ImprintError('approval_invalid', `approval ${approvalId} ${how}`, {
    hint: 'Let it be asked for again; nothing was done.',
  });
}

/** A token may be held by a program that its person forgot. @throws not_authorized, not_authenticated, account_disabled */
async function requirePresent(reading: Reading, who: Who): Promise<void> {
  if (who.means === 'home' || who.means === 'token') {
    throw new ImprintError('not_authorized', 'a second person signs in for this', {
      hint: 'Sign in with the account, not with a token: --as ACCOUNT.',
    });
  }
  await permissionsNow(reading, who);
}
