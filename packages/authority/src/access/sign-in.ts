/**
 * Signing in: an account and its password, with a one-time code where it has one, or an API token. Whatever is wrong, the answer is
 * the same and takes as long; wrong ones are slowed, by account and by address.
 */

import { timingSafeEqual } from 'node:crypto';
import { parseApiToken, tokenSecretSha256 } from '@imprint/contract/api-token';
import { accountId as accountIdSchema, type RealmName } from '@imprint/contract/audit/entry';
import { fromHex, toHex, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import type { Ledger, Reading } from '../ledger/ledger.ts';
import type { Clock, Entropy } from '../surroundings.ts';
import type { Moment, Who } from './authorize.ts';
import { acceptedStep, type SecretSeal } from './one-time-code.ts';
import { isPassword } from './password.ts';
import type { SignInPace } from './sign-in-pace.ts';

export interface AccessCore {
  ledger: Ledger;
  realm: RealmName;
  clock: Clock;
  entropy: Entropy;
  /** Opened where an account has a second factor; what holds its key may have to be unlocked first. */
  seal: () => Promise<SecretSeal>;
  pace: SignInPace;
}

export interface Credentials {
  accountId: string;
  password: Uint8Array;
  /** Six digits, where the account has a second factor. */
  code?: string | undefined;
}

/**
 * Who signs in with these.
 * @param address where they come from, for slowing down; `home` on the authority's own machine
 * @throws login_refused for all that can be wrong with them; rate_limited
 */
export async function signIn(core: AccessCore, credentials: Credentials, address: string): Promise<Who> {
  return (await provePerson(core, credentials, address)).who;
}

/**
 * The same, and the hash that the password was held against: what is done next, in a decision of its own, compares it, so that a
 * password that was changed meanwhile does nothing more.
 * @throws as {@link signIn}
 */
export async function provePerson(
  core: AccessCore,
  credentials: Credentials,
  address: string,
): Promise<{ who: Who; hashed: string }> {
  const { accountId, password, code } = credentials;
  // what no account can be called is asked of no database: some take a byte of it for a fault of their own
  const row = accountIdSchema.safeParse(accountId).success ? await loginOf(core, accountId) : undefined;
  const attempt = core.pace.begin(accountId, row !== undefined, address);
  const isRight = await isPassword(password, row?.password ?? null);
  const step = await secondFactor(core, accountId, row, code ?? '');
  if (!isRight || row?.status !== 'active' || step === undefined) throw refused();
  if (step !== null) await spendStep(core, accountId, step);
  attempt.succeeded();
  return { who: { means: 'password', actor: { kind: 'person', id: accountId } }, hashed: row.password! };
}

function loginOf({ ledger }: AccessCore, accountId: string) {
  return ledger.reader
    .selectFrom('account')
    .innerJoin('account_login', 'account_login.account_id', 'account.account_id')
    .select(['account.status', 'account_login.password', 'account_login.totp', 'account_login.totp_step'])
    .where('account.account_id', '=', accountId)
    .executeTakeFirst();
}

/** Null where none is asked for, undefined where the code is wrong. */
async function secondFactor(
  { clock, seal }: AccessCore,
  accountId: string,
  row: { totp: Uint8Array | null; totp_step: number | null } | undefined,
  code: string,
): Promise<number | null | undefined> {
  if (row === undefined || row.totp === null) return null;
  const secret = (await seal()).open(row.totp, accountId);
  return acceptedStep(secret, code, clock(), row.totp_step);
}

/** No code is good twice, on whichever process. @throws login_refused */
function spendStep({ ledger }: AccessCore, accountId: string, step: number): Promise<void> {
  return ledger.submit(async ({ tx }) => {
    const row = await tx
      .selectFrom('account_login')
      .select('totp_step')
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (row === undefined || (row.totp_step !== null && row.totp_step >= step)) throw refused();
    return {
      entries: [],
      remember: async (db) => {
        await db
          .updateTable('account_login')
          .set({ totp_step: step })
          .where('account_id', '=', accountId)
          .execute();
      },
      reply: () => undefined,
    };
  });
}

/** @throws login_refused where the account has another password by now */
export async function requireSamePassword({ tx }: Reading, accountId: string, hashed: string): Promise<void> {
  const row = await tx
    .selectFrom('account_login')
    .select('password')
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (row?.password !== hashed) throw refused();
}

function refused(): ImprintError {
  return new ImprintError('login_refused', 'account, password or one-time code is wrong', {
    hint: 'Try again; a one-time code is good once, so wait for the next. After several tries wait a minute.',
  });
}

/**
 * Who holds this token; whether it is still good is decided with each request.
 * @throws token_invalid, also for one of another realm
 */
export async function tokenHolder(
  { ledger, realm }: Pick<AccessCore, 'ledger' | 'realm'>,
  text: string,
): Promise<Who> {
  const token = parseApiToken(text);
  if (token.realm !== realm) {
    throw new ImprintError(
      'token_invalid',
      `this token is for the realm ${token.realm}, and here is ${realm}`,
      {
        hint: 'Use a token of this realm; the realm stands in it.',
      },
    );
  }
  const row = await ledger.reader
    .selectFrom('api_token')
    .select(['account_id', 'secret_sha256'])
    .where('token_id', '=', token.tokenId)
    .executeTakeFirst();
  const shown = fromHex(tokenSecretSha256(token.secret));
  if (row === undefined || !timingSafeEqual(shown, fromHex(row.secret_sha256))) {
    throw new ImprintError('token_invalid', 'this token is not known here', {
      hint: 'Make a new one: imprint token create.',
    });
  }
  return { means: 'token', actor: { kind: 'person', id: row.account_id }, tokenId: token.tokenId };
}

/** Opens a session for who signs in with these. @throws as {@link signIn} */
export async function signInToSession(
  core: AccessCore,
  credentials: Credentials,
  address: string,
): Promise<{ who: Who; secret: string; expires_at: string }> {
  const { who, hashed } = await provePerson(core, credentials, address);
  return { who, ...(await openSession(core, who, hashed)) };
}

/**
 * Opens a session for who has just signed in, and gives its secret: 32 random bytes, hex.
 * @param hashed the password's hash, where one was proven
 * @throws login_refused where that is another one by now
 */
export function openSession(
  { ledger, entropy }: AccessCore,
  who: Who,
  hashed?: string,
): Promise<{ secret: string; expires_at: string }> {
  const secret = toHex(entropy(32));
  return ledger.submit(async (reading) => {
    if (hashed !== undefined) await requireSamePassword(reading, who.actor.id, hashed);
    const { now, at } = reading;
    const expiresAt = new Date(now.getTime() + limits.sessionLifeMs).toISOString();
    return {
      entries: [],
      remember: async (tx) => {
        await tx
          .insertInto('account_session')
          .values({
            session_sha256: sha256Hex(toUtf8(secret)),
            account_id: who.actor.id,
            opened_at: at,
            expires_at: expiresAt,
          })
          .execute();
      },
      reply: () => ({ secret, expires_at: expiresAt }),
    };
  });
}

/** Whose session this secret opens. @throws not_authenticated */
export async function sessionHolder({ tx, at }: Moment, secret: string): Promise<Who> {
  const sessionSha256 = sha256Hex(toUtf8(secret));
  const row = await tx
    .selectFrom('account_session')
    .select('account_id')
    .where('session_sha256', '=', sessionSha256)
    .where('expires_at', '>', at)
    .executeTakeFirst();
  if (row === undefined) {
    throw new ImprintError('not_authenticated', 'this session is over', { hint: 'Sign in again.' });
  }
  return { means: 'session', actor: { kind: 'person', id: row.account_id }, sessionSha256 };
}

export function closeSession(ledger: Ledger, sessionSha256: string): Promise<void> {
  return ledger.submit(async () => ({
    entries: [],
    remember: async (tx) => {
      await tx.deleteFrom('account_session').where('session_sha256', '=', sessionSha256).execute();
    },
    reply: () => undefined,
  }));
}
