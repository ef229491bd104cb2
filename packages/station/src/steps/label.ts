/** Label: what sticks on the unit is scanned back and must be the ID that the unit bears. */
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';

/** @throws LineFailure label_mismatch */
export async function confirmLabel(work: Work): Promise<void> {
  if (work.labelScanned !== null) return;
  const { visit, job, contract } = work;
  const { mode } = contract.contract.label;
  // A preprinted label was scanned to begin with; one that is printed on the line is scanned once it is on the unit.
  const scanned =
    mode === 'preprinted' && visit.scanned !== null
      ? visit.scanned
      : await visit.scanLabel(job.device_id, mode);
  if (scanned !== job.device_id) {
    throw new LineFailure('label_mismatch', `the label reads ${scanned}, and the unit is ${job.device_id}`);
  }
  work.labelScanned = scanned;
}
