/**
 * A CA's name says whom it certifies: devices, or stations and the authority's listeners. Two CAs under one root are told apart
 * by that alone, since their certificates have the same extensions. A name that says neither certifies nobody.
 */

import type { LeafPurpose } from './leaf.ts';
import { type Name, nameValue } from './name.ts';

export type CaBranch = 'device' | 'station';

/** The branch in which a leaf of this purpose stands. */
export const branchOfPurpose: Record<LeafPurpose, CaBranch> = {
  device: 'device',
  operational: 'device',
  station: 'station',
  server: 'station',
  // a device pins its own root, and no other
  'device-server': 'device',
  responder: 'device',
};

/** What the common name of every CA of a branch begins with. Never to change: certificates bear it. */
const beginnings: Record<CaBranch, string> = { device: 'Device ', station: 'Station ' };

/** Whom the CA of this subject certifies; `undefined` where its common name does not say. */
export function branchOfCa(subject: Name): CaBranch | undefined {
  const name = nameValue(subject, 'commonName') ?? '';
  if (name.startsWith(beginnings.device)) return 'device';
  return name.startsWith(beginnings.station) ? 'station' : undefined;
}
