/** Starts the client that makes whole units beside the authority, and reads its result. */
import { fileURLToPath } from 'node:url';
import type { StationIdentity } from './bench-home.ts';
import { runClient } from './load.ts';

/** The requests of one unit, in their order. */
export const jobRequests = [
  'openJob',
  'issueCredential',
  'reportWritten',
  'submitProof',
  'reportSealed',
  'completeJob',
] as const;

export interface JobStation {
  identity: StationIdentity;
  sessionId: string;
  shiftId: string;
}

export interface JobWork {
  origin: string;
  serverPid: number;
  stations: JobStation[];
  /** Units under way at once, over all stations. */
  lanes: number;
  /** So many of the units are made before the clock runs. */
  warmUp: number;
  deviceIds: string[];
  /** What a unit holds and signs. */
  realm: string;
  logId: string;
  rootSha256: string;
  chainSha256: string;
}

export interface JobResult {
  /** Units a second. */
  perSecond: number;
  /** Of a unit, from its first request to its last answer. */
  p50Ms: number;
  p99Ms: number;
  /** Processor time of the whole server for one unit; null where the system does not tell. */
  serverUs: number | null;
  /** The median of each request. */
  requestsMs: Record<(typeof jobRequests)[number], number>;
}

const clientFile = fileURLToPath(new URL('job-client.ts', import.meta.url));

/** Makes the units in a process of its own; its file, which holds the bench's own station keys, lies in `folder` meanwhile. */
export function runJobs(folder: string, work: JobWork): Promise<JobResult> {
  return runClient(clientFile, folder, work);
}
