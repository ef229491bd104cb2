/**
 * Runs a command that changes something, as a person: whoever the machine says, an account that proves its password, or the holder
 * of a token. The ledger that the command is given asks for the permission in every decision.
 */

import { actingLedger } from '@imprint/authority/access/acting-ledger';
import { requestApproval } from '@imprint/authority/access/approvals';
import { authorize, type Who } from '@imprint/authority/access/authorize';
import { type Credentials, signIn, tokenHolder } from '@imprint/authority/access/sign-in';
import type { Ledger } from '@imprint/authority/ledger/ledger';
import { promptHidden } from '@imprint/authority/trust/passphrase';
import { readSecretFile, type SecretKind } from '@imprint/authority/trust/secret-file';
import type { ApprovalAct } from '@imprint/contract/approval-act';
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Permission } from '@imprint/contract/permission';
import type { Command } from 'commander';
import { type OpenAuthority, openAuthority } from './open-authority.ts';
import { say } from './say.ts';

export interface ActingOptions {
  home: string;
  passphraseFile?: string;
  pinFile?: string;
  json?: boolean;
  as?: string;
  passwordFile?: string;
  codeFile?: string;
  asToken?: string;
  requestApproval?: string;
  /** Of a restored home that is not released yet. */
  releasing?: true;
}

/** An open authority in the hands of a person: what is written through it asks for their permission in every decision. */
export type ActingAuthority = Omit<OpenAuthority, 'ledger'> & { ledger: Ledger };

export interface Acting {
  who: Who;
  /** As the log names them. */
  person: Actor;
  /** Asks for the permission in every decision. */
  ledger: Ledger;
}

/** Adds the options that every command over a home has. */
export function addHomeOptions(command: Command): Command {
  return command
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object');
}

/** Adds the options with which a person says who they are. */
export function addIdentityOptions(command: Command): Command {
  return command
    .option('--as <account>', 'act as this account; asks for its password')
    .option('--password-file <file>', 'the password of --as, mode 0600')
    .option('--code-file <file>', 'the one-time code of --as, mode 0600, where it is not typed')
    .option('--as-token <file>', 'act as the holder of this API token, mode 0600')
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600')
    .option('--pin-file <file>', 'PIN of the token that holds a key, mode 0600');
}

/** The same for an act that takes two people where the realm asks for it. */
export function addApprovalOptions(command: Command): Command {
  return addIdentityOptions(command).option(
    '--request-approval <why>',
    'where this takes a second person, ask for one and end',
  );
}

/** As {@link actAs}, for work that takes a whole authority. */
export function actOn(
  options: ActingOptions,
  permission: Permission,
  work: (authority: ActingAuthority) => Promise<void>,
): Promise<void> {
  return actAs(options, permission, (authority, { person, ledger }) =>
    work({ ...authority, person, ledger }),
  );
}

/**
 * @param permission null for what decides by itself whether the person may
 * @throws what the work throws; login_refused, token_invalid, not_authorized, not_authenticated, account_disabled
 */
export async function actAs(
  options: ActingOptions,
  permission: Permission | null,
  work: (authority: Omit<OpenAuthority, 'person'>, acting: Acting) => Promise<void>,
): Promise<void> {
  const authority = await openAuthority(options.home, options);
  try {
    const who = await identify(authority, options);
    const { ledger } = authority;
    if (permission !== null) {
      // before anything is asked for or read
      await authorize({ tx: ledger.reader, at: authority.clock().toISOString() }, who, permission);
    }
    const allowed = permission === null ? ledger : actingLedger(ledger, who, permission);
    try {
      await work(authority, { who, person: who.actor, ledger: allowed });
    } catch (error) {
      if (!(await askedForApproval(authority, who, options, error))) throw error;
    }
  } finally {
    await authority.close();
  }
}

/** Where the act waits for a second person and the command was told so, the request for exactly this act. */
async function askedForApproval(
  { ledger, entropy }: OpenAuthority,
  who: Who,
  options: ActingOptions,
  error: unknown,
): Promise<boolean> {
  if (
    options.requestApproval === undefined ||
    !isImprintError(error, 'approval_required', 'approval_invalid')
  ) {
    return false;
  }
  const { act, parameters } = error.context as { act?: ApprovalAct; parameters?: unknown };
  if (act === undefined) return false;
  const asked = await requestApproval(ledger, entropy, who, {
    act,
    parameters,
    reason: options.requestApproval,
  });
  say(options, { ...asked, act, parameters }, [
    `${act} waits for a second person: approval ${asked.approval_id}, until ${asked.expires_at}.`,
    `They look at it and grant it: imprint approve grant ${asked.approval_id} --as ACCOUNT --reason "…"`,
    'Then run this command again without --request-approval. What takes two people was not done yet.',
  ]);
  return true;
}

async function identify(authority: OpenAuthority, options: ActingOptions): Promise<Who> {
  const { as, asToken } = options;
  if (as !== undefined && asToken !== undefined) {
    throw new ImprintError('usage', 'give either --as or --as-token', {
      hint: 'A token names its account itself.',
    });
  }
  if (asToken !== undefined) {
    return tokenHolder(authority.access, text(await readSecretFile(asToken, 0o077, secretKind('token'))));
  }
  if (as === undefined) return { means: 'home', actor: authority.person };
  const credentials = await readCredentials(authority, as, options);
  try {
    return await signIn(authority.access, credentials, 'home');
  } finally {
    credentials.password.fill(0);
  }
}

async function readCredentials(
  authority: OpenAuthority,
  accountId: string,
  options: ActingOptions,
): Promise<Credentials> {
  const password = await readSecret(options.passwordFile, 'password', `Password of ${accountId}: `);
  const code = (await asksForCode(authority, accountId))
    ? text(await readSecret(options.codeFile, 'one-time code', `One-time code of ${accountId}: `))
    : undefined;
  return { accountId, password, code };
}

/**
 * For what proves the person by itself, and not who acts: opens the authority, reads what `--as` signs in with, and forgets it.
 * @throws usage without --as, or with a token
 */
export async function withCredentials(
  options: ActingOptions,
  work: (authority: Omit<OpenAuthority, 'person'>, credentials: Credentials) => Promise<void>,
): Promise<void> {
  if (options.as === undefined || options.asToken !== undefined) {
    throw new ImprintError('usage', 'this is done by a person with a password', {
      hint: 'Name the account with --as ACCOUNT.',
    });
  }
  const authority = await openAuthority(options.home, options);
  try {
    const credentials = await readCredentials(authority, options.as, options);
    try {
      await work(authority, credentials);
    } finally {
      credentials.password.fill(0);
    }
  } finally {
    await authority.close();
  }
}

/** From a file that only its owner reads, or typed and not shown. @throws usage where there is neither */
export async function readSecret(
  file: string | undefined,
  what: string,
  question: string,
): Promise<Uint8Array> {
  if (file !== undefined) return readSecretFile(file, 0o077, secretKind(what));
  const { stdin, stderr } = process;
  if (stdin.isTTY && stderr.isTTY) return promptHidden(stdin, stderr, question);
  throw new ImprintError('usage', `there is no way to get the ${what}`, {
    hint: 'Run this at a terminal, or name a file of mode 0600 that holds it.',
  });
}

async function asksForCode({ ledger }: OpenAuthority, accountId: string): Promise<boolean> {
  const row = await ledger.reader
    .selectFrom('account_login')
    .select('account_id')
    .where('account_id', '=', accountId)
    .where('totp', 'is not', null)
    .executeTakeFirst();
  return row !== undefined;
}

const secretKind = (name: string): SecretKind => ({
  name,
  wrong: 'login_refused',
  maxBytes: limits.passwordBytes,
});

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
