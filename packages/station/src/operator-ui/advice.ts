/** What the operator does now, one plain sentence for each failure code: nobody on the line reads a code. */
import type { FailureCode } from '@imprint/contract/failure-code';
import type { LineFailure } from '../line-failure.ts';

export const advice: Record<FailureCode, string> = {
  attest_wrong:
    'Put the unit into the quarantine bin: its state after sealing is not what it must be. Call the line lead.',
  authority_refused: 'Do not scan again. Read the reason aloud to the line lead.',
  authority_unreachable: 'Leave the unit in the fixture. Wait for the network, then scan it again.',
  certificate_wrong:
    'Put the unit into the quarantine bin: its certificate is not its own. Call the line lead.',
  debug_lock_wrong:
    'Put the unit into the quarantine bin: its debug port is not as it must be. Call the line lead.',
  duplicate_id: 'Put the unit into the quarantine bin: this ID belongs to another unit. Call the line lead.',
  firmware_wrong: 'Send the unit back to flashing: it has the wrong firmware.',
  foreign_identity:
    'Put the unit and the label into the quarantine bin: the unit bears another identity. Call the line lead.',
  hardware_revision_wrong: 'Set the unit aside: this order does not take its hardware revision.',
  id_mismatch:
    'Put the unit into the quarantine bin: scan, unit and certificate do not agree. Call the line lead.',
  key_failed: 'Scan the unit again. If it fails once more, set it aside: it cannot make its key.',
  label_mismatch: 'Check that the right label is on this unit, then scan it again.',
  link_lost: 'Check cable and seat of the unit in the fixture, then scan it again.',
  operator_cancelled: 'Scan the unit again when you are ready.',
  order_refused: 'Check that this unit belongs to the order on the line. If it does, call the line lead.',
  proof_wrong: 'Put the unit into the quarantine bin: it could not prove its identity. Call the line lead.',
  read_back_wrong: 'Scan the unit again. If it fails once more, set it aside: its storage is not sound.',
  realm_wrong: 'Send the unit back to flashing: its firmware is of another realm.',
  root_wrong: 'Send the unit back to flashing: its firmware trusts another root.',
  scan_refused: 'Scan the label again. Do not type it.',
  seal_failed: 'Put the unit into the quarantine bin: a fuse did not take. Call the line lead.',
  selftest_failed: 'Scan the unit again. If it fails once more, send it to repair.',
  station_failed: 'Stop work at this station and call the line lead.',
  unit_garbled: 'Check cable, connector and ground of the fixture, then scan the unit again.',
  unit_protocol: 'Send the unit back to flashing: its firmware does not speak as it must.',
  unit_refused: 'Scan the unit again. If it fails once more, set it aside.',
  unit_reset: 'Check the power of the fixture, then scan the unit again.',
  unit_silent: 'Check that the unit sits right and has power, then scan it again.',
  unit_swapped:
    'Put both units into the quarantine bin: one was exchanged for another during the work. Call the line lead.',
  write_failed: 'Scan the unit again. If it fails once more, set it aside: its storage is not sound.',
};

/** Here whoever refused knows more than the code says, and its own sentence is shown. */
const ownWord: readonly FailureCode[] = [
  'authority_refused',
  'duplicate_id',
  'foreign_identity',
  'order_refused',
  'scan_refused',
  'station_failed',
];

/** The sentence for this failure; a unit that has used up its attempts is not scanned again. */
export function whatToDo(failure: LineFailure, attemptsLeft: number | null): string {
  if (failure.consequence === 'retry' && attemptsLeft === 0) {
    return 'Do not scan again: this unit has used all its attempts. Put it into the quarantine bin.';
  }
  if (failure.hint !== null && ownWord.includes(failure.code)) return failure.hint;
  return advice[failure.code];
}
