/** Entries of accounts and API tokens. */
import { canonicalJson } from '@imprint/contract/canonical-json';
import { mustUpdateOne, type Projections } from './projections.ts';

type AccountEntries =
  | 'account.created'
  | 'account.role-changed'
  | 'account.disabled'
  | 'account.password-changed'
  | 'token.created'
  | 'token.revoked';

export const accountProjections: Projections<AccountEntries> = {
  'account.created': async (tx, { at, data }) => {
    await tx
      .insertInto('account')
      .values({
        account_id: data.account_id,
        roles: canonicalJson(data.roles),
        enrolled_by: data.enrolled_by,
        status: 'active',
        created_at: at,
        disabled_at: null,
        reason: data.reason,
      })
      .execute();
  },
  'account.role-changed': async (tx, { data }) => {
    const result = await tx
      .updateTable('account')
      .set({ roles: canonicalJson(data.roles), reason: data.reason })
      .where('account_id', '=', data.account_id)
      .where('status', '=', 'active')
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_account', `no active account ${data.account_id}`);
  },
  'account.disabled': async (tx, { at, data }) => {
    const result = await tx
      .updateTable('account')
      .set({ status: 'disabled', disabled_at: at, reason: data.reason })
      .where('account_id', '=', data.account_id)
      .where('status', '=', 'active')
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_account', `no active account ${data.account_id}`);
  },
  // what an account signs in with stands beside the log, so no table is judged by this
  'account.password-changed': async () => undefined,
  'token.created': async (tx, { at, data }) => {
    const { permissions, reason, ...rest } = data;
    await tx
      .insertInto('api_token')
      .values({
        ...rest,
        permissions: canonicalJson(permissions),
        label: reason,
        created_at: at,
        revoked_at: null,
        reason: null,
      })
      .execute();
  },
  'token.revoked': async (tx, { at, data }) => {
    const result = await tx
      .updateTable('api_token')
      .set({ revoked_at: at, reason: data.reason })
      .where('token_id', '=', data.token_id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_token', `no token ${data.token_id} to revoke`);
  },
};
