/** Serial numbers that nobody can guess and that a database index likes: time first, then random bits. */
import { ImprintError } from '@imprint/contract/errors';
import type { Entropy } from '../surroundings.ts';

/** One marker octet, which keeps the number positive and of one length; 6 of milliseconds; 10 random (80 bits). */
export const serialBytes = 17;
const randomBytes = 10;

/**
 * The content octets of a certificate's serial number: positive, minimal, 17 octets (RFC 5280 section 4.1.2.2 allows
 * 20), of which 80 bits are random (I-4). Later serials sort after earlier ones, by the millisecond.
 */
export function makeSerial(now: Date, entropy: Entropy): Uint8Array {
  const serial = new Uint8Array(serialBytes);
  serial[0] = 1;
  let rest = now.getTime();
  for (let at = 6; at >= 1; at--) {
    serial[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  const random = entropy(randomBytes);
  if (random.length !== randomBytes) throw new ImprintError('internal', 'The generator gave too few bytes.');
  serial.set(random, serialBytes - randomBytes);
  return serial;
}
