/** The ways in which `imprint serve` is asked for certificates, and what each has to reach beside cfssl. */
import { batchesOf, singleRequests } from './issuing.ts';
import type { LoadRequest } from './load.ts';
import type { WaitingUnit } from './open-jobs.ts';

/** Pairs a second of the core for which a limit of processor time is given; a faster one has to take less, a slower one may take more. */
export const referencePairs = 8_000;

/** What is wanted of one way of asking, each ratio taken pair by pair. */
export interface Wanted {
  /** Of cfssl's rate, at least. */
  ofCfssl: number;
  /** Of cfssl's p99, at most. */
  ofCfsslP99?: number;
  /** Of the pairs of two cores, at least. */
  ofLimit?: number;
  /** Processor time for a certificate, at most, where a core does {@link referencePairs}. */
  serverUs: number;
}

/** One way to ask `imprint serve` for certificates: cfssl is asked right beside it for the same ones, one a request. */
export interface Way {
  name: string;
  connections: number;
  requests: (units: readonly WaitingUnit[]) => LoadRequest[];
  wanted?: Wanted;
}

/** What one request for many units, each with an outcome of its own, has to reach. */
const batched: Wanted = { ofCfssl: 1.8, ofLimit: 0.35, serverUs: 300 };

export const ways: readonly Way[] = [
  { name: '16 connections', connections: 16, requests: singleRequests },
  {
    name: '64 connections',
    connections: 64,
    requests: singleRequests,
    wanted: { ofCfssl: 1, ofCfsslP99: 0.5, serverUs: 450 },
  },
  { name: '4 connections, 16 units a request', connections: 4, requests: batchesOf(16), wanted: batched },
  { name: '4 connections, 32 units a request', connections: 4, requests: batchesOf(32), wanted: batched },
];
