/** What enrolling stations stands on: the ledger, the station CA, and injected time and randomness. */
import type { RealmName } from '@imprint/contract/audit/entry';
import type { ClockGuard } from '../clock/clock-guard.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock, Entropy } from '../surroundings.ts';
import type { Issuers } from '../trust/issuers.ts';

export interface StationCore {
  ledger: Ledger;
  realm: RealmName;
  organization: string;
  issuers: Issuers;
  /** DER: what stations pin. */
  stationRoot: Uint8Array;
  clock: Clock;
  clockGuard: Pick<ClockGuard, 'requireSteady'>;
  entropy: Entropy;
}
