/** What the procedure asks of a contract, computed from it. */
import { storageMapSha256 } from '@imprint/contract/factory-config';
import type { ParsedContract } from '@imprint/contract/provisioning-contract';
import type { Operation } from './visit.ts';

export type { ParsedContract } from '@imprint/contract/provisioning-contract';

export function storageMapOf({ contract }: ParsedContract): string {
  return storageMapSha256(contract);
}

/** Whether a visit of this operation seals: in one visit where nothing stands between the two, otherwise in its own. */
export function sealsInVisit({ contract }: ParsedContract, operation: Operation): boolean {
  if (operation === 'seal') return true;
  const operations = contract.route.map((step) => step.operation);
  return operations.indexOf('seal') === operations.indexOf('provision') + 1;
}

/** Boot flags that the contract wants burnt. */
export function flagsToBurn({ contract }: ParsedContract): string[] {
  return Object.entries(contract.boot_flags)
    .filter(([, wanted]) => wanted)
    .map(([flag]) => flag);
}

const lockOf = { locked: 'locked', 'locked-permanently': 'locked-permanently', open: 'open' } as const;

/** The states that the debug lock may have at the end: the contract's, and `open` for a device that was excepted. */
export function allowedLocks(
  contract: ParsedContract,
  { debug_exception }: { debug_exception?: true | undefined },
): readonly string[] {
  const wanted = wantedLock(contract);
  return debug_exception === true ? [wanted, 'open'] : [wanted];
}

/** The state that the contract wants the debug lock to have at the end. */
export function wantedLock({ contract }: ParsedContract): 'open' | 'locked' | 'locked-permanently' {
  return lockOf[contract.lock_policy.debug];
}
