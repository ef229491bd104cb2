/**
 * Which of a CA's CRLs a certificate belongs to. It follows from the serial alone, so that a certificate can name its CRL before it
 * is signed, and one more revocation changes one small list. A CA keeps its number of partitions for ever.
 */
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { bucketOf, buckets } from '../storage/serial-bucket.ts';

/** A CA that certifies devices by the million, where its certificates say where to look. */
export const largeCaPartitions = 64;

/** The partition of a serial, from 0. */
export function partitionOf(serialHex: string, partitions: number): number {
  return Math.floor(bucketOf(serialHex) / (buckets / partitions));
}

/** The buckets of a partition, both ends included. */
export function bucketsOf(partition: number, partitions: number): { first: number; last: number } {
  const width = buckets / partitions;
  return { first: partition * width, last: (partition + 1) * width - 1 };
}

/** @throws internal where the number is no power of two from 1 to `limits.crlPartitions` */
export function requirePartitions(partitions: number): number {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= limits.crlPartitions) {
    if ((partitions & (partitions - 1)) === 0) return partitions;
  }
  throw new ImprintError('internal', `A CA cannot have ${partitions} CRL partitions.`, {
    hint: `Their number is a power of two, from 1 to ${limits.crlPartitions}.`,
  });
}

/** Where the CRL is on the public listener, and below the public URL. `keyIdentifier` is the CA's. */
export function crlPath(keyIdentifier: Uint8Array, partition: number): string {
  return `/crl/${toHex(keyIdentifier)}/${partition}.crl`;
}

/** What cRLDistributionPoints of a certificate and issuingDistributionPoint of its CRL say alike. */
export function crlUrl(publicUrl: string, keyIdentifier: Uint8Array, partition: number): string {
  return `${publicUrl}${crlPath(keyIdentifier, partition)}`;
}

/** Where a root's CRL is told, as the certificates of the CAs beneath it say: a root has one list, which is complete. */
export function rootCrlUrl(publicUrl: string, rootKeyIdentifier: Uint8Array): string {
  return crlUrl(publicUrl, rootKeyIdentifier, 0);
}

/** What authorityInfoAccess says. */
export function ocspUrl(publicUrl: string): string {
  return `${publicUrl}/ocsp`;
}
