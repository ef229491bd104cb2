/**
 * The port to whoever knows what a second person has agreed to (I-18). It is asked inside the decision that does the act, and
 * answers with the entries that use the approval up.
 */

import { parametersOf } from '@imprint/contract/approval-parameters';
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { requireApproval } from '../access/require-approval.ts';
import type { Draft, Reading } from '../ledger/ledger.ts';

/** What one person alone may not do, as exactly as the second one has to see it. */
export type ApprovedAct =
  | {
      act: 'device.ship-bulk';
      parameters: {
        /** SHA-256 (hex) over the sorted device IDs, each with a newline. */
        devices_sha256: string;
        count: number;
        order_id: string | null;
      };
    }
  | {
      act: 'credential.revoke-bulk';
      parameters: {
        /** SHA-256 (hex) over what names the list: sorted lines of a file, or the serials of a CA. */
        credentials_sha256: string;
        count: number;
        reason: string;
      };
    }
  | { act: 'quarantine.release'; parameters: { device_id: string; to: LifecycleState } };

/** The entries to put before the act's own. @throws approval_required, approval_invalid, not_authorized, account_disabled */
export type Approved = (reading: Reading, by: Actor, act: ApprovedAct) => Promise<Draft[]>;

/** Where nobody can be asked: nothing is approved. */
export const nobodyApproved: Approved = async (_reading, _by, { act, parameters }) => {
  throw new ImprintError('approval_required', `${act} takes a second person`, {
    hint: 'Nothing was changed.',
    context: { act, parameters },
  });
};

/**
 * As the log has it. A list takes many decisions, and its approval is used up by the first of them; until that approval runs
 * out the same person may go on with the same list, as after an interruption.
 */
export const approvedInLog: Approved = async (reading, by, asked) => {
  if (asked.act === 'quarantine.release') return requireApproval(reading, asked.act, asked.parameters, by);
  if (await isUnderWay(reading, by, asked)) return [];
  return requireApproval(reading, asked.act, asked.parameters, by);
};

async function isUnderWay(
  { tx, at }: Reading,
  by: Actor,
  { act, parameters }: Exclude<ApprovedAct, { act: 'quarantine.release' }>,
): Promise<boolean> {
  const used = await tx
    .selectFrom('approval')
    .select('approval_id')
    .where('act', '=', act)
    .where('parameters_sha256', '=', parametersOf(act, parameters).sha256)
    .where('requested_by', '=', by.id)
    .where('state', '=', 'used')
    .where('expires_at', '>', at)
    .limit(1)
    .executeTakeFirst();
  return used !== undefined;
}
