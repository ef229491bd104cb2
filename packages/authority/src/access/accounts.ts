/**
 * Accounts: who may act, in which roles, and who enrolled them. An account that is disabled stays so; one that could be a second
 * person is never made by one person alone (I-18).
 */
import { accountId as accountIdSchema } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { isEmpowering, type Role } from '@imprint/contract/permission';
import type { Kysely, Transaction } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { AccountLoginTable, Tables } from '../storage/tables.ts';
import { authorize, type Who } from './authorize.ts';
import { takesTwoPeople } from './policy.ts';
import { requireApproval } from './require-approval.ts';

/** What an account signs in with: a password, with a second factor or without, or an identity at the company's provider. */
export interface Login {
  name: string;
  /** As `hashPassword` made it. */
  password?: string;
  /** Sealed. */
  totp?: Uint8Array;
  oidc?: { issuer: string; subject: string };
}

/** Who enrolled the accounts that the company's provider brought. It is no account, and none can have its name. */
export const enrolledByProvider = 'oidc';

export interface AccountView {
  account_id: string;
  name: string;
  roles: Role[];
  status: 'active' | 'disabled';
  enrolled_by: string | null;
  created_at: string;
  disabled_at: string | null;
  signs_in_with: ('password' | 'one-time-code' | 'oidc')[];
}

/**
 * Makes an account. Where acts take two people, the first two are made on the machine itself; every other one by an account that may,
 * and with roles that let it be a second person only with an approval.
 * @throws bad_request, account_conflict, approval_required, not_authorized, not_authenticated
 */
export async function createAccount(
  ledger: Ledger,
  who: Who,
  account: { accountId: string; roles: readonly Role[]; login: Login; reason: string },
): Promise<{ account_id: string; enrolled_by: string | null }> {
  const { accountId, login, reason } = account;
  requireSound(accountId, login);
  const roles = sortedRoles(account.roles);
  return ledger.submit(async (reading) => {
    const isFounding = await requireMayEnrol(reading, who, roles);
    await requireSecondFactor(reading, roles, login);
    const known = await reading.tx
      .selectFrom('account')
      .select('account_id')
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (known !== undefined) {
      throw new ImprintError('account_conflict', `there is an account ${accountId} already`, {
        hint: 'Choose another name; one that was disabled keeps its own for ever.',
      });
    }
    if (login.oidc !== undefined) await requireFreeIdentity(reading.tx, login.oidc);
    const enrolledBy = who.means === 'home' ? null : who.actor.id;
    const approved = isFounding ? [] : await approvalToEmpower(reading, who, accountId, roles);
    const created: Draft = {
      type: 'account.created',
      actor: who.actor,
      data: { account_id: accountId, roles, enrolled_by: enrolledBy, reason },
    };
    return {
      entries: [...approved, created],
      remember: (tx) => storeLogin(tx, accountId, login),
      reply: () => ({ account_id: accountId, enrolled_by: enrolledBy }),
    };
  });
}

/**
 * Gives an account these roles in place of those that it has.
 * @throws unknown_account, account_disabled, approval_required, bad_request where no administrator would be left, or where a password
 * alone would open a second person's account
 */
export async function changeRoles(
  ledger: Ledger,
  who: Who,
  accountId: string,
  newRoles: readonly Role[],
  reason: string,
): Promise<{ account_id: string; roles: Role[] }> {
  const roles = sortedRoles(newRoles);
  return ledger.submit(async (reading) => {
    await authorize(reading, who, 'account.manage');
    await requireKnown(reading.tx, accountId);
    if (!roles.includes('administrator')) await requireAnotherAdministrator(reading.tx, accountId);
    await requireSecondFactor(reading, roles, await loginOf(reading.tx, accountId));
    const approved = await approvalToEmpower(reading, who, accountId, roles);
    const data = { account_id: accountId, roles, reason };
    return {
      entries: [...approved, { type: 'account.role-changed', actor: who.actor, data }],
      reply: () => ({ account_id: accountId, roles }),
    };
  });
}

/**
 * Ends an account: its sessions and tokens do nothing from the next request on (I-11).
 * @throws unknown_account, account_disabled, bad_request where no administrator would be left
 */
export function disableAccount(ledger: Ledger, who: Who, accountId: string, reason: string): Promise<void> {
  return ledger.submit(async (reading) => {
    await authorize(reading, who, 'account.manage');
    await requireKnown(reading.tx, accountId);
    await requireAnotherAdministrator(reading.tx, accountId);
    const data = { account_id: accountId, reason };
    return {
      entries: [{ type: 'account.disabled', actor: who.actor, data }],
      remember: async (tx) => {
        await tx.deleteFrom('account_session').where('account_id', '=', accountId).execute();
      },
      reply: () => undefined,
    };
  });
}

/** All accounts by name, the disabled ones too. */
export async function listAccounts(reader: Kysely<Tables>): Promise<AccountView[]> {
  const rows = await reader
    .selectFrom('account')
    .leftJoin('account_login', 'account_login.account_id', 'account.account_id')
    .select([
      'account.account_id',
      'account.roles',
      'account.status',
      'account.enrolled_by',
      'account.created_at',
      'account.disabled_at',
      'account_login.name',
      'account_login.password',
      'account_login.totp',
      'account_login.oidc_subject',
    ])
    .orderBy('account.account_id')
    .execute();
  return rows.map(({ password, totp, oidc_subject, roles, name, ...row }) => ({
    ...row,
    name: name ?? '',
    roles: JSON.parse(roles) as Role[],
    signs_in_with: [
      ...(password === null ? [] : (['password'] as const)),
      ...(totp === null ? [] : (['one-time-code'] as const)),
      ...(oidc_subject === null ? [] : (['oidc'] as const)),
    ],
  }));
}

function sortedRoles(roles: readonly Role[]): Role[] {
  if (roles.length === 0) {
    throw new ImprintError('bad_request', 'an account has at least one role', {
      hint: 'Give it with --role; a person who left is disabled.',
    });
  }
  return [...new Set(roles)].sort();
}

function requireSound(accountId: string, { name, password, totp, oidc }: Login): void {
  if (!accountIdSchema.safeParse(accountId).success || accountId === enrolledByProvider) {
    throw new ImprintError('bad_request', `${accountId} is no name of an account`, {
      hint: `It has 1 to 64 characters: small letters, digits, and . _ - after the first; and it is not ${enrolledByProvider}.`,
    });
  }
  if (name.trim().length === 0 || name.length > 100) {
    throw new ImprintError('bad_request', 'a person’s name has 1 to 100 characters', {
      hint: 'Give it with --name; it stays out of the log.',
    });
  }
  const isOneWay = (password === undefined) !== (oidc === undefined) && (totp === undefined || !oidc);
  if (isOneWay) return;
  throw new ImprintError('bad_request', 'an account signs in with a password or at the provider, not both', {
    hint: 'The second factor belongs to the password; the company’s provider has its own.',
  });
}

/** A password alone, once overheard, would be a second person. @throws bad_request */
async function requireSecondFactor(
  { tx }: Reading,
  roles: Role[],
  { password = null, totp = null }: { password?: string | null; totp?: Uint8Array | null },
): Promise<void> {
  if (!isEmpowering(roles) || password === null || totp !== null) return;
  if (!(await takesTwoPeople(tx))) return;
  throw new ImprintError('bad_request', `${roles.join(', ')}: a password alone is too little for this`, {
    hint: 'Make an account with a second factor (--totp), or one that signs in at the company’s provider.',
  });
}

/** Nothing where the account came with entries that were brought to a restored log: nobody signs in with it. */
async function loginOf(tx: Transaction<Tables>, accountId: string) {
  const row = await tx
    .selectFrom('account_login')
    .select(['password', 'totp'])
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row ?? {};
}

/** True for one of the first accounts. @throws not_authorized, not_authenticated, bad_request */
async function requireMayEnrol(reading: Reading, who: Who, roles: Role[]): Promise<boolean> {
  if (who.means !== 'home') {
    await authorize(reading, who, 'account.manage');
    return false;
  }
  if (!(await takesTwoPeople(reading.tx))) return true;
  // those whom nobody enrolled; one that was disabled since, or has other roles, makes room for no other
  const { founders } = await reading.tx
    .selectFrom('account')
    .select((row) => row.fn.countAll<number>().as('founders'))
    .where('enrolled_by', 'is', null)
    .executeTakeFirstOrThrow();
  if (Number(founders) < limits.foundingAccounts) {
    if (roles.includes('administrator')) return true;
    throw new ImprintError('bad_request', 'the first two accounts are those of administrators', {
      hint: 'Give it the role administrator, beside others: --role administrator --role ca-officer.',
    });
  }
  // there are people by now who can enrol others
  await authorize(reading, who, 'account.manage');
  return false;
}

/** One person who could make second people could be both of them. */
async function approvalToEmpower(
  reading: Reading,
  { actor }: Who,
  accountId: string,
  roles: Role[],
): Promise<Draft[]> {
  if (!isEmpowering(roles)) return [];
  return requireApproval(reading, 'account.empower', { account_id: accountId, roles }, actor);
}

async function requireKnown(tx: Transaction<Tables>, accountId: string): Promise<void> {
  const row = await tx
    .selectFrom('account')
    .select('status')
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (row === undefined) {
    throw new ImprintError('unknown_account', `there is no account ${accountId}`, {
      hint: 'See imprint account list.',
    });
  }
  if (row.status === 'active') return;
  throw new ImprintError('account_disabled', `the account ${accountId} was disabled`, {
    hint: 'It stays so; make a new one.',
  });
}

/** Without one nobody could make or change accounts any more. @throws bad_request */
export async function requireAnotherAdministrator(tx: Transaction<Tables>, accountId: string): Promise<void> {
  const rows = await tx
    .selectFrom('account')
    .select(['account_id', 'roles'])
    .where('status', '=', 'active')
    .execute();
  const administrators = rows
    .filter(({ roles }) => (JSON.parse(roles) as string[]).includes('administrator'))
    .map((row) => row.account_id);
  if (!administrators.includes(accountId) || administrators.length > 1) return;
  throw new ImprintError('bad_request', `${accountId} is the last administrator`, {
    hint: 'Make another one first.',
  });
}

async function requireFreeIdentity(
  tx: Transaction<Tables>,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<void> {
  const known = await tx
    .selectFrom('account_login')
    .select('account_id')
    .where('oidc_issuer', '=', issuer)
    .where('oidc_subject', '=', subject)
    .executeTakeFirst();
  if (known === undefined) return;
  throw new ImprintError('account_conflict', `this identity belongs to the account ${known.account_id}`, {
    hint: 'One person has one account.',
  });
}

async function storeLogin(tx: Transaction<Tables>, accountId: string, login: Login): Promise<void> {
  const row: AccountLoginTable = {
    account_id: accountId,
    name: login.name.trim(),
    password: login.password ?? null,
    totp: login.totp ?? null,
    totp_step: null,
    oidc_issuer: login.oidc?.issuer ?? null,
    oidc_subject: login.oidc?.subject ?? null,
  };
  await tx.insertInto('account_login').values(row).execute();
}
