/** What the job flow stands on: the ledger, the realm's trust, and injected time and randomness. */
import type { RealmName } from '@imprint/contract/audit/entry';
import type { Checkpoints } from '../audit/checkpoints.ts';
import type { ClockGuard } from '../clock/clock-guard.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { BadgeHash } from '../trust/badge-hash.ts';
import type { Issuers } from '../trust/issuers.ts';

export interface LineCore {
  ledger: Ledger;
  realm: RealmName;
  /** SHA-256 of the log's public key, hex. */
  logId: string;
  rootPem: string;
  rootSha256: string;
  issuers: Issuers;
  contracts: ContractShelf;
  clock: () => Date;
  clockGuard: Pick<ClockGuard, 'requireSteady'>;
  /** Cryptographically secure random bytes. */
  entropy: (bytes: number) => Uint8Array;
  /** Names this process among those that share the database: the owner of the intents that it may sign. */
  processId: string;
  /** How long a process may take to sign what it intended. */
  intentLeaseMs: number;
  jobsPerLaneAMinute: number;
  minimumStationVersion: string;
  badgeHash: BadgeHash;
  checkpoints: Checkpoints;
}

/** The authenticated station behind a request: its ID comes from its certificate, never from a body. */
export interface StationCaller {
  stationId: string;
  sessionId: string;
}
