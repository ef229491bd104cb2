/** How far a device is on its product's way: which operations of the contract's route are passed. */
import type { JobState } from '@imprint/contract/job-state';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';

export interface RouteProgress {
  operation: string;
  passed: boolean;
}

/**
 * Each operation of the route in order, with whether it is passed. `provision` and `seal` follow from the job; for
 * all others the newest report counts, so that a repeat after rework replaces what was said before.
 *
 * @param latest the newest outcome of each reported operation
 */
export function routeProgress(
  contract: ProvisioningContract,
  jobState: JobState,
  latest: ReadonlyMap<string, 'pass' | 'fail'>,
): RouteProgress[] {
  return contract.route.map(({ operation }) => {
    if (operation === 'provision')
      return { operation, passed: ['proven', 'sealed', 'done'].includes(jobState) };
    if (operation === 'seal') return { operation, passed: jobState === 'done' };
    return { operation, passed: latest.get(operation) === 'pass' };
  });
}

/** The operations before `operation` that are not passed yet. */
export function missingBefore(progress: RouteProgress[], operation: string): string[] {
  const at = progress.findIndex((step) => step.operation === operation);
  return progress
    .slice(0, Math.max(at, 0))
    .filter((step) => !step.passed)
    .map((step) => step.operation);
}
