/** How much room a disk has left for the user who asks. */
import { statfsSync } from 'node:fs';
import { limits } from '@imprint/contract/limits';
import { type Finding, fail, ok, warn } from './check.ts';

/** Bytes that this user may still write below `path`. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

export function diskRoom(path: string, bytes: number = freeBytes(path)): Finding {
  const detail = `${amount(bytes)} are free at ${path}`;
  const advice = 'Make room, or move to a larger disk: where nothing can be written, nothing is issued.';
  if (bytes < limits.diskFullBytes) return fail(detail, advice);
  return bytes < limits.diskLowBytes ? warn(detail, advice) : ok(detail);
}

export function amount(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
