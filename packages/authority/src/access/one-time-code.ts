/**
 * The second factor: six digits that change every 30 seconds (TOTP, RFC 6238, with the SHA-1 that every authenticator knows). A code
 * is good for its step and the one before and after it, and once.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { concatBytes, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Entropy } from '../surroundings.ts';

const stepMs = 30_000;
const digits = 6;
const secretBytes = 20;
const window = [0, -1, 1];
const nonceBytes = 12;
const tagBytes = 16;

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

/** Seals what the database keeps of second factors, so that a copy of it opens nothing. */
export interface SecretSeal {
  seal(secret: Uint8Array, accountId: string): Uint8Array;
  /** @throws internal where it was changed, or belongs to another account */
  open(sealed: Uint8Array, accountId: string): Uint8Array;
}

/** AES-256-GCM under a key that is derived from a private key of the key folder. */
export function secretSeal(key: KeyObject, entropy: Entropy): SecretSeal {
  const source = key.export({ format: 'der', type: 'pkcs8' });
  const derived = Buffer.from(hkdfSync('sha256', source, new Uint8Array(0), 'imprint second factors v1', 32));
  source.fill(0);
  return {
    seal: (secret, accountId) => {
      const nonce = entropy(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', derived, nonce).setAAD(toUtf8(accountId));
      return concatBytes(nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
    },
    open: (sealed, accountId) => {
      try {
        const decipher = createDecipheriv('aes-256-gcm', derived, sealed.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        decipher.setAAD(toUtf8(accountId)).setAuthTag(sealed.subarray(sealed.length - tagBytes));
        const body = sealed.subarray(nonceBytes, sealed.length - tagBytes);
        return concatBytes(decipher.update(body), decipher.final());
      } catch (cause) {
        throw new ImprintError('internal', `the second factor of ${accountId} cannot be opened`, { cause });
      }
    },
  };
}
