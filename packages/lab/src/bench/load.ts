/** Starts the load client beside whatever is measured, and reads its result. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StationIdentity } from './bench-home.ts';

export interface LoadRequest {
  path: string;
  body: string;
  /** How many certificates the answer has to hold. */
  certificates: number;
}

export interface LoadWork {
  origin: string;
  /** The process that answers, whose processor time is read at both ends of the measured part. */
  serverPid: number;
  /** Kept connections, and requests under way at once. */
  connections: number;
  /** So many of the requests are sent before the clock runs. */
  warmUp: number;
  headers: Record<string, string>;
  /** Absent: plain HTTP. */
  tls?: StationIdentity;
  /** The member of the answer that holds an issued certificate as PEM, once for each. */
  certificateMember: string;
  requests: LoadRequest[];
}

export interface LoadResult {
  /** Certificates a second. */
  perSecond: number;
  /** Of a request, whatever it asks for. */
  p50Ms: number;
  p99Ms: number;
  /** Processor time of the whole server for one certificate; null where the system does not tell. */
  serverUs: number | null;
}

const clientFile = fileURLToPath(new URL('load-client.ts', import.meta.url));

/** Runs the work in a process of its own; its file, which holds the bench's own station key, lies in `folder` meanwhile. */
export function runLoad(folder: string, work: LoadWork): Promise<LoadResult> {
  return runClient(clientFile, folder, work);
}

/** Starts a client's program with the file of its work, and gives the JSON that it prints. */
export async function runClient<Result>(program: string, folder: string, work: object): Promise<Result> {
  const file = join(folder, 'load.json');
  writeFileSync(file, JSON.stringify(work), { mode: 0o600 });
  try {
    return JSON.parse(await outputOf(program, file)) as Result;
  } finally {
    rmSync(file);
  }
}

function outputOf(program: string, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
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
