/** For tests: what enrolling stations stands on, over the ledger and the station CA of a test line. */
import type { Line } from '../jobs/line.test-kit.ts';
import type { StationCore } from './station-core.ts';

export async function openStations(line: Line): Promise<StationCore> {
  const { clock, clockGuard, entropy, issuers, ledger } = line.core;
  return {
    ledger,
    realm: 'dev',
    organization: 'Example Devices',
    issuers,
    stationRoot: line.hierarchy.certificates.stationRoot,
    clock,
    clockGuard,
    entropy,
  };
}
