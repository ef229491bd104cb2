/** Serials fall into buckets by their last two octets, which are random: a run of buckets is a CRL's partition, found by the key of its table. */
import { fromHex } from '@imprint/contract/bytes';

export const buckets = 65_536;

/** Of a serial in hex: the number of its last two octets. */
export function bucketOf(serialHex: string): number {
  const tail = fromHex(serialHex).subarray(-2);
  return tail.length === 2 ? tail[0]! * 256 + tail[1]! : tail[0]!;
}
