/**
 * The port to whoever knows what a second person has agreed to (I-18). An act that needs one is refused unless this says
 * yes, inside the decision that does it: an approval may be spent there.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { FailureCode } from '@imprint/contract/failure-code';
import type { Reading } from '../ledger/ledger.ts';

/** What one person alone may not do, as exactly as the second one has to see it. */
export type ApprovedAct =
  | {
      act: 'ship-in-bulk';
      devices: number;
      /** SHA-256 (hex) over the sorted device IDs, each with a newline. */
      list_sha256: string;
    }
  | { act: 'release-after-security-code'; device_id: string; failure_code: FailureCode };

/** True where a second person, whom the first did not enrol, stands behind this act of this actor. */
export type Approved = (reading: Reading, by: Actor, act: ApprovedAct) => Promise<boolean>;

/** Where no approvals are kept: nothing is approved. */
export const nobodyApproved: Approved = async () => false;

/** @throws approval_required */
export async function requireApproved(
  approved: Approved,
  reading: Reading,
  by: Actor,
  act: ApprovedAct,
): Promise<void> {
  if (await approved(reading, by, act)) return;
  const what =
    act.act === 'ship-in-bulk'
      ? `marking ${act.devices} devices as shipped at once`
      : `releasing ${act.device_id}, which was set aside as ${act.failure_code},`;
  throw new ImprintError('approval_required', `${what} needs a second person`, {
    hint: 'Have somebody approve it who was not enrolled by you; nothing was changed.',
    context: { ...act },
  });
}
