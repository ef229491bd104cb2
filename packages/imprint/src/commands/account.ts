/** `imprint account`: the people who may act here, their roles, and how they sign in. Secrets are typed, or read from files. */
import {
  type AccountView,
  changeRoles,
  createAccount,
  disableAccount,
  type Login,
  listAccounts,
} from '@imprint/authority/access/accounts';
import { changePassword } from '@imprint/authority/access/change-password';
import { newTotpSecret, totpUri } from '@imprint/authority/access/one-time-code';
import { hashPassword } from '@imprint/authority/access/password';
import { ImprintError } from '@imprint/contract/errors';
import { permissionsOf, type Role, role } from '@imprint/contract/permission';
import { type Command, Option } from 'commander';
import {
  type ActingOptions,
  actAs,
  addApprovalOptions,
  addHomeOptions,
  addIdentityOptions,
  readSecret,
  withCredentials,
} from '../act-as.ts';
import type { OpenAuthority } from '../open-authority.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { writeSecretFile } from '../write-secret-file.ts';

interface CreateOptions extends ActingOptions {
  name: string;
  role: Role[];
  reason: string;
  newPasswordFile?: string;
  totp?: boolean;
  totpFile?: string;
  oidcIssuer?: string;
  oidcSubject?: string;
}

/** Adds `account create|list|role|password|disable`. */
export function addAccountCommands(program: Command): void {
  const account = program.command('account').description('people who may act here');

  addApprovalOptions(addHomeOptions(account.command('create')))
    .description('make an account; the first two of a realm in which acts take two are made without --as')
    .argument('<account>', 'what the person types to sign in, such as ada')
    .requiredOption('--name <name>', 'name of the person; it stays out of the log')
    .addOption(roleOption())
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .option('--new-password-file <file>', 'its password, mode 0600 (default: typed twice)')
    .option('--totp', 'give it one-time codes as a second factor; their secret is shown once')
    .option('--totp-file <file>', 'write that secret to a file of mode 0600 instead of showing it')
    .option('--oidc-issuer <url>', 'it signs in at this provider instead of with a password')
    .option('--oidc-subject <sub>', 'its subject there')
    .addHelpText(
      'after',
      '\nExample:\n  imprint account create ada --home ./authority --name "Ada L." --role administrator --role ca-officer --totp --reason "founding officer"',
    )
    .action(create);

  addHomeOptions(account.command('list'))
    .description('list accounts with their roles and who enrolled them')
    .addHelpText('after', '\nExample:\n  imprint account list --home ./authority')
    .action((options: ActingOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const accounts = await listAccounts(ledger.reader);
        say(
          options,
          { accounts },
          accounts.length === 0 ? ['There is no account yet: imprint account create'] : accountRows(accounts),
        );
      }),
    );

  addApprovalOptions(addHomeOptions(account.command('role')))
    .description('give an account these roles in place of those that it has')
    .argument('<account>', 'the account')
    .addOption(roleOption())
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint account role cyd --home ./authority --as ada --role line-lead --reason "leads line 2"',
    )
    .action((accountId: string, options: ActingOptions & { role: Role[]; reason: string }) =>
      actAs(options, 'account.manage', async (_, { ledger, who }) => {
        const changed = await changeRoles(ledger, who, accountId, options.role, options.reason);
        say(options, changed, [`${accountId} is ${changed.roles.join(', ')} from now on.`]);
      }),
    );

  addIdentityOptions(addHomeOptions(account.command('password')))
    .description('change your own password (--as): every session of the account ends')
    .option('--new-password-file <file>', 'the new password, mode 0600 (default: typed twice)')
    .addHelpText('after', '\nExample:\n  imprint account password --home ./authority --as ada')
    .action(changeOwnPassword);

  addIdentityOptions(addHomeOptions(account.command('disable')))
    .description('end an account for ever: its sessions and tokens do nothing from now on')
    .argument('<account>', 'the account')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint account disable cyd --home ./authority --as ada --reason "left"',
    )
    .action((accountId: string, options: ActingOptions & { reason: string }) =>
      actAs(options, 'account.manage', async (_, { ledger, who }) => {
        await disableAccount(ledger, who, accountId, options.reason);
        say(options, { account_id: accountId, status: 'disabled' }, [`${accountId} is disabled.`]);
      }),
    );
}

function changeOwnPassword(options: ActingOptions & { newPasswordFile?: string }): Promise<void> {
  return withCredentials(options, async ({ access }, credentials) => {
    const password = await newPassword(credentials.accountId, options.newPasswordFile);
    try {
      const changed = await changePassword(access, credentials, password, 'home');
      const { sessions_ended: ended } = changed;
      say(options, changed, [
        `The password of ${changed.account_id} is changed; ${ended} ${ended === 1 ? 'session' : 'sessions'} ended.`,
        'Its API tokens go on: imprint token list. Revoke those that somebody else may know.',
      ]);
    } finally {
      password.fill(0);
    }
  });
}

function create(accountId: string, options: CreateOptions): Promise<void> {
  // who makes the first accounts is nobody's account yet, so the permission is asked for inside
  return actAs(options, null, async (authority, { ledger, who }) => {
    const { login, uri } = await loginOf(authority, accountId, options);
    const made = await createAccount(ledger, who, {
      accountId,
      roles: options.role,
      login,
      reason: options.reason,
    });
    if (uri !== undefined && options.totpFile !== undefined) writeSecretFile(options.totpFile, `${uri}\n`);
    const shown = uri !== undefined && options.totpFile === undefined ? { totp_uri: uri } : {};
    say(options, { ...made, roles: options.role, ...shown }, [
      `${accountId} may sign in, as ${options.role.join(', ')}.`,
      ...(uri === undefined
        ? []
        : [
            options.totpFile === undefined
              ? `Second factor, shown this once; enter it into an authenticator: ${uri}`
              : `Second factor: ${options.totpFile}. Enter it into an authenticator, then remove the file.`,
          ]),
      `It may: ${permissionsOf(options.role).join(', ')}`,
    ]);
  });
}

async function loginOf(
  { access, configuration }: Omit<OpenAuthority, 'person'>,
  accountId: string,
  options: CreateOptions,
): Promise<{ login: Login; uri?: string }> {
  const { name, oidcIssuer, oidcSubject } = options;
  if ((oidcIssuer === undefined) !== (oidcSubject === undefined)) {
    throw new ImprintError('usage', 'an identity at a provider has an issuer and a subject', {
      hint: 'Give --oidc-issuer and --oidc-subject.',
    });
  }
  if (oidcIssuer !== undefined && oidcSubject !== undefined) {
    return { login: { name, oidc: { issuer: oidcIssuer, subject: oidcSubject } } };
  }
  const password = await hashPassword(await newPassword(accountId, options.newPasswordFile), access.entropy);
  if (options.totp !== true && options.totpFile === undefined) return { login: { name, password } };
  const secret = newTotpSecret(access.entropy);
  const totp = (await access.seal()).seal(secret, accountId);
  const uri = totpUri(secret, accountId, `Imprint ${configuration.realm} ${configuration.organization}`);
  return { login: { name, password, totp }, uri };
}

async function newPassword(accountId: string, file: string | undefined): Promise<Uint8Array> {
  const first = await readSecret(file, 'password', `New password of ${accountId}: `);
  if (file !== undefined) return first;
  const second = await readSecret(undefined, 'password', 'Once more: ');
  if (Buffer.from(first).equals(second)) return first;
  throw new ImprintError('usage', 'the two passwords differ', { hint: 'Type the same one twice.' });
}

function accountRows(accounts: AccountView[]): string[] {
  return table([
    ['ACCOUNT', 'NAME', 'ROLES', 'SIGNS IN WITH', 'ENROLLED BY', 'STATE'],
    ...accounts.map((row) => [
      row.account_id,
      row.name,
      row.roles.join(' '),
      row.signs_in_with.join(' + '),
      row.enrolled_by ?? 'the machine',
      row.status === 'active' ? 'active' : `disabled ${row.disabled_at}`,
    ]),
  ]);
}

function roleOption(): Option {
  return new Option('--role <role...>', 'a role; may be repeated')
    .choices(role.options)
    .makeOptionMandatory();
}
