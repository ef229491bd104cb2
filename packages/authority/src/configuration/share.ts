/**
 * To how many devices a version is offered, and to which: it follows from the version, the device and the time alone, so that every
 * process says the same and a device that once had a version keeps it while the share grows.
 */
import type { VersionRef } from '@imprint/contract/audit/entry';
import { toUtf8 } from '@imprint/contract/bytes';
import { sha256 } from '@imprint/contract/hash';

export interface Offer {
  /** Per cent that people have widened it to. */
  share: number;
  /** JSON list of shares. */
  steps: string;
  step_minutes: number | null;
  published_at: string;
}

/** Per cent of its devices that a version is offered to at this time. */
export function shareAt({ share, steps, step_minutes, published_at }: Offer, at: string): number {
  if (step_minutes === null) return share;
  const list = JSON.parse(steps) as number[];
  const passed = Math.floor((Date.parse(at) - Date.parse(published_at)) / (step_minutes * 60_000));
  return Math.max(share, list[Math.min(Math.max(passed, 0), list.length - 1)]!);
}

/** Whether the device is among so many per cent. */
export function isInShare({ scope, subject, version }: VersionRef, deviceId: string, share: number): boolean {
  const hash = sha256(toUtf8(`${scope}/${subject}/${version}/${deviceId}`));
  const drawn = new DataView(hash.buffer, hash.byteOffset).getUint32(0);
  return drawn < (share / 100) * 2 ** 32;
}
