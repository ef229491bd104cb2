/** One unit in one fixture position, from the scan to PASS or FAIL: what the steps share. */
import type { JobView } from '@imprint/contract/api/station';
import type { HelloReply, StatusReply } from '@imprint/contract/dut/message';
import type { JobManifest } from '@imprint/contract/job-manifest';
import type { ParsedContract } from '@imprint/contract/provisioning-contract';
import type { VerifiedLeaf } from '@imprint/contract/x509/leaf';
import type { DutSession } from './dut-session.ts';
import type { IrreversibleAct, Journal } from './journal.ts';
import type { Emit, LabelMode } from './line-event.ts';
import type { Outbox } from './outbox.ts';
import type { StationSession } from './station-session.ts';
import type { Timers } from './timers.ts';

export type Operation = 'provision' | 'seal';

export interface Place {
  lane: number;
  carrier: string | null;
  position: number | null;
}

export interface Visit {
  place: Place;
  operation: Operation;
  /** The scanned ID; null asks for the order's next one, whose label is printed later. */
  scanned: string | null;
  shiftId: string | null;
  dut: DutSession;
  station: StationSession;
  outbox: Outbox;
  journal: Journal;
  timers: Timers;
  emit: Emit;
  /** Aborted when the operator cancels or the station stops; looked at between steps. */
  signal: AbortSignal;
  /** This station may take no more work. */
  halt(reason: string): void;
  /** Has the label of this ID printed. */
  printLabel(deviceId: string, symbology: string): Promise<void>;
  /** Waits for what is scanned from the label that sticks on the unit now. */
  scanLabel(deviceId: string, mode: LabelMode): Promise<string>;
}

/** What was read of the unit when it was identified. */
export interface IdentifiedUnit {
  hello: HelloReply;
  status: StatusReply;
  /** The canonical text of its hardware UID. */
  uid: string;
}

export interface Certified {
  leaf: VerifiedLeaf;
  leafDer: Uint8Array;
  chainDers: Uint8Array[];
  deviceCertPem: string;
  chainPem: string;
}

export interface ReadBack {
  device_id: string;
  certificate_sha256: string;
  chain_sha256: string;
  trust_anchor_sha256: string;
  factory_config_sha256: string;
}

/** A visit with its job: what the authority said, and what was read on the unit in this attempt. */
export interface Work {
  visit: Visit;
  unit: IdentifiedUnit;
  job: JobView;
  contract: ParsedContract;
  manifest: JobManifest;
  certified: Certified | null;
  readBack: ReadBack | null;
  /** The authority took this attempt's proof. */
  proven: boolean;
  seal: { before: Pick<StatusReply, 'debug_lock' | 'boot_flags'> | null; acts: IrreversibleAct[] };
  labelScanned: string | null;
  selftestChecks: string[] | null;
}
