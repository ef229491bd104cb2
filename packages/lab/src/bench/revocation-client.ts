/**
 * A client that gets paths, or posts bodies, as fast as its connections allow, in a process of its own: `node revocation-client.ts WORK.json`.
 * An answer that is not 200 ends the run. It gives one JSON line.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { percentile } from './figures.ts';
import type { LoadResult } from './load.ts';
import { processorTimeUs } from './processor-time.ts';

export interface AskWork {
  origin: string;
  serverPid: number;
  connections: number;
  /** So many requests before the clock runs, and with it. */
  warmUp: number;
  requests: number;
  /** Asked for one after another, from the first again after the last. */
  asked: { path: string; bodyB64?: string; type?: string }[];
}

const work = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as AskWork;
const pool = new Pool(work.origin, { connections: work.connections, pipelining: 1 });
const asked = work.asked.map(({ path, bodyB64, type }) => ({
  path,
  method: bodyB64 === undefined ? ('GET' as const) : ('POST' as const),
  ...(bodyB64 === undefined ? {} : { body: Buffer.from(bodyB64, 'base64') }),
  ...(type === undefined ? {} : { headers: { 'content-type': type } }),
}));

async function askAll(count: number): Promise<number[]> {
  const latenciesMs: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < count; at = next++) {
      const begun = performance.now();
      const { statusCode, body } = await pool.request(asked[at % asked.length]!);
      const bytes = await body.bytes();
      if (statusCode !== 200 || bytes.length < 300) {
        throw new Error(
          `${asked[at % asked.length]!.path} answered ${statusCode} with ${bytes.length} bytes`,
        );
      }
      latenciesMs.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: work.connections }, worker));
  return latenciesMs;
}

await askAll(work.warmUp);
const begunUs = processorTimeUs(work.serverPid);
const begun = performance.now();
const latenciesMs = await askAll(work.requests);
const seconds = (performance.now() - begun) / 1000;
const endedUs = processorTimeUs(work.serverPid);
const result: LoadResult = {
  perSecond: work.requests / seconds,
  p50Ms: percentile(latenciesMs, 0.5),
  p99Ms: percentile(latenciesMs, 0.99),
  serverUs: begunUs === null || endedUs === null ? null : (endedUs - begunUs) / work.requests,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await pool.close();
