/** Certificates that somebody has gathered, from backends, gateways or the field: PEM with any text around it, or DER. */
import { ImprintError } from '@imprint/contract/errors';
import { readBoundedBytes } from './read-bounded-file.ts';

const fileBytes = 64 * 1024 * 1024;
const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,200000}?)-----END CERTIFICATE-----/g;

/** DER of each certificate of the files, each once. What is in them may be anybody's. @throws file_invalid */
export function readSeenCertificates(files: readonly string[]): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const file of files) {
    for (const der of readOne(file)) found.set(Buffer.from(der).toString('base64'), der);
  }
  return [...found.values()];
}

function readOne(file: string): Uint8Array[] {
  const bytes = readBoundedBytes(file, fileBytes);
  if (bytes[0] === 0x30) return [bytes];
  const text = new TextDecoder().decode(bytes);
  const ders = Array.from(
    text.matchAll(block),
    ([, base64]) => new Uint8Array(Buffer.from(base64!, 'base64')),
  );
  if (ders.length > 0) return ders;
  throw new ImprintError('file_invalid', `${file} holds no certificate`, {
    hint: 'Give PEM files, each with as many certificates as there are, or one certificate in DER.',
  });
}
