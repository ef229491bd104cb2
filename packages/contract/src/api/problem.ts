/** An error on the wire: a problem document (RFC 9457) whose `code` is the same closed code as inside. */
import { z } from 'zod';
import { approvalAct } from '../approval-act.ts';
import { type ErrorCode, errorCatalogue, ImprintError, isErrorCode } from '../errors.ts';

const approval = z.object({ act: approvalAct, parameters: z.record(z.string(), z.unknown()) });

export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.optional(z.string()),
  /** With `approval_required`: exactly what a second person has to be asked for (`requestApproval`). */
  approval: z.optional(approval),
});
export type Problem = z.infer<typeof problem>;

/** The problem document of an error. What is not an {@link ImprintError} says `internal` and nothing about itself. */
export function toProblem(error: unknown): Problem {
  const known =
    error instanceof ImprintError
      ? error
      : new ImprintError('internal', 'the authority failed on this request; its own log says why', {
          hint: 'Try again; if it stays, call the person who runs the authority.',
        });
  const status = errorCatalogue[known.code];
  const asked = known.code === 'approval_required' ? approval.safeParse(known.context) : undefined;
  return {
    type: `urn:imprint:error:${known.code}`,
    title: known.code.replaceAll('_', ' '),
    status,
    detail: known.message,
    code: known.code,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
    ...(asked?.success ? { approval: asked.data } : {}),
  };
}

/** The error that a problem document stands for; a code that this version does not know becomes `unavailable`. */
export function fromProblem(document: Problem): ImprintError {
  const code: ErrorCode = isErrorCode(document.code) ? document.code : 'unavailable';
  return new ImprintError(code, document.detail, document.hint === undefined ? {} : { hint: document.hint });
}
