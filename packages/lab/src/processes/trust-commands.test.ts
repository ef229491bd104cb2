/** A slice of the sweeps over the commands of a realm's trust: `ca create`, `ca compromise`, `root create`, `root sign`, `ca install`. */
import { join } from 'node:path';
import { underFaults } from './commands-under-faults.test-kit.ts';
import { trustCases } from './trust-cases.ts';

underFaults('the commands of trust', async (place) => ({
  cases: await trustCases(join(place, 'trust')),
  close: async () => undefined,
}));
