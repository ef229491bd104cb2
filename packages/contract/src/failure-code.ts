/** The closed set of reasons for which an attempt on the line fails, and what each means for the unit. */
import { z } from 'zod';

/**
 * `retry`: the attempt failed, the unit may be scanned again (up to the rework cap).
 * `quarantine`: the unit is set aside; only people release it.
 * `stop`: nothing was begun on this unit; the operator corrects what is named and scans again.
 */
export type FailureConsequence = 'retry' | 'quarantine' | 'stop';

export const failureCodes = {
  attest_wrong: 'quarantine',
  authority_refused: 'stop',
  authority_unreachable: 'retry',
  certificate_wrong: 'quarantine',
  debug_lock_wrong: 'quarantine',
  duplicate_id: 'quarantine',
  firmware_wrong: 'stop',
  foreign_identity: 'quarantine',
  hardware_revision_wrong: 'stop',
  id_mismatch: 'quarantine',
  key_failed: 'retry',
  label_mismatch: 'retry',
  link_lost: 'retry',
  operator_cancelled: 'retry',
  order_refused: 'stop',
  proof_wrong: 'quarantine',
  read_back_wrong: 'retry',
  realm_wrong: 'stop',
  root_wrong: 'stop',
  scan_refused: 'stop',
  seal_failed: 'quarantine',
  selftest_failed: 'retry',
  station_failed: 'retry',
  unit_garbled: 'retry',
  unit_protocol: 'stop',
  unit_refused: 'retry',
  unit_reset: 'retry',
  unit_silent: 'retry',
  unit_swapped: 'quarantine',
  write_failed: 'retry',
} as const satisfies Record<string, FailureConsequence>;

/** Set aside with these, a unit is sound as a thing and somebody has to mend it; every other quarantine says that it may not be what it claims. */
const mendable: readonly string[] = ['seal_failed'] satisfies FailureCode[];

/** Whether a second person has to agree before a unit with this failure leaves quarantine (I-18). */
export function isSecurityCode(code: FailureCode): boolean {
  return failureCodes[code] === 'quarantine' && !mendable.includes(code);
}

export type FailureCode = keyof typeof failureCodes;

export const failureCode = z.enum(Object.keys(failureCodes) as [FailureCode, ...FailureCode[]]);
