import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toUtf8 } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { exportEntries } from '../audit/export.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { append, draft } from '../ledger/history.test-kit.ts';
import { changeRoles, createAccount, disableAccount } from './accounts.ts';
import { createToken, listTokens, revokeToken } from './api-tokens.ts';
import { authorize, type Who } from './authorize.ts';
import { home, openPeople, type People, password, signedIn } from './people.test-kit.ts';
import { closeSession, openSession, sessionHolder, signIn, tokenHolder } from './sign-in.ts';
import { SignInPace } from './sign-in-pace.ts';

describe('signing in', () => {
  let people: People;
  let code: () => string;
  beforeEach(async () => {
    people = await openPeople();
    code = await people.enrolWithCode('cyd', ['line-lead']);
  });
  afterEach(() => people.close());

  const moment = () => ({ tx: people.core.ledger.reader, at: people.core.clock().toISOString() });
  const may = (who: Who) => authorize(moment(), who, 'order.manage');
  const withCode = (text: string, by = password) =>
    signIn(people.core, { accountId: 'cyd', password: by, code: text }, '192.0.2.1');

  test('an account is who has its password and the code of this moment', async () => {
    const who = await withCode(code());
    assert.deepEqual(who, { means: 'password', actor: { kind: 'person', id: 'cyd' } });
    await may(who);
  });

  test('whatever is wrong, the answer is the same', async () => {
    const gone = await people.enrolWithCode('gone', ['auditor']);
    await disableAccount(people.core.ledger, home, 'gone', 'left');
    const right = code();
    const wrong = right === '000000' ? '000001' : '000000';
    const tries = [
      () => withCode(right, toUtf8('correct horse battery stable')),
      () => withCode(wrong),
      () => withCode(''),
      () => signIn(people.core, { accountId: 'cyd', password }, '192.0.2.1'),
      () => signIn(people.core, { accountId: 'nobody', password }, '192.0.2.1'),
      // no password of theirs: they sign in at the provider
      () => signIn(people.core, { accountId: 'ada', password }, '192.0.2.1'),
      () => signIn(people.core, { accountId: 'gone', password, code: gone() }, '192.0.2.1'),
    ];
    for (const attempt of tries) {
      await refuses(attempt(), 'login_refused', /^account, password or one-time code is wrong$/);
      people.time.ms += 120_000;
    }
  });

  test('a name that no account can have is asked of no database, is refused as any other, and slowed', async () => {
    const deaf = { ...people.core.ledger, reader: undefined as never, submit: undefined as never };
    const attempt = (accountId: string) =>
      signIn({ ...people.core, ledger: deaf }, { accountId, password }, '192.0.2.1');
    for (const name of ['cyd\0', '\ud800', 'Cyd', 'c'.repeat(65), "' or 1=1"]) {
      await refuses(attempt(name), 'login_refused', /^account, password or one-time code is wrong$/);
    }
    for (let tried = 1; tried < limits.wrongLoginsPerAccount; tried++) {
      await refuses(attempt('cyd\0'), 'login_refused');
    }
    await refuses(attempt('cyd\0'), 'rate_limited');
  });

  test('a code is good once, also for two who use it at the same moment, and for its neighbours’ time', async () => {
    const seen = code();
    const outcomes = await Promise.allSettled([withCode(seen), withCode(seen)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await refuses(withCode(seen), 'login_refused');
    people.time.ms += 30_000;
    const next = code();
    people.time.ms += 30_000;
    await withCode(next);
    const later = code();
    people.time.ms += 90_000;
    await refuses(withCode(later), 'login_refused');
  });

  test('guessing is slowed by account, from wherever it comes, and the right password is no way around', async () => {
    for (let tried = 0; tried < limits.wrongLoginsPerAccount; tried++) {
      const from = `192.0.2.${tried}`;
      await refuses(signIn(people.core, { accountId: 'cyd', password, code: 'x' }, from), 'login_refused');
      await refuses(signIn(people.core, { accountId: 'nobody', password, code: 'x' }, from), 'login_refused');
    }
    await refuses(withCode(code()), 'rate_limited');
    await refuses(signIn(people.core, { accountId: 'nobody', password }, '192.0.2.9'), 'rate_limited');
    people.time.ms += 60_000;
    await withCode(code());
  });

  test('and by address: names in a row from one network, which of IPv6 is half of the address', () => {
    const pace = new SignInPace(() => 0);
    for (let tried = 0; tried < limits.wrongLoginsPerAddress; tried++) {
      pace.begin(`name-${tried}`, tried % 2 === 0, `2001:db8::${tried.toString(16)}`);
    }
    const refused = (address: string) => () => pace.begin('other', true, address);
    const isSlowed = (error: unknown) => isImprintError(error, 'rate_limited');
    assert.throws(refused('2001:db8:0:0:7::1'), isSlowed);
    assert.doesNotThrow(refused('2001:db8:0:1::1'));
    assert.doesNotThrow(refused('192.0.2.1'));
  });

  test('right sign-ins do not count', async () => {
    for (let at = 0; at <= limits.wrongLoginsPerAccount; at++) {
      await withCode(code());
      people.time.ms += 30_000;
    }
  });

  test('I-11: a session ends with its time, with signing out, and with the account', async () => {
    const open = async () => {
      people.time.ms += 30_000;
      return (await openSession(people.core, await withCode(code()))).secret;
    };
    const first = await sessionHolder(moment(), await open());
    await may(first);
    const over = await open();
    people.time.ms += limits.sessionLifeMs;
    await refuses(may(first), 'not_authenticated');
    await refuses(sessionHolder(moment(), over), 'not_authenticated');
    const secret = await open();
    const second = await sessionHolder(moment(), secret);
    await closeSession(people.core.ledger, (second as { sessionSha256: string }).sessionSha256);
    await refuses(may(second), 'not_authenticated');
    await refuses(sessionHolder(moment(), secret), 'not_authenticated');
    const third = await sessionHolder(moment(), await open());
    await disableAccount(people.core.ledger, home, 'cyd', 'left');
    await refuses(may(third), 'account_disabled');
  });

  test('a token carries what it was made for, no more than its account has, and ends', async () => {
    const { core } = people;
    const make = (who: Who, days = 30) =>
      createToken(core, who, { permissions: ['order.manage'], days, reason: 'MES' });
    const { token, token_id } = await make(signedIn('cyd'));
    assert.match(token, /^imp_dev_[0-9a-f]{16}_[0-9a-f]{64}$/);
    const who = await tokenHolder(core, token);
    await may(who);
    await refuses(authorize(moment(), who, 'order.read'), 'not_authorized');
    await changeRoles(core.ledger, home, 'cyd', ['auditor'], 'moved');
    await refuses(may(who), 'not_authorized');
    await changeRoles(core.ledger, home, 'cyd', ['line-lead'], 'moved back');
    await revokeToken(core.ledger, signedIn('cyd'), token_id, 'lost');
    await refuses(may(who), 'not_authenticated', /revoked/);
    await refuses(revokeToken(core.ledger, signedIn('cyd'), token_id, 'lost'), 'unknown_token');
    const short = await tokenHolder(core, (await make(signedIn('cyd'), 1)).token);
    people.time.ms += 86_400_000;
    await refuses(may(short), 'not_authenticated');
    assert.deepEqual(
      (await listTokens(core.ledger.reader, 'cyd')).map((row) => [row.label, row.reason]).sort(),
      [
        ['MES', null],
        ['MES', 'lost'],
      ],
    );
  });

  test('a session and a token are of the account that they were made for, whoever is named with them', async () => {
    const { core } = people;
    const { token } = await createToken(core, signedIn('cyd'), {
      permissions: ['order.manage'],
      days: 1,
      reason: 'MES',
    });
    const program = await tokenHolder(core, token);
    const session = await sessionHolder(moment(), (await openSession(core, await withCode(code()))).secret);
    for (const who of [program, session]) {
      await may(who);
      const asAda = { ...who, actor: { kind: 'person', id: 'ada' } } as Who;
      await refuses(authorize(moment(), asAda, 'account.manage'), 'not_authenticated');
      await refuses(authorize(moment(), asAda, 'order.manage'), 'not_authenticated');
    }
  });

  test('I-18: a token that says more than a token carries carries no more, however it came to say so', async () => {
    const { core } = people;
    const data = {
      token_id: '00112233445566aa',
      account_id: 'ada',
      permissions: ['account.manage' as const, 'account.read' as const, 'approval.grant-trust' as const],
      secret_sha256: '0'.repeat(64),
      expires_at: '2099-01-01T00:00:00.000Z',
      reason: 'x',
    };
    await append(core.ledger, draft('token.created', data, signedIn('ada').actor));
    const who: Who = { means: 'token', actor: signedIn('ada').actor, tokenId: data.token_id };
    await authorize(moment(), who, 'account.read');
    await refuses(authorize(moment(), who, 'account.manage'), 'not_authorized');
    await refuses(authorize(moment(), who, 'approval.grant-trust'), 'not_authorized');
  });

  test('I-11: nobody ends the token of another but who manages accounts, and nobody whose account is over ends any', async () => {
    const { core } = people;
    const make = async (id: string) =>
      (await createToken(core, signedIn(id), { permissions: ['order.read'], days: 1, reason: 'x' })).token_id;
    const [own, other] = [await make('cyd'), await make('ada')];
    await refuses(revokeToken(core.ledger, signedIn('cyd'), other, 'x'), 'not_authorized');
    await revokeToken(core.ledger, signedIn('ada'), await make('cyd'), 'x');
    await openSession(core, await withCode(code()));
    await disableAccount(core.ledger, home, 'cyd', 'left');
    await refuses(revokeToken(core.ledger, signedIn('cyd'), own, 'x'), 'account_disabled');
    assert.deepEqual(await core.ledger.reader.selectFrom('account_session').selectAll().execute(), []);
  });

  test('refuses a token of another realm, of no kind, or with another secret', async () => {
    const { core } = people;
    const { token } = await createToken(core, signedIn('cyd'), {
      permissions: ['order.read'],
      days: 1,
      reason: 'MES',
    });
    await refuses(tokenHolder(core, token.replace('_dev_', '_prod_')), 'token_invalid', /realm prod/);
    await refuses(tokenHolder(core, token.slice(0, -1)), 'token_invalid');
    const other = token.endsWith('0') ? '1' : '0';
    await refuses(tokenHolder(core, token.slice(0, -1) + other), 'token_invalid', /not known/);
    await refuses(tokenHolder(core, token.replace(/_[0-9a-f]{16}_/, '_0000000000000000_')), 'token_invalid');
  });

  test('no token is made of what its person has not, nor of what a person signs in for', async () => {
    const { core } = people;
    const make = (who: Who, permission: 'ca.manage' | 'approval.grant-production' | 'order.read', days = 1) =>
      createToken(core, who, { permissions: [permission], days, reason: 'x' });
    await refuses(make(signedIn('cyd'), 'ca.manage'), 'not_authorized', /cannot carry ca\.manage/);
    await refuses(make(signedIn('cyd'), 'approval.grant-production'), 'not_authorized');
    await refuses(make(home, 'order.read'), 'not_authorized');
    const program = await tokenHolder(core, (await make(signedIn('cyd'), 'order.read')).token);
    await refuses(make(program, 'order.read'), 'not_authorized');
    await refuses(make(signedIn('cyd'), 'order.read', limits.apiTokenDays + 1), 'bad_request');
    await refuses(revokeToken(core.ledger, program, '00', 'x'), 'not_authorized');
  });

  test('I-19: no password, code, secret or token stands in the log or in a table', async () => {
    const { core } = people;
    const { token } = await createToken(core, signedIn('cyd'), {
      permissions: ['order.read'],
      days: 1,
      reason: 'MES',
    });
    const { secret } = await openSession(core, await withCode(code()));
    let text = '';
    for await (const line of exportEntries(core.ledger.reader)) text += line;
    for (const table of ['account', 'account_login', 'account_session', 'api_token'] as const) {
      text += JSON.stringify(await core.ledger.reader.selectFrom(table).selectAll().execute());
    }
    assert.match(text, /scrypt\$10\$8\$1\$/);
    for (const one of [token.split('_')[3]!, secret, new TextDecoder().decode(password)]) {
      assert.ok(!text.includes(one));
    }
  });

  test('a password has twelve characters or more, is kept as scrypt of 32 MB three times over, and not where it has less', async () => {
    const { hashPassword } = await import('./password.ts');
    assert.match(await hashPassword(password, people.core.entropy), /^scrypt\$15\$8\$3\$/);
    await refuses(hashPassword(toUtf8('short'), people.core.entropy), 'bad_request');
    await refuses(
      hashPassword(new Uint8Array(limits.passwordBytes + 1).fill(65), people.core.entropy),
      'bad_request',
    );
    await refuses(
      createAccount(people.core.ledger, home, {
        accountId: 'dan',
        roles: ['auditor'],
        login: { name: 'Dan' },
        reason: 'x',
      }),
      'bad_request',
      /signs in with/,
    );
  });
});
