/** The one name of the place where a unit keeps its key, as manifests and the unit's `generate_key` have it. */

import type { ProvisioningContract } from './schema.ts';

/** Class and slot as one word: `secure-element-slot-0`. */
export function keyStorageName({ credential: { storage } }: ProvisioningContract): string {
  return `${storage.class}-slot-${storage.slot}`;
}
