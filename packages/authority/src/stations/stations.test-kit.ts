/** For tests: what enrolling stations stands on, over the ledger of a test line and a station CA of its own. */
import type { Line } from '../jobs/line.test-kit.ts';
import { makeTestRealm } from '../trust/hierarchy.test-kit.ts';
import type { StationCore } from './station-core.ts';

export async function openStations(line: Line): Promise<StationCore> {
  const { clock, clockGuard, entropy, ledger } = line.core;
  const realm = await makeTestRealm('dev', clock());
  return {
    ledger,
    realm: 'dev',
    organization: 'Example Devices',
    stationIssuer: realm.stationCa,
    stationRoot: realm.hierarchy.certificates.stationRoot,
    clock,
    clockGuard,
    entropy,
  };
}
