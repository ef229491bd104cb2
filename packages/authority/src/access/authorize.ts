/**
 * Who asks, and whether they may: the one place in which a permission is decided. It is asked again for every request and inside the
 * transaction of every act, so that an account, a session or a token that was withdrawn does nothing more (I-11).
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { isForTokens, type Permission, permissionsOf } from '@imprint/contract/permission';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { takesTwoPeople } from './policy.ts';

/** Somebody who acts, and by what they are known: proven before this, at the edge. */
export type Who =
  /** Whoever runs a command on the authority's machine, by the name that the machine has for them. */
  | { means: 'home'; actor: Actor }
  /** An account whose password, or identity at the company's provider, was verified for this command. */
  | { means: 'password'; actor: Actor }
  | { means: 'session'; actor: Actor; sessionSha256: string }
  | { means: 'token'; actor: Actor; tokenId: string };

export interface Moment {
  tx: Pick<Kysely<Tables>, 'selectFrom'>;
  at: string;
}

export interface ActiveAccount {
  account_id: string;
  roles: string[];
  permissions: Permission[];
  enrolled_by: string | null;
}

/**
 * Lets through whom the tables give this permission now.
 * @throws not_authorized, account_disabled, not_authenticated (session or token over, or a realm in which an account is needed)
 */
export async function authorize(moment: Moment, who: Who, permission: Permission): Promise<void> {
  if (who.means === 'home') return requireOpenHome(moment);
  const held = await permissionsNow(moment, who);
  if (held.includes(permission)) return;
  throw new ImprintError('not_authorized', `${who.actor.id} does not have the permission ${permission}`, {
    hint: 'Ask somebody whose role has it, or an administrator for the role.',
  });
}

/**
 * What somebody may do at this moment: what their roles give, and of a token no more than it was made for.
 * @throws account_disabled, not_authenticated
 */
export async function permissionsNow(moment: Moment, who: Who): Promise<Permission[]> {
  if (who.means === 'home') return [];
  const { permissions } = await requireActive(moment, who.actor.id);
  if (who.means === 'password') return permissions;
  if (who.means === 'session') {
    await requireSession(moment, who.sessionSha256, who.actor.id);
    return permissions;
  }
  const scope = await tokenScope(moment, who.tokenId, who.actor.id);
  return permissions.filter((one) => scope.includes(one) && isForTokens(one));
}

/** @throws account_disabled, also where there is no such account any more or yet */
export async function requireActive({ tx }: Pick<Moment, 'tx'>, accountId: string): Promise<ActiveAccount> {
  const row = await tx
    .selectFrom('account')
    .select(['account_id', 'roles', 'status', 'enrolled_by'])
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (row?.status !== 'active') {
    throw new ImprintError('account_disabled', `${accountId} is no active account`, {
      hint: 'Ask an administrator; an account that was disabled stays so, and its person gets a new one.',
    });
  }
  const roles = JSON.parse(row.roles) as string[];
  return {
    account_id: row.account_id,
    roles,
    permissions: permissionsOf(roles),
    enrolled_by: row.enrolled_by,
  };
}

/** In the dev realm a lone developer needs no account, until two people are asked for. */
async function requireOpenHome({ tx }: Moment): Promise<void> {
  if (!(await takesTwoPeople(tx))) return;
  throw new ImprintError('not_authenticated', 'here every act needs the account of a person', {
    hint: 'Name yours with --as ACCOUNT, or a token with --as-token.',
  });
}

async function requireSession({ tx, at }: Moment, sessionSha256: string, accountId: string): Promise<void> {
  const session = await tx
    .selectFrom('account_session')
    .select('expires_at')
    .where('session_sha256', '=', sessionSha256)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (session !== undefined && session.expires_at > at) return;
  throw new ImprintError('not_authenticated', 'this session is over', { hint: 'Sign in again.' });
}

async function tokenScope({ tx, at }: Moment, tokenId: string, accountId: string): Promise<string[]> {
  const token = await tx
    .selectFrom('api_token')
    .select(['permissions', 'expires_at', 'revoked_at'])
    .where('token_id', '=', tokenId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (token !== undefined && token.revoked_at === null && token.expires_at > at) {
    return JSON.parse(token.permissions) as string[];
  }
  throw new ImprintError('not_authenticated', 'this token was revoked, or ran out', {
    hint: 'Make a new one: imprint token create.',
  });
}
