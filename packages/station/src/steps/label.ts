/** Label: what sticks on the unit is scanned back and must be the ID that the unit bears. */
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';

/** Where the label is printed when the job is opened: at its first attempt, since later ones find it on the unit. */
export async function printAtOpening({ visit, job, contract }: Work): Promise<void> {
  const { mode, symbology } = contract.contract.label;
  if (mode === 'at-opening' && job.state === 'opened') await visit.printLabel(job.device_id, symbology);
}

/** @throws LineFailure label_mismatch */
export async function confirmLabel(work: Work): Promise<void> {
  if (work.labelScanned !== null) return;
  const { visit, job, contract } = work;
  const { mode, symbology } = contract.contract.label;
  if (mode === 'at-end') await visit.printLabel(job.device_id, symbology);
  // A preprinted label was scanned to begin with; one that is printed on the line is scanned once it is on the unit.
  const isScanned = mode === 'preprinted' && visit.scanned !== null;
  const scanned = isScanned ? visit.scanned! : await visit.scanLabel(job.device_id, mode);
  if (scanned !== job.device_id) {
    throw new LineFailure('label_mismatch', `the label reads ${scanned}, and the unit is ${job.device_id}`);
  }
  work.labelScanned = scanned;
}
