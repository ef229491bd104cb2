/**
 * IDs of requests: time first, then random bits, so that what an authority remembers of one hour stands together in its tables.
 * A random one has it read and write a page of its own for each request. The time in it tells nobody anything: it orders.
 */
import { toHex } from '@imprint/contract/bytes';

const timeDigits = 12;
const randomBytes = 10;

/** 32 hexadecimal digits: the millisecond, then 80 bits that `entropy` gives from a CSPRNG. It is no secret. */
export function newRequestId(now: Date, entropy: (bytes: number) => Uint8Array): string {
  return now.getTime().toString(16).padStart(timeDigits, '0') + toHex(entropy(randomBytes));
}
