/**
 * A person at the authority who moves a device, while that is killed, halted and cut from its database: the command is given again
 * until it says that the device is there, as people do.
 */
import { nobodyApproved } from '@imprint/authority/lifecycle/approved';
import { type Destination, transitionDevice } from '@imprint/authority/lifecycle/transition';
import { isImprintError } from '@imprint/contract/errors';
import type { Authorities } from './authorities.ts';
import { minder } from './authority-host.ts';
import type { World } from './world.ts';

/** After so long a command that says nothing is broken off. */
const patienceMs = 20_000;
const againAfterMs = 3_000;

/** Resolves once the device is there. @throws transition_refused, unknown_device: what no repetition mends */
export async function moveByPerson(
  world: World,
  authority: Pick<Authorities, 'process'>,
  deviceId: string,
  to: Destination,
): Promise<void> {
  for (;;) {
    const { process } = authority;
    if (process !== undefined) {
      const { ledger, line } = process;
      const core = { contracts: line.contracts, approved: nobodyApproved };
      const request = { by: minder, deviceId, to, reason: `it is ${to}` };
      const moved = transitionDevice(ledger, core, request).then(
        () => 'moved' as const,
        (error: unknown) => error,
      );
      const outcome = await Promise.race([moved, world.delay(patienceMs)]);
      if (outcome === 'moved') return;
      if (isImprintError(outcome, 'transition_refused', 'unknown_device')) throw outcome;
    }
    await world.delay(againAfterMs);
  }
}
