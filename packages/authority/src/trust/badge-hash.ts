/**
 * What the tables keep of a badge: a hash under a key of the key folder. A badge has a few digits, so whoever has the
 * database, or a backup of it, could try them all against a hash that needs no key.
 */
import { createHmac, hkdfSync, type KeyObject } from 'node:crypto';

/** 64 hex digits; the same badge gives the same ones, so that it is found by an index. */
export type BadgeHash = (badge: string) => string;

/** HMAC-SHA-256 under a key that is derived from a private key which serves nothing else. */
export function badgeHash(key: KeyObject): BadgeHash {
  const secret = key.export({ format: 'der', type: 'pkcs8' });
  const derived = Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), 'imprint badges v1', 32));
  secret.fill(0);
  return (badge) => createHmac('sha256', derived).update(badge, 'utf8').digest('hex');
}
