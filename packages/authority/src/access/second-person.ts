/**
 * Who counts as a second person (I-18): another one than the first, neither of whom enrolled the other, directly or through others,
 * and whose role lets them grant it now. Asked when an approval is granted, and again when it is used.
 */
import { type ApprovalAct, actRules } from '@imprint/contract/approval-act';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Moment, requireActive } from './authorize.ts';

/** @throws approval_invalid, not_authorized, account_disabled */
export async function requireSecondPerson(
  moment: Moment,
  approval: { approval_id: string; act: ApprovalAct; requested_by: string },
  second: string,
): Promise<void> {
  const { act, approval_id, requested_by: first } = approval;
  const refuse = (code: ErrorCode, why: string) =>
    new ImprintError(code, `approval ${approval_id} of ${act}: ${why}`, {
      hint: 'The request stands: let another person grant it.',
    });
  if (second === first)
    throw refuse('approval_invalid', `${first} asked for it and cannot be the second person`);
  const { permissions } = await requireActive(moment, second).catch((cause) => {
    throw cause instanceof ImprintError ? refuse('account_disabled', cause.message) : cause;
  });
  if (!permissions.includes(actRules[act].grant)) {
    throw refuse('not_authorized', `${second} may not grant it: it takes ${actRules[act].grant}`);
  }
  if (await isEnrolledBy(moment, second, first))
    throw refuse('approval_invalid', `${first} enrolled ${second}`);
  if (await isEnrolledBy(moment, first, second))
    throw refuse('approval_invalid', `${second} enrolled ${first}`);
}

/** True where `ancestor` enrolled the account, or who enrolled it, and so on; and where the walk does not end. */
async function isEnrolledBy({ tx }: Moment, accountId: string, ancestor: string): Promise<boolean> {
  let at: string | null = accountId;
  for (let depth = 0; depth < limits.enrolmentDepth; depth++) {
    const row: { enrolled_by: string | null } | undefined = await tx
      .selectFrom('account')
      .select('enrolled_by')
      .where('account_id', '=', at)
      .executeTakeFirst();
    at = row?.enrolled_by ?? null;
    if (at === null) return false;
    if (at === ancestor) return true;
  }
  return true;
}
