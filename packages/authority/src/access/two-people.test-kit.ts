/** For tests of realms in which acts take two people: a pair that is always there, so that a test is about the act. */
import { isImprintError } from '@imprint/contract/errors';
import type { Ledger } from '../ledger/ledger.ts';
import { createAccount } from './accounts.ts';
import { grantApproval, requestApproval } from './approvals.ts';
import type { Who } from './authorize.ts';

/** Who acts; ben grants. */
export const ada = { kind: 'person', id: 'ada' } as const;
const home: Who = { means: 'home', actor: { kind: 'person', id: 'root' } };
const signedIn = (id: string): Who => ({ means: 'password', actor: { kind: 'person', id } });

/** Makes both accounts, and gives a ledger on which whatever ada does that takes two is granted by ben at once. */
export async function inTwo(ledger: Ledger, entropy: (length: number) => Uint8Array): Promise<Ledger> {
  for (const accountId of ['ada', 'ben']) {
    const login = { name: accountId, oidc: { issuer: 'https://id.example.com', subject: accountId } };
    const roles = ['administrator', 'ca-officer', 'line-lead'] as const;
    await createAccount(ledger, home, { accountId, roles, login, reason: 'the first two' });
  }
  return {
    reader: ledger.reader,
    head: () => ledger.head(),
    submit: async (decide, time) => {
      try {
        return await ledger.submit(decide, time);
      } catch (error) {
        if (!isImprintError(error, 'approval_required')) throw error;
        const { act, parameters } = error.context as never;
        const asked = { act, parameters, reason: 'as planned' };
        const { approval_id } = await requestApproval(ledger, entropy, signedIn('ada'), asked);
        await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
        return ledger.submit(decide, time);
      }
    },
  };
}
