/**
 * A client that asks as fast as its connections allow, in a process of its own: `node load-client.ts WORK.json`. It gives
 * one JSON line, and counts certificates, not answers: one answer may hold many, and one that holds too few ends the run.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { percentile } from './figures.ts';
import type { LoadRequest, LoadResult, LoadWork } from './load.ts';
import { processorTimeUs } from './processor-time.ts';

const answerTimeoutMs = 30_000;

const work = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as LoadWork;
const pool = new Pool(work.origin, {
  connections: work.connections,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  headersTimeout: answerTimeoutMs,
  bodyTimeout: answerTimeoutMs,
  ...(work.tls && {
    connect: {
      cert: work.tls.certificatePem,
      key: work.tls.keyPem,
      ca: work.tls.authorityCaPem,
      allowPartialTrustChain: true,
    },
  }),
});
const headers = { ...work.headers, 'content-type': 'application/json' };
const certificateStart = `"${work.certificateMember}":"-----BEGIN CERTIFICATE-----`;

async function ask({ path, body, certificates }: LoadRequest): Promise<void> {
  const answer = await pool.request({ path, method: 'POST', headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== 200 || text.split(certificateStart).length - 1 !== certificates) {
    throw new Error(`${work.origin}${path} answered ${answer.statusCode}: ${text.slice(0, 300)}`);
  }
}

/** Sends them all, one at a time on each connection. */
async function askAll(requests: readonly LoadRequest[]): Promise<number[]> {
  const latenciesMs: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < requests.length; at = next++) {
      const begun = performance.now();
      await ask(requests[at]!);
      latenciesMs.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: work.connections }, worker));
  return latenciesMs;
}

// connections are made, and both programs are compiled, before the clock runs
await askAll(work.requests.slice(0, work.warmUp));
const measured = work.requests.slice(work.warmUp);
const certificates = measured.reduce((sum, request) => sum + request.certificates, 0);
const begunUs = processorTimeUs(work.serverPid);
const begun = performance.now();
const latenciesMs = await askAll(measured);
const seconds = (performance.now() - begun) / 1000;
const endedUs = processorTimeUs(work.serverPid);
const result: LoadResult = {
  perSecond: certificates / seconds,
  p50Ms: percentile(latenciesMs, 0.5),
  p99Ms: percentile(latenciesMs, 0.99),
  serverUs: begunUs === null || endedUs === null ? null : (endedUs - begunUs) / certificates,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await pool.close();
