/** Starts the load client beside whatever is measured, and reads its result. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StationIdentity } from './bench-home.ts';

export interface LoadWork {
  origin: string;
  /** Kept connections, and requests under way at once. */
  connections: number;
  /** So many of the requests are sent before the clock runs. */
  warmUp: number;
  headers: Record<string, string>;
  /** Absent: plain HTTP. */
  tls?: StationIdentity;
  requests: { path: string; body: string }[];
}

export interface LoadResult {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const clientFile = fileURLToPath(new URL('load-client.ts', import.meta.url));

/** Runs the work in a process of its own; its file, which holds the bench's own station key, lies in `folder` meanwhile. */
export async function runLoad(folder: string, work: LoadWork): Promise<LoadResult> {
  const file = join(folder, 'load.json');
  writeFileSync(file, JSON.stringify(work), { mode: 0o600 });
  try {
    return JSON.parse(await outputOf(file)) as LoadResult;
  } finally {
    rmSync(file);
  }
}

function outputOf(file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [clientFile, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`the load client ended with ${code}`));
    });
  });
}
