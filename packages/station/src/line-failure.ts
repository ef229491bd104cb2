/** Why an attempt failed, in the closed words of the line: the one place that turns every other error into them. */
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import { type FailureCode, type FailureConsequence, failureCodes } from '@imprint/contract/failure-code';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { isJournalFailure } from './journal.ts';

export type StepName =
  | 'identify'
  | 'open'
  | 'key'
  | 'write'
  | 'prove'
  | 'seal'
  | 'attest'
  | 'selftest'
  | 'label'
  | 'complete'
  | 'check';

export interface LineFailureDetails {
  cause?: unknown;
  /** The other unit, where two were mixed up. */
  otherUnit?: HardwareUid;
  hint?: string;
}

export class LineFailure extends Error {
  readonly code: FailureCode;
  readonly otherUnit: HardwareUid | null;
  readonly hint: string | null;

  constructor(code: FailureCode, message: string, details: LineFailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'LineFailure';
    this.code = code;
    this.otherUnit = details.otherUnit ?? null;
    this.hint = details.hint ?? null;
  }

  get consequence(): FailureConsequence {
    return failureCodes[this.code];
  }

  get stopsStation(): boolean {
    return stopsStation(this.cause);
  }
}

/** True where this station takes no more work: its own disk failed, or the authority no longer knows it. */
export function stopsStation(error: unknown): boolean {
  return isJournalFailure(error) || isImprintError(error, ...exclusions);
}

/** After one of these every further request would be refused too, or should not be made. */
const exclusions: readonly ErrorCode[] = [
  'log_inconsistent',
  'not_authenticated',
  'station_outdated',
  'station_pending',
  'station_revoked',
  'station_session_taken',
];

const byErrorCode: Partial<Record<ErrorCode, FailureCode>> = {
  certificate_refused: 'certificate_wrong',
  // the authority serves nobody now; a unit is not worn out by that
  clock_untrusted: 'authority_unreachable',
  device_id_check_wrong: 'scan_refused',
  device_id_invalid: 'scan_refused',
  dut_garbled: 'unit_garbled',
  dut_protocol: 'unit_protocol',
  dut_reset: 'unit_reset',
  dut_silent: 'unit_silent',
  intent_uncertain: 'authority_unreachable',
  internal: 'station_failed',
  key_locked: 'authority_unreachable',
  key_reused: 'foreign_identity',
  link_lost: 'link_lost',
  log_held: 'authority_unreachable',
  not_allocated: 'order_refused',
  order_closed: 'order_refused',
  order_conflict: 'order_refused',
  quota_exhausted: 'order_refused',
  rate_limited: 'authority_unreachable',
  realm_mismatch: 'realm_wrong',
  request_timeout: 'authority_unreachable',
  storage_failed: 'authority_unreachable',
  tbs_mismatch: 'authority_unreachable',
  tool_missing: 'station_failed',
  unavailable: 'authority_unreachable',
  unit_conflict: 'duplicate_id',
  unknown_order: 'order_refused',
  wrong_label: 'scan_refused',
  wrong_site: 'order_refused',
};

const refusedAt: Partial<Record<StepName, FailureCode>> = {
  key: 'key_failed',
  write: 'write_failed',
  selftest: 'selftest_failed',
};

const evidenceCodes: readonly ErrorCode[] = ['evidence_wrong', 'proof_wrong', 'signature_wrong'];

/** What this error means on the line, at this step. */
export function lineFailureOf(error: unknown, step: StepName): LineFailure {
  if (error instanceof LineFailure) return error;
  if (!(error instanceof ImprintError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new LineFailure('station_failed', `the station's program failed: ${message}`, { cause: error });
  }
  const details = { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return new LineFailure(codeOf(error, step), error.message, details);
}

function codeOf(error: ImprintError, step: StepName): FailureCode {
  if (isJournalFailure(error)) return 'station_failed';
  if (error.code === 'dut_refused') return refusedAt[step] ?? 'unit_refused';
  if (evidenceCodes.includes(error.code))
    return step === 'complete' || step === 'attest' ? 'attest_wrong' : 'proof_wrong';
  return byErrorCode[error.code] ?? 'authority_refused';
}
