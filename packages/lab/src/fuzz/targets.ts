/** Everything that is fuzzed. A parser of foreign bytes that comes to the project comes to this list. */
import type { MakeTarget } from './target.ts';
import { auditEntryTarget } from './targets/audit-entry.ts';
import { certificateTarget } from './targets/certificate.ts';
import { certificationRequestTarget } from './targets/certification-request.ts';
import { chainTarget } from './targets/chain.ts';
import { checkpointTarget } from './targets/checkpoint.ts';
import { cosignatureTarget } from './targets/cosignature.ts';
import { derTarget } from './targets/der.ts';
import { deviceIdTarget } from './targets/device-id.ts';
import { dutLinesTarget } from './targets/dut-lines.ts';
import { dutStationTarget } from './targets/dut-station.ts';
import { dutUnitTarget } from './targets/dut-unit.ts';
import { enrolmentTokenTarget } from './targets/enrolment-token.ts';
import { ocspRequestTarget } from './targets/ocsp-request.ts';
import { receiptTarget } from './targets/receipt.ts';
import { stationApiTarget } from './targets/station-api.ts';
import { tilePathTarget, tileTarget } from './targets/tile.ts';
import { caRequestTarget, transcriptTarget, trustBundleTarget } from './targets/trust-files.ts';
import { contractTarget, manifestTarget } from './targets/yaml-files.ts';

/** By name, with how many inputs the bounded slice draws for each: about a second of one core. */
export const targets: Record<string, { make: MakeTarget; slice: number }> = {
  der: { make: derTarget, slice: 3000 },
  certificate: { make: certificateTarget, slice: 1500 },
  chain: { make: chainTarget, slice: 100 },
  csr: { make: certificationRequestTarget, slice: 200 },
  'ocsp-request': { make: ocspRequestTarget, slice: 600 },
  contract: { make: contractTarget, slice: 400 },
  manifest: { make: manifestTarget, slice: 500 },
  'dut-lines': { make: dutLinesTarget, slice: 1500 },
  'dut-station': { make: dutStationTarget, slice: 250 },
  'dut-unit': { make: dutUnitTarget, slice: 400 },
  'station-api': { make: stationApiTarget, slice: 600 },
  'tile-path': { make: tilePathTarget, slice: 5000 },
  tile: { make: tileTarget, slice: 3000 },
  checkpoint: { make: checkpointTarget, slice: 1000 },
  cosignature: { make: cosignatureTarget, slice: 500 },
  'audit-entry': { make: auditEntryTarget, slice: 2000 },
  receipt: { make: receiptTarget, slice: 250 },
  'device-id': { make: deviceIdTarget, slice: 3000 },
  'enrolment-token': { make: enrolmentTokenTarget, slice: 1500 },
  'ca-request': { make: caRequestTarget, slice: 300 },
  'trust-bundle': { make: trustBundleTarget, slice: 300 },
  transcript: { make: transcriptTarget, slice: 1500 },
};
