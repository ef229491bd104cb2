/** What the job flow stands on: the ledger, the realm's trust, and injected time and randomness. */
import type { RealmName } from '@imprint/contract/audit/entry';
import type { DeviceIssuer } from '../issuing/device-issuer.ts';
import type { Ledger, LogHead } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';

export interface LineCore {
  ledger: Ledger;
  realm: RealmName;
  /** SHA-256 of the log's public key, hex. */
  logId: string;
  logVerifierKey: string;
  rootPem: string;
  rootSha256: string;
  issuer: DeviceIssuer;
  contracts: ContractShelf;
  clock: () => Date;
  /** Cryptographically secure random bytes. */
  entropy: (bytes: number) => Uint8Array;
  /** Names this process among those that share the database: the owner of the intents that it may sign. */
  processId: string;
  /** How long a process may take to sign what it intended. */
  intentLeaseMs: number;
  jobsPerLaneAMinute: number;
  minimumStationVersion: string;
  /** The receipt (JSON text) of the entry at this index of the committed log. */
  receipt: (logIndex: number) => Promise<string>;
  checkpoint: () => Promise<string>;
  consistencyProof: (oldSize: number, head: LogHead) => Promise<string[]>;
}

/** The authenticated station behind a request: its ID comes from its certificate, never from a body. */
export interface StationCaller {
  stationId: string;
  sessionId: string;
}
