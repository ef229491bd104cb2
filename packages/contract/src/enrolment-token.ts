/**
 * The one-time token with which a station joins: where the authority is, which certificate it must show, and a secret
 * that opens one door once. It travels in a file, never in an argument list.
 */
import { z } from 'zod';
import { hash, name, realmName } from './audit/entry.ts';
import { fromBase64, fromUtf8, toBase64, toUtf8 } from './bytes.ts';
import { ImprintError } from './errors.ts';

const enrolmentToken = z.strictObject({
  realm: realmName,
  station_id: name,
  /** `https://host:port` of the station listener. */
  url: z.url({ protocol: /^https$/ }).max(300),
  /** SHA-256 of the station root's certificate, DER, hex: what the TLS connection is pinned to. */
  pin_sha256: hash,
  /** 32 random bytes, hex; the authority keeps its hash only. */
  secret: hash,
});
export type EnrolmentToken = z.infer<typeof enrolmentToken>;

const prefix = 'imprint-token-v1.';
const maxCharacters = 2048;

/** One line of text, without a newline. */
export function encodeEnrolmentToken(token: EnrolmentToken): string {
  return (
    prefix +
    toBase64(toUtf8(JSON.stringify(token)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '')
  );
}

/** Whether somebody means this text for a token, good or not. */
export function isEnrolmentToken(text: string): boolean {
  return text.trim().startsWith(prefix);
}

/** @throws token_invalid; the message never repeats the text */
export function parseEnrolmentToken(text: string): EnrolmentToken {
  const line = text.trim();
  try {
    if (!line.startsWith(prefix) || line.length > maxCharacters) throw new TypeError('not a token');
    const body = line.slice(prefix.length).replaceAll('-', '+').replaceAll('_', '/');
    const padded = body.padEnd(Math.ceil(body.length / 4) * 4, '=');
    return enrolmentToken.parse(JSON.parse(fromUtf8(fromBase64(padded))));
  } catch {
    // The cause would quote the secret, so it ends here.
    throw new ImprintError('token_invalid', 'this is not an enrolment token', {
      hint: 'Use the one line that imprint station invite wrote; a token is valid for minutes and for one station.',
    });
  }
}
