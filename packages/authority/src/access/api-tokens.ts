/** API tokens: made by a person for a program, for some of that person's permissions and a time. The secret is shown once. */
import { formatApiToken, tokenSecretSha256 } from '@imprint/contract/api-token';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { isForTokens, type Permission } from '@imprint/contract/permission';
import type { Kysely, Selectable } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApiTokenTable, Tables } from '../storage/tables.ts';
import { authorize, permissionsNow, type Who } from './authorize.ts';
import type { AccessCore } from './sign-in.ts';

export type ApiTokenView = Omit<Selectable<ApiTokenTable>, 'permissions' | 'secret_sha256'> & {
  permissions: Permission[];
};

const dayMs = 86_400_000;

/**
 * A token of who asks. It carries what was named and that account has, and no more later on than the account has then.
 * @throws bad_request, not_authorized where one is asked for that the account has not, or that no token carries
 */
export async function createToken(
  { ledger, entropy, realm }: Pick<AccessCore, 'ledger' | 'entropy' | 'realm'>,
  who: Who,
  token: { permissions: readonly Permission[]; days: number; reason: string },
): Promise<{ token: string; token_id: string; expires_at: string }> {
  const { days, reason } = token;
  const permissions = [...new Set(token.permissions)].sort();
  if (permissions.length === 0 || days < 1 || days > limits.apiTokenDays || !Number.isInteger(days)) {
    throw new ImprintError(
      'bad_request',
      `a token has a permission, and ends within ${limits.apiTokenDays} days`,
      {
        hint: 'Name what the program needs, and for how many days.',
      },
    );
  }
  const tokenId = toHex(entropy(8));
  const secret = toHex(entropy(32));
  return ledger.submit(async (reading) => {
    if (who.means === 'home' || who.means === 'token') {
      throw new ImprintError('not_authorized', 'a token is made by a person with an account', {
        hint: 'Sign in with the account: --as ACCOUNT.',
      });
    }
    const held = await permissionsNow(reading, who);
    const beyond = permissions.find((one) => !held.includes(one) || !isForTokens(one));
    if (beyond !== undefined) {
      throw new ImprintError('not_authorized', `a token of ${who.actor.id} cannot carry ${beyond}`, {
        hint: 'It carries what the account has, save what only a person who signs in may do.',
      });
    }
    const expiresAt = new Date(reading.now.getTime() + days * dayMs).toISOString();
    const data = {
      token_id: tokenId,
      account_id: who.actor.id,
      permissions,
      secret_sha256: tokenSecretSha256(secret),
      expires_at: expiresAt,
      reason,
    };
    return {
      entries: [{ type: 'token.created', actor: who.actor, data }],
      reply: () => ({
        token: formatApiToken({ realm, tokenId, secret }),
        token_id: tokenId,
        expires_at: expiresAt,
      }),
    };
  });
}

/** Ends a token at once: one's own, or anybody's with `account.manage`. @throws unknown_token, not_authorized */
export function revokeToken(ledger: Ledger, who: Who, tokenId: string, reason: string): Promise<void> {
  return ledger.submit(async (reading) => {
    const token = await reading.tx
      .selectFrom('api_token')
      .select(['account_id', 'revoked_at'])
      .where('token_id', '=', tokenId)
      .executeTakeFirst();
    const isOwn = token !== undefined && who.means !== 'home' && token.account_id === who.actor.id;
    if (isOwn) await permissionsNow(reading, who);
    else await authorize(reading, who, 'account.manage');
    if (token === undefined || token.revoked_at !== null) {
      throw new ImprintError('unknown_token', `there is no token ${tokenId} that could be revoked`, {
        hint: 'See imprint token list.',
      });
    }
    const data = { token_id: tokenId, reason };
    return { entries: [{ type: 'token.revoked', actor: who.actor, data }], reply: () => undefined };
  });
}

/** Tokens of one account, or of all, the newest first. */
export async function listTokens(reader: Kysely<Tables>, accountId?: string): Promise<ApiTokenView[]> {
  const rows = await reader
    .selectFrom('api_token')
    .select([
      'token_id',
      'account_id',
      'permissions',
      'label',
      'created_at',
      'expires_at',
      'revoked_at',
      'reason',
    ])
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId!))
    .orderBy('created_at', 'desc')
    .orderBy('token_id')
    .limit(limits.pageRows)
    .execute();
  return rows.map((row) => ({ ...row, permissions: JSON.parse(row.permissions) as Permission[] }));
}
