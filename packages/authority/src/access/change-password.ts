/**
 * A person's other password: for who proves the present one, with the code where the account has one, however they are signed in.
 * Whoever learnt the old one, or sits in a session of it, is out from that moment on (I-11).
 */
import { ImprintError } from '@imprint/contract/errors';
import { hashPassword } from './password.ts';
import { type AccessCore, type Credentials, provePerson, requireSamePassword } from './sign-in.ts';

/**
 * Gives the account of these credentials another password, and ends every session of it. Its API tokens stay: they are programs', and
 * are revoked by themselves.
 * @param address where they come from, for slowing down; `home` on the authority's own machine
 * @throws login_refused, rate_limited; bad_request for a password that is too short, too long, or the same
 */
export async function changePassword(
  core: AccessCore,
  credentials: Credentials,
  newPassword: Uint8Array,
  address: string,
): Promise<{ account_id: string; sessions_ended: number }> {
  const { who, hashed } = await provePerson(core, credentials, address);
  if (Buffer.from(newPassword).equals(credentials.password)) {
    throw new ImprintError('bad_request', 'this is the password that it has', {
      hint: 'Choose another one.',
    });
  }
  const hashedNew = await hashPassword(newPassword, core.entropy);
  const accountId = who.actor.id;
  return core.ledger.submit(async (reading) => {
    await requireSamePassword(reading, accountId, hashed);
    const { sessions } = await reading.tx
      .selectFrom('account_session')
      .select((row) => row.fn.countAll<number>().as('sessions'))
      .where('account_id', '=', accountId)
      .where('expires_at', '>', reading.at)
      .executeTakeFirstOrThrow();
    return {
      entries: [{ type: 'account.password-changed', actor: who.actor, data: { account_id: accountId } }],
      remember: async (tx) => {
        const login = tx.updateTable('account_login').set({ password: hashedNew });
        await login.where('account_id', '=', accountId).execute();
        await tx.deleteFrom('account_session').where('account_id', '=', accountId).execute();
      },
      reply: () => ({ account_id: accountId, sessions_ended: Number(sessions) }),
    };
  });
}
