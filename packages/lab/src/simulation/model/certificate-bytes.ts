/** What the model takes from a certificate by itself: its fingerprint, and the bytes that are signed. */
import { hash } from 'node:crypto';

export function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}

/** The first element of a certificate: what is signed (RFC 5280 section 4.1). */
export function tbsOf(certificate: Uint8Array): Uint8Array {
  const body = headOf(certificate, 0);
  const tbs = headOf(certificate, body.start);
  return certificate.subarray(body.start, tbs.end);
}

function headOf(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const octets = first & 0x7f;
  let length = 0;
  for (let octet = 0; octet < octets; octet++) length = length * 256 + der[at + 2 + octet]!;
  return { start: at + 2 + octets, end: at + 2 + octets + length };
}
