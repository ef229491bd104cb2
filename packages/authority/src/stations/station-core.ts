/** What enrolling stations stands on: the ledger, the station CA, and injected time and randomness. */
import type { RealmName } from '@imprint/contract/audit/entry';
import type { ClockGuard } from '../clock/clock-guard.ts';
import type { Issuer } from '../issuing/issuer.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock, Entropy } from '../surroundings.ts';

export interface StationCore {
  ledger: Ledger;
  realm: RealmName;
  organization: string;
  /** The CA under which stations and the station listener's own certificate stand. */
  stationIssuer: Issuer;
  /** DER: what stations pin. */
  stationRoot: Uint8Array;
  clock: Clock;
  clockGuard: Pick<ClockGuard, 'requireSteady'>;
  entropy: Entropy;
}
