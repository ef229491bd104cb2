/** Runs the probe on a home and kills it as soon as it has told its figures: the home is left as a power cut leaves it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ProbeResult, ProbeWork } from './probe.ts';

const probeFile = fileURLToPath(new URL('probe.ts', import.meta.url));

export function runProbe(work: ProbeWork): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const child = fork(probeFile, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let told: { result: ProbeResult } | { error: string } | undefined;
    child.once('message', (message: { result: ProbeResult } | { error: string }) => {
      told = message;
      child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (told === undefined) reject(new Error(`the probe ended with ${code}`));
      else if ('error' in told) reject(new Error(told.error));
      else resolve(told.result);
    });
    child.send(work);
  });
}
