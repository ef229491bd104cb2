/** For tests: a realm with a ledger, a clock that the test moves, and people who can be signed in. */
import { createHash } from 'node:crypto';
import { decodeEntry, type EntryType } from '@imprint/contract/audit/entry';
import { toUtf8 } from '@imprint/contract/bytes';
import type { Role } from '@imprint/contract/permission';
import { logEntries } from '../audit/log-entries.ts';
import { verifyLog } from '../audit/verify.ts';
import { append, opening } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { makeKey } from '../signer/software.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import { createAccount } from './accounts.ts';
import type { Who } from './authorize.ts';
import { changePolicy } from './change-policy.ts';
import { codeOf, newTotpSecret, type SecretSeal, secretSeal, stepAt } from './one-time-code.ts';
import { hashPassword } from './password.ts';
import type { AccessCore } from './sign-in.ts';
import { SignInPace } from './sign-in-pace.ts';

export const home: Who = { means: 'home', actor: { kind: 'person', id: 'root' } };
/** An account whose password was verified. */
export const signedIn = (id: string): Who => ({ means: 'password', actor: { kind: 'person', id } });
export const password = toUtf8('correct horse battery staple');

export interface People {
  core: AccessCore;
  seal: SecretSeal;
  time: { ms: number };
  /** Makes an account, by the machine itself or by an account. */
  enrol(id: string, roles: Role[], by?: Who): Promise<void>;
  /** One more, with a second factor; gives what reckons its codes. */
  enrolWithCode(id: string, roles: Role[], by?: Who): Promise<() => string>;
  /** From now on acts take two people. */
  takeTwo(limits?: { order_limit?: number; site_limits?: Record<string, number> }): Promise<void>;
  entries(type: EntryType): Promise<{ actor: string; data: Record<string, unknown> }[]>;
  /** Findings of a verification of log and tables. */
  findings(): Promise<unknown[]>;
  close(): Promise<void>;
}

/** Ada and Ben are administrators and CA officers, whom nobody enrolled. */
export async function openPeople(given?: Storage): Promise<People> {
  const storage = given ?? (await openScratchSqlite('dev'));
  const { ledger, time } = testLedger(storage);
  await append(ledger, ...opening(['SN-00000001']));
  let drawn = 0;
  const entropy = (length: number) =>
    new Uint8Array(createHash('shake256', { outputLength: length }).update(`people ${drawn++}`).digest());
  const seal = secretSeal(makeKey('ed25519'), entropy);
  const core: AccessCore = {
    ledger,
    realm: 'dev',
    clock: () => new Date(time.ms),
    entropy,
    seal: async () => seal,
    pace: new SignInPace(() => time.ms),
  };
  // what a guess costs is no matter of these tests, and hundreds of sign-ins are
  const hashed = await hashPassword(password, entropy, { N: 10, r: 8, p: 1 });
  const enrolWithCode: People['enrolWithCode'] = async (id, roles, by = home) => {
    const secret = newTotpSecret(entropy);
    const login = { name: `Person ${id}`, password: hashed, totp: seal.seal(secret, id) };
    await createAccount(ledger, by, { accountId: id, roles, login, reason: 'new here' });
    return () => codeOf(secret, stepAt(new Date(time.ms)));
  };
  const people: People = {
    core,
    seal,
    time,
    enrol: async (id, roles, by = home) => {
      const login = { name: `Person ${id}`, oidc: { issuer: 'https://id.example.com', subject: id } };
      await createAccount(ledger, by, { accountId: id, roles, login, reason: 'new here' });
    },
    enrolWithCode,
    takeTwo: async ({ order_limit = null, site_limits = {} } = {}) => {
      await changePolicy(ledger, home, { approvals: 'required', order_limit, site_limits }, 'we are two');
    },
    entries: async (type) => {
      const found = [];
      for await (const { bytes } of logEntries(storage.reader)) {
        const entry = decodeEntry(bytes);
        if (entry.type === type) found.push({ actor: entry.actor.id, data: { ...entry.data } });
      }
      return found;
    },
    findings: async () => (await verifyLog(storage.reader, { realm: 'dev' })).findings,
    close: async () => {
      await ledger.close();
      await storage.close();
    },
  };
  await people.enrol('ada', ['administrator', 'ca-officer']);
  await people.enrol('ben', ['administrator', 'ca-officer']);
  return people;
}
