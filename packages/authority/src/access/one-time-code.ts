/**
 * The second factor: six digits that change every 30 seconds (TOTP, RFC 6238, with the SHA-1 that every authenticator knows). A code
 * is good for its step and the one before and after it, and once.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { toUtf8 } from '@imprint/contract/bytes';
import type { Entropy } from '../surroundings.ts';
import { type DatabaseSeal, databaseSeal } from '../trust/database-seal.ts';

const stepMs = 30_000;
const digits = 6;
const secretBytes = 20;
const window = [0, -1, 1];

export function newTotpSecret(entropy: Entropy): Uint8Array {
  return entropy(secretBytes);
}

/** The code of a step (RFC 4226 section 5.3). */
export function codeOf(secret: Uint8Array, step: number, length = digits): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const at = mac[mac.length - 1]! & 0x0f;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 10 ** length).padStart(length, '0');
}

export const stepAt = (now: Date) => Math.floor(now.getTime() / stepMs);

/** The step that the code belongs to, later than any that was used; undefined where it is wrong, too old or used. */
export function acceptedStep(
  secret: Uint8Array,
  code: string,
  now: Date,
  used: number | null,
): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const steps = window.map((off) => stepAt(now) + off);
  // all three are computed, whichever fits
  const fitting = steps.filter((step) => timingSafeEqual(toUtf8(codeOf(secret, step)), toUtf8(code)));
  return fitting.find((step) => used === null || step > used);
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an authenticator is given, once: a URI with the secret in it. */
export function totpUri(secret: Uint8Array, accountId: string, issuer: string): string {
  let bits = '';
  for (const byte of secret) bits += byte.toString(2).padStart(8, '0');
  const text = (bits.match(/.{1,5}/g) ?? [])
    .map((part) => base32[Number.parseInt(part.padEnd(5, '0'), 2)])
    .join('');
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(accountId)}`;
  return `otpauth://totp/${label}?secret=${text}&issuer=${encodeURIComponent(issuer)}`;
}

/** Seals what the database keeps of second factors, each for its account. */
export type SecretSeal = DatabaseSeal;

export function secretSeal(key: KeyObject, entropy: Entropy): SecretSeal {
  return databaseSeal(key, 'imprint second factors v1', 'the second factor of', entropy);
}
