/**
 * Who is behind a request of the management API, decided anew at every request (I-11): the holder of an API token, or of a session's
 * cookie. It trusts no browser to keep other sites' pages from sending that cookie.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { sessionCookie } from '@imprint/contract/api/management';
import { ImprintError } from '@imprint/contract/errors';
import type { Who } from '../access/authorize.ts';
import { type AccessCore, sessionHolder, tokenHolder } from '../access/sign-in.ts';

const bearer = /^Bearer (imp_[a-z0-9_]{1,120})$/;
const secret = /^[0-9a-f]{64}$/;

/** @throws not_authenticated, token_invalid; not_authorized for a request that another site's page sent */
export async function whoAsks(core: AccessCore, headers: IncomingHttpHeaders): Promise<Who> {
  const { authorization } = headers;
  const session = cookieOf(headers, sessionCookie);
  if (authorization !== undefined && session !== undefined) {
    throw new ImprintError('bad_request', 'The request bears both a token and a session.', {
      hint: 'Send one of them.',
    });
  }
  if (authorization !== undefined) {
    const match = bearer.exec(authorization);
    if (match === null) {
      throw new ImprintError('token_invalid', 'This is not an API token.', {
        hint: 'Send authorization: Bearer imp_…, as imprint token create wrote it.',
      });
    }
    return tokenHolder(core, match[1]!);
  }
  if (session === undefined || !secret.test(session)) {
    throw new ImprintError('not_authenticated', 'This request bears no token and no session.', {
      hint: 'Sign in, or send an API token.',
    });
  }
  requireSameSite(headers);
  return sessionHolder({ tx: core.ledger.reader, at: core.clock().toISOString() }, session);
}

/** Beside the cookie's own SameSite: a page of another site is named by the browser. @throws not_authorized */
export function requireSameSite({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
  const isOwn = origin === undefined || origin === `https://${host}`;
  if (isOwn && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new ImprintError('not_authorized', 'The page of another site sent this request.', {
    hint: 'Close that page, and use the console of this authority.',
  });
}

/** The one cookie of this name; undefined where there is none, or there are two. */
export function cookieOf({ cookie = '' }: IncomingHttpHeaders, name: string): string | undefined {
  const found = cookie
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(`${name}=`));
  return found.length === 1 ? found[0]!.slice(name.length + 1) : undefined;
}
