/** cfssl as a peer: `cfssl serve` with a P-256 CA over plain HTTP, asked by the same client for the same requests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fromBase64 } from '@imprint/contract/bytes';
import { toPem } from '@imprint/contract/x509/pem';
import { warmUpShare } from '../issuing.ts';
import { type LoadResult, runLoad } from '../load.ts';
import type { WaitingUnit } from '../open-jobs.ts';
import { makeBenchCa } from './bench-ca.ts';

export interface Cfssl {
  issue(units: readonly WaitingUnit[], connections: number): Promise<LoadResult>;
  stop(): Promise<void>;
}

const startTries = 100;
const startPauseMs = 50;

/** Starts it with its CA in `folder`/cfssl; undefined where it, or `openssl` for its CA, is not installed. */
export async function startCfssl(folder: string): Promise<Cfssl | undefined> {
  if (spawnSync('cfssl', ['version'], { stdio: 'ignore' }).status !== 0) return undefined;
  const home = join(folder, 'cfssl');
  if (!makeBenchCa(home)) return undefined;
  const port = await freePort();
  const child = spawn(
    'cfssl',
    [
      'serve',
      ...['-address', '127.0.0.1', '-port', String(port)],
      ...['-ca', join(home, 'ca.pem'), '-ca-key', join(home, 'ca.key')],
      // a line a request would be measured with it
      ...['-loglevel', '5'],
    ],
    { cwd: home, stdio: 'ignore' },
  );
  const origin = `http://127.0.0.1:${port}`;
  await answers(origin, child);
  return {
    issue: (units, connections) =>
      runLoad(home, {
        origin,
        serverPid: child.pid!,
        connections,
        warmUp: Math.floor(units.length * warmUpShare),
        headers: {},
        certificateMember: 'certificate',
        requests: units.map(({ csrB64 }) => ({
          path: '/api/v1/cfssl/sign',
          body: JSON.stringify({
            certificate_request: toPem('CERTIFICATE REQUEST', fromBase64(csrB64)),
          }),
          certificates: 1,
        })),
      }),
    stop: () => end(child),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function answers(origin: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < startTries && child.exitCode === null; tries++) {
    try {
      await fetch(origin);
      return;
    } catch {
      await pause(startPauseMs);
    }
  }
  await end(child);
  throw new Error('cfssl serve was started and does not answer');
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('close', () => resolve());
    child.kill('SIGTERM');
  });
}
