/** Durable issuing, measured in this process and over mTLS: each certificate's intent and itself are fsynced before the answer. */
import { CredentialIssuing } from '@imprint/authority/jobs/issue-credential';
import { presentedKey } from '@imprint/authority/jobs/presented-key';
import { openSession } from '@imprint/authority/stations/session';
import { sessionHeader } from '@imprint/contract/api/station';
import type { Child } from 'imprint/demo/child';
import {
  type AuthorityHome,
  type BenchHome,
  benchStation,
  noConfiguration,
  stationVersion,
} from './bench-home.ts';
import { type LoadRequest, type LoadResult, runLoad } from './load.ts';
import type { WaitingUnit } from './open-jobs.ts';

/** Of the units of one run, the share with which connections and compilers are warmed before the clock runs. */
export const warmUpShare = 0.25;

/** A station with a live session, as every issuing needs one. */
export async function beginSession(home: AuthorityHome, stationId = benchStation): Promise<string> {
  const session = await openSession(home.unlocked.line, stationId, {
    station_version: stationVersion,
    configuration_sha256: noConfiguration,
    station_time: home.authority.clock().toISOString(),
    last_checkpoint: null,
  });
  return session.session_id;
}

/** `CredentialIssuing.issue` with so many callers at once; certificates a second. */
export async function issueInProcess(
  home: AuthorityHome,
  sessionId: string,
  units: readonly WaitingUnit[],
  callers: number,
): Promise<number> {
  const issuing = new CredentialIssuing(home.unlocked.line);
  const caller = { stationId: benchStation, sessionId };
  const issueAll = async (some: readonly WaitingUnit[]) => {
    let next = 0;
    const worker = async () => {
      for (let at = next++; at < some.length; at = next++) {
        const { jobId, requestId, csrB64 } = some[at]!;
        await issuing.issue(caller, jobId, {
          request_id: requestId,
          attempt: 1,
          key: presentedKey(csrB64),
        });
      }
    };
    await Promise.all(Array.from({ length: callers }, worker));
  };
  const warmUp = Math.floor(units.length * warmUpShare);
  await issueAll(units.slice(0, warmUp));
  const begun = performance.now();
  await issueAll(units.slice(warmUp));
  return ((units.length - warmUp) * 1000) / (performance.now() - begun);
}

/** What `imprint serve` is asked for, over so many kept mTLS connections. */
export interface Asking {
  connections: number;
  requests: readonly LoadRequest[];
}

/** The station listener of `server` asked for certificates. */
export function issueOverMtls(
  home: BenchHome,
  server: { url: string; process: Child },
  sessionId: string,
  { connections, requests }: Asking,
): Promise<LoadResult> {
  return runLoad(home.folder, {
    origin: server.url,
    serverPid: server.process.pid!,
    connections,
    warmUp: Math.floor(requests.length * warmUpShare),
    headers: { [sessionHeader]: sessionId },
    tls: home.identity,
    certificateMember: 'device_cert_pem',
    requests: [...requests],
  });
}

/** A request for so many units each, as of a gang fixture; the last may be about fewer. */
export function batchesOf(size: number): (units: readonly WaitingUnit[]) => LoadRequest[] {
  return (units) => {
    const requests: LoadRequest[] = [];
    for (let at = 0; at < units.length; at += size) {
      const some = units.slice(at, at + size);
      const body = {
        units: some.map(({ jobId, requestId, csrB64 }) => ({
          job_id: jobId,
          request_id: requestId,
          attempt: 1,
          csr_b64: csrB64,
        })),
      };
      requests.push({
        path: '/station/v1/credentials',
        body: JSON.stringify(body),
        certificates: some.length,
      });
    }
    return requests;
  };
}

/** A request for each unit. */
export function singleRequests(units: readonly WaitingUnit[]): LoadRequest[] {
  return units.map(({ jobId, requestId, csrB64 }) => ({
    path: `/station/v1/jobs/${jobId}/credential`,
    body: JSON.stringify({ request_id: requestId, attempt: 1, csr_b64: csrB64 }),
    certificates: 1,
  }));
}
