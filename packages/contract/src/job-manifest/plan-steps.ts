/** Orders a manifest's steps so that nothing irreversible happens before the identity is written, read back and proven. */

import type { JobManifest, Step, StepName } from './schema.ts';

/** Steps that no later step can take back. */
export const irreversibleSteps: readonly StepName[] = ['program-boot-flags', 'lock-debug'];

export interface StepPlan {
  /** Reversible steps in the manifest's order, then the irreversible ones in theirs, the debug lock last. */
  ordered: Step[];
  /** Names of the steps that are done later than the manifest has them, for the person to see. */
  moved: StepName[];
}

/** The plan for a manifest's steps. The identity is proven between its reversible and its irreversible ones (I-25). */
export function planSteps(manifest: JobManifest): StepPlan {
  const steps = manifest.provision_steps;
  const isIrreversible = (step: Step) => irreversibleSteps.includes(step.name);
  const last = steps
    .filter(isIrreversible)
    // The lock closes the port through which a unit may still take its other steps.
    .sort((a, b) => irreversibleSteps.indexOf(a.name) - irreversibleSteps.indexOf(b.name));
  const ordered = [...steps.filter((step) => !isIrreversible(step)), ...last];
  const isMoved = (step: Step) =>
    isIrreversible(step) &&
    steps.slice(steps.indexOf(step) + 1).some((other) => ordered.indexOf(other) < ordered.indexOf(step));
  return { ordered, moved: last.filter(isMoved).map((step) => step.name) };
}
