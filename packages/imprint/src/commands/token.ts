/** `imprint token`: API tokens for programs. A token's text goes into a file and is shown nowhere. */
import { createToken, listTokens, revokeToken } from '@imprint/authority/access/api-tokens';
import { limits } from '@imprint/contract/limits';
import { isForTokens, type Permission, permission } from '@imprint/contract/permission';
import { type Command, Option } from 'commander';
import { type ActingOptions, actAs, addHomeOptions, addIdentityOptions } from '../act-as.ts';
import { wholeNumber } from '../parse-option.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { writeSecretFile } from '../write-secret-file.ts';

/** Adds `token create|list|revoke`. */
export function addTokenCommands(program: Command): void {
  const token = program.command('token').description('API tokens for programs');

  addIdentityOptions(addHomeOptions(token.command('create')))
    .description('make a token that carries some of your permissions for a time')
    .addOption(
      new Option('--permission <permission...>', 'what it may do; may be repeated')
        .choices(permission.options.filter(isForTokens))
        .makeOptionMandatory(),
    )
    .option('--days <n>', `how long it is good for, at most ${limits.apiTokenDays}`, '90')
    .requiredOption('--reason <text>', 'what it is for; it stands in the log')
    .requiredOption('--out <file>', 'where the token goes (mode 0600)')
    .addHelpText(
      'after',
      '\nExample:\n  imprint token create --home ./authority --as ada --permission order.read device.read --days 30 --reason "MES" --out mes.token',
    )
    .action(
      (options: ActingOptions & { permission: Permission[]; days: string; reason: string; out: string }) =>
        actAs(options, null, async ({ access }, { who }) => {
          const { token: text, ...made } = await createToken(access, who, {
            permissions: options.permission,
            days: wholeNumber('--days', options.days, 1, limits.apiTokenDays),
            reason: options.reason,
          });
          writeSecretFile(options.out, `${text}\n`);
          say(options, { ...made, token_file: options.out }, [
            `Token ${made.token_id} stands in ${options.out} and is good until ${made.expires_at}.`,
          ]);
        }),
    );

  addHomeOptions(token.command('list'))
    .description('list tokens, the newest first')
    .option('--account <account>', 'only those of this account')
    .addHelpText('after', '\nExample:\n  imprint token list --home ./authority --account ada')
    .action((options: ActingOptions & { account?: string }) =>
      withAuthority(options, async ({ ledger, clock }) => {
        const tokens = await listTokens(ledger.reader, options.account);
        const now = clock().toISOString();
        const rows = tokens.map((row) => [
          row.token_id,
          row.account_id,
          row.label,
          row.permissions.join(' '),
          row.revoked_at !== null
            ? `revoked ${row.revoked_at}`
            : row.expires_at <= now
              ? `ran out ${row.expires_at}`
              : `until ${row.expires_at}`,
        ]);
        say(
          options,
          { tokens },
          rows.length === 0
            ? ['There is no token: imprint token create']
            : table([['TOKEN', 'ACCOUNT', 'FOR', 'PERMISSIONS', 'STATE'], ...rows]),
        );
      }),
    );

  addIdentityOptions(addHomeOptions(token.command('revoke')))
    .description('end a token at once: your own, or as an administrator anybody’s')
    .argument('<token>', 'ID of the token, the part after the realm')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint token revoke 3f9a0c1122334455 --home ./authority --as ada --reason "leaked"',
    )
    .action((tokenId: string, options: ActingOptions & { reason: string }) =>
      actAs(options, null, async (_, { ledger, who }) => {
        await revokeToken(ledger, who, tokenId, options.reason);
        say(options, { token_id: tokenId, revoked: true }, [`Token ${tokenId} does nothing any more.`]);
      }),
    );
}
