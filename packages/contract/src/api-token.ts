/**
 * An API token as a program holds it: `imp_<realm>_<id>_<secret>`. The realm stands in it, so that a token that was pasted into the
 * wrong configuration is refused by its look, and the fixed beginning lets scanners of repositories find one that leaked.
 */
import { z } from 'zod';
import { type RealmName, realmName } from './audit/entry.ts';
import { toUtf8 } from './bytes.ts';
import { ImprintError } from './errors.ts';
import { sha256Hex } from './hash.ts';

export const tokenId = z.string().regex(/^[0-9a-f]{16}$/);

export interface ApiToken {
  realm: RealmName;
  tokenId: string;
  /** 32 random bytes, hex; the authority keeps its hash only. */
  secret: string;
}

const form = /^imp_([a-z]{1,8})_([0-9a-f]{16})_([0-9a-f]{64})$/;

export function formatApiToken({ realm, tokenId, secret }: ApiToken): string {
  return `imp_${realm}_${tokenId}_${secret}`;
}

/** @throws token_invalid; the message never repeats the text */
export function parseApiToken(text: string): ApiToken {
  const match = form.exec(text);
  const realm = realmName.safeParse(match?.[1]);
  if (match === null || !realm.success) {
    throw new ImprintError('token_invalid', 'this is not an API token', {
      hint: 'Use the one line that imprint token create wrote.',
    });
  }
  return { realm: realm.data, tokenId: match[2]!, secret: match[3]! };
}

/** What the registry keeps of a token's secret. It has 256 random bits, so that a hash without salt or cost tells nothing of it. */
export function tokenSecretSha256(secret: string): string {
  return sha256Hex(toUtf8(secret));
}
