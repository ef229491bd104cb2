import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toUtf8 } from '@imprint/contract/bytes';
import { exportEntries } from '../audit/export.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { createAccount, disableAccount } from './accounts.ts';
import { changePassword } from './change-password.ts';
import { hashPassword } from './password.ts';
import { home, openPeople, type People, password } from './people.test-kit.ts';
import { openSession, provePerson, sessionHolder, signIn, signInToSession } from './sign-in.ts';

const other = toUtf8('another sentence of words');

describe('changing a password', () => {
  let people: People;
  let code: () => string;
  beforeEach(async () => {
    people = await openPeople();
    code = await people.enrolWithCode('cyd', ['line-lead']);
  });
  afterEach(async () => {
    assert.deepEqual(await people.findings(), []);
    await people.close();
  });

  /** A code that was not used yet. */
  const fresh = () => {
    people.time.ms += 30_000;
    return code();
  };
  const withPassword = (by: Uint8Array) => ({ accountId: 'cyd', password: by, code: fresh() });
  const change = (credentials = withPassword(password), to = other) =>
    changePassword(people.core, credentials, to, '192.0.2.1');

  test('from then on the new one signs in and the old one does not, and the log says who, and no word of either', async () => {
    assert.deepEqual(await change(), { account_id: 'cyd', sessions_ended: 0 });
    await refuses(signIn(people.core, withPassword(password), '192.0.2.1'), 'login_refused');
    await signIn(people.core, withPassword(other), '192.0.2.1');
    const changed = await people.entries('account.password-changed');
    assert.deepEqual(changed, [{ actor: 'cyd', data: { account_id: 'cyd' } }]);
    let exported = '';
    for await (const line of exportEntries(people.core.ledger.reader)) exported += line;
    assert.ok(!exported.includes('scrypt') && !exported.includes('another sentence'));
  });

  test('I-11: every session of the account ends with it, and no other account’s', async () => {
    const dan = await people.enrolWithCode('dan', ['auditor']);
    const credentials = { accountId: 'dan', password, code: dan() };
    const others = await signInToSession(people.core, credentials, '192.0.2.1');
    const own = await signInToSession(people.core, withPassword(password), '192.0.2.1');
    const moment = () => ({ tx: people.core.ledger.reader, at: people.core.clock().toISOString() });
    await sessionHolder(moment(), own.secret);
    assert.equal((await change()).sessions_ended, 1);
    await refuses(sessionHolder(moment(), own.secret), 'not_authenticated');
    await sessionHolder(moment(), others.secret);
  });

  test('I-11: who proved the old one before, and goes on after the change, gets neither a session nor a password', async () => {
    const before = await provePerson(people.core, withPassword(password), '192.0.2.1');
    await change();
    await refuses(openSession(people.core, before.who, before.hashed), 'login_refused');
    // two at the same moment, with no code that only one of them could use
    const login = { name: 'Eve', password: await hashPassword(password, people.core.entropy) };
    const eve = { accountId: 'eve', roles: ['auditor'] as const, login, reason: 'new here' };
    await createAccount(people.core.ledger, home, eve);
    const outcomes = await Promise.allSettled(
      ['a first sentence of words', 'a second sentence of words'].map((to) =>
        changePassword(people.core, { accountId: 'eve', password }, toUtf8(to), '192.0.2.1'),
      ),
    );
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  test('it takes the present password and a code that was not used, of an account that is active', async () => {
    const used = withPassword(password);
    await signIn(people.core, used, '192.0.2.1');
    await refuses(change(used), 'login_refused');
    await refuses(change(withPassword(other)), 'login_refused');
    const ada = { accountId: 'ada', password };
    await refuses(changePassword(people.core, ada, other, '192.0.2.1'), 'login_refused');
    await refuses(change(withPassword(password), password), 'bad_request', /that it has/);
    await refuses(change(withPassword(password), toUtf8('short')), 'bad_request');
    await disableAccount(people.core.ledger, home, 'cyd', 'left');
    await refuses(change(), 'login_refused');
    assert.deepEqual(await people.entries('account.password-changed'), []);
  });
});
