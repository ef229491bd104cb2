/**
 * A slice of the sweeps over the commands of a realm's trust: `ca rotate` (which does all that `ca create` does), `ca compromise`,
 * `approve grant`, `root create`, `root sign`, `ca install`.
 */
import { join } from 'node:path';
import { underFaults } from './commands-under-faults.test-kit.ts';
import { trustCases } from './trust-cases.ts';

/** The lab's command tries these as well. */
const left: ReadonlySet<string> = new Set(['ca-create']);

underFaults('the commands of trust', async (place) => ({
  cases: (await trustCases(join(place, 'trust'))).filter(({ part }) => !left.has(part)),
  close: async () => undefined,
}));
