/**
 * IDs that the authority gives: time first, then random bits, so that what is made at one time stands together in every index.
 * A random one changes a page of its own in each.
 */
import { toHex } from '@imprint/contract/bytes';
import type { Entropy } from '../surroundings.ts';

const timeDigits = 12;
const randomBytes = 7;

/** `kind-` and 26 hexadecimal digits: the millisecond, then 56 random bits. It is no secret. */
export function newId(kind: string, now: Date, entropy: Entropy): string {
  return `${kind}-${now.getTime().toString(16).padStart(timeDigits, '0')}${toHex(entropy(randomBytes))}`;
}
