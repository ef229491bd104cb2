import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Role } from '@imprint/contract/permission';
import { exportEntries } from '../audit/export.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { append, draft, opening } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { checkContract, registerContract } from '../registry/contracts.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { changeRoles, createAccount, disableAccount, enrolledByProvider, listAccounts } from './accounts.ts';
import { actingLedger } from './acting-ledger.ts';
import { grantApproval, requestApproval } from './approvals.ts';
import { requireActive, type Who } from './authorize.ts';
import { home, openPeople, type People, signedIn } from './people.test-kit.ts';
import { takesTwoPeople } from './policy.ts';

const gateway = checkContract(
  readFileSync(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url), 'utf8'),
  'gateway.yaml',
);

test('I-18: two found a realm from its machine, however many the provider brought before, and no third', async () => {
  const storage = await openScratchSqlite('dev');
  const { ledger } = testLedger(storage);
  const policy = { approvals: 'required', order_limit: null, site_limits: {}, reason: 'x' } as const;
  await append(ledger, ...opening(['SN-00000001']), draft('policy.changed', policy, home.actor));
  for (const account_id of ['kim', 'lou', 'max']) {
    const data = { account_id, roles: ['support' as const], enrolled_by: enrolledByProvider, reason: 'x' };
    await append(ledger, draft('account.created', data, { kind: 'authority', id: 'oidc' }));
  }
  const found = (accountId: string, role: Role = 'administrator') => {
    const login = { name: 'X', oidc: { issuer: 'https://id.example.com', subject: accountId } };
    return createAccount(ledger, home, { accountId, roles: [role], login, reason: 'founder' });
  };
  await refuses(found('ada', 'support'), 'bad_request', /administrators/);
  await refuses(found(enrolledByProvider), 'bad_request', /no name of an account/);
  await found('ada');
  await found('ben');
  await refuses(found('cyd'), 'not_authenticated');
  await disableAccount(ledger, signedIn('ada'), 'ben', 'left');
  await refuses(found('cyd'), 'not_authenticated');
  assert.equal((await requireActive({ tx: ledger.reader }, 'kim')).enrolled_by, 'oidc');
  await ledger.close();
  await storage.close();
});

test('I-18: test and prod take two whatever the log says of it, and so does a realm that nobody knows', async () => {
  for (const realm of ['test', 'prod'] as const) {
    const storage = await openScratchSqlite(realm);
    assert.equal(await takesTwoPeople(storage.reader), true, realm);
    await storage.writer
      .insertInto('policy')
      .values({ realm, approvals: 'not-required', order_limit: null, site_limits: '{}' })
      .execute();
    assert.equal(await takesTwoPeople(storage.reader), true, realm);
    await storage.close();
  }
  const dev = await openScratchSqlite('dev');
  assert.equal(await takesTwoPeople(dev.reader), false);
  await dev.close();
});

test('I-18: acts take two only where two are there who were enrolled by nobody', async () => {
  const people = await openPeople();
  await disableAccount(people.core.ledger, signedIn('ada'), 'ben', 'left');
  await refuses(people.takeTwo(), 'bad_request', /two people are needed/);
  await people.enrol('cyd', ['administrator'], signedIn('ada'));
  await refuses(people.takeTwo(), 'bad_request', /two people are needed/);
  await people.enrol('dan', ['administrator']);
  await people.takeTwo();
  await people.close();
});

describe('accounts', () => {
  let people: People;
  beforeEach(async () => {
    people = await openPeople();
  });
  afterEach(async () => {
    assert.deepEqual(await people.findings(), []);
    await people.close();
  });

  test('an account is listed with roles, who enrolled it and how it signs in; the log knows no name', async () => {
    await people.enrolWithCode('cyd', ['line-lead', 'shipping', 'line-lead'], signedIn('ada'));
    const [ada, , cyd] = await listAccounts(people.core.ledger.reader);
    assert.deepEqual(ada!.signs_in_with, ['oidc']);
    assert.deepEqual(cyd, {
      account_id: 'cyd',
      name: 'Person cyd',
      roles: ['line-lead', 'shipping'],
      status: 'active',
      enrolled_by: 'ada',
      created_at: '2026-01-09T08:00:00.000Z',
      disabled_at: null,
      signs_in_with: ['password', 'one-time-code'],
    });
    let log = '';
    for await (const line of exportEntries(people.core.ledger.reader)) log += line;
    assert.match(log, /account\.created/);
    assert.doesNotMatch(log, /Person cyd|scrypt|id\.example\.com/);
  });

  test('I-11: what an account may do ends with the role, and with the account', async () => {
    await people.enrol('cyd', ['line-lead'], signedIn('ada'));
    const { ledger } = people.core;
    const may = () =>
      actingLedger(ledger, signedIn('cyd'), 'order.manage').submit(async () => ({
        entries: [],
        reply: () => 'done',
      }));
    assert.equal(await may(), 'done');
    await changeRoles(ledger, signedIn('ada'), 'cyd', ['auditor'], 'moved');
    await refuses(may(), 'not_authorized', /cyd does not have the permission order\.manage/);
    await changeRoles(ledger, signedIn('ada'), 'cyd', ['line-lead'], 'moved back');
    assert.equal(await may(), 'done');
    await disableAccount(ledger, signedIn('ada'), 'cyd', 'left');
    await refuses(may(), 'account_disabled');
    await refuses(changeRoles(ledger, signedIn('ada'), 'cyd', ['auditor'], 'x'), 'account_disabled');
    const [disabled] = await people.entries('account.disabled');
    assert.deepEqual(disabled, { actor: 'ada', data: { account_id: 'cyd', reason: 'left' } });
  });

  test('I-10: nobody may do what no role of theirs names, and who is no account may do nothing', async () => {
    await people.enrol('cyd', ['shipping'], signedIn('ada'));
    const { ledger } = people.core;
    await refuses(changeRoles(ledger, signedIn('cyd'), 'cyd', ['administrator'], 'me'), 'not_authorized');
    await refuses(disableAccount(ledger, signedIn('cyd'), 'ada', 'me'), 'not_authorized');
    await refuses(people.enrol('dan', ['auditor'], signedIn('cyd')), 'not_authorized');
    await refuses(people.enrol('dan', ['auditor'], signedIn('nobody')), 'account_disabled');
  });

  test('I-10: in dev, where one person acts, an account for orders brings no contract along either', async () => {
    await people.enrol('lee', ['line-lead']);
    const { ledger } = people.core;
    const by = (who: Who) => registerContract(actingLedger(ledger, who, 'order.manage'), who.actor, gateway);
    await refuses(by(signedIn('lee')), 'not_authorized', /contract\.register/);
    assert.equal((await by(home)).isNew, true);
  });

  test('a name is one account’s for ever, and an identity at the provider too', async () => {
    const { ledger } = people.core;
    await people.enrol('cyd', ['auditor']);
    await disableAccount(ledger, home, 'cyd', 'left');
    await refuses(people.enrol('cyd', ['auditor']), 'account_conflict');
    const login = { name: 'X', oidc: { issuer: 'https://id.example.com', subject: 'ada' } };
    await refuses(
      createAccount(ledger, home, { accountId: 'eve', roles: ['auditor'], login, reason: 'x' }),
      'account_conflict',
      /belongs to the account ada/,
    );
    for (const name of ['Ada', '-x', 'a b', '', 'ä'])
      await refuses(people.enrol(name, ['auditor']), 'bad_request');
    await refuses(people.enrol('fay', []), 'bad_request');
  });

  test('the last administrator stays', async () => {
    const { ledger } = people.core;
    await disableAccount(ledger, signedIn('ada'), 'ben', 'left');
    await refuses(
      disableAccount(ledger, signedIn('ada'), 'ada', 'left'),
      'bad_request',
      /last administrator/,
    );
    await refuses(changeRoles(ledger, signedIn('ada'), 'ada', ['auditor'], 'x'), 'bad_request');
  });

  test('I-18: nobody alone makes a second person, neither a new one nor out of one that is there', async () => {
    await people.takeTwo();
    const { ledger, entropy } = people.core;
    await people.enrol('cyd', ['auditor'], signedIn('ada'));
    await refuses(people.enrol('dan', ['line-lead'], signedIn('ada')), 'approval_required');
    await refuses(changeRoles(ledger, signedIn('ada'), 'cyd', ['line-lead'], 'x'), 'approval_required');
    const { approval_id } = await requestApproval(ledger, entropy, signedIn('ada'), {
      act: 'account.empower',
      parameters: { account_id: 'dan', roles: ['line-lead'] },
      reason: 'leads line two',
    });
    await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
    await refuses(people.enrol('dan', ['administrator'], signedIn('ada')), 'approval_required');
    await people.enrol('dan', ['line-lead'], signedIn('ada'));
    await refuses(people.enrol('eve', ['line-lead'], signedIn('ada')), 'approval_required');
  });

  test('I-18: where acts take two people the machine itself makes none any more, and a password alone makes no second person', async () => {
    await people.takeTwo();
    await refuses(people.enrol('cyd', ['administrator']), 'not_authenticated');
    const login = { name: 'X', password: 'scrypt$…' };
    await refuses(
      createAccount(people.core.ledger, signedIn('ada'), {
        accountId: 'dan',
        roles: ['line-lead'],
        login,
        reason: 'x',
      }),
      'bad_request',
      /a password alone/,
    );
  });

  test('I-18: neither does a password alone make one out of an account that is there, whoever agrees', async () => {
    await people.takeTwo();
    const { ledger, entropy } = people.core;
    const login = { name: 'Cyd', password: 'scrypt$…' };
    const reason = 'new here';
    await createAccount(ledger, signedIn('ada'), { accountId: 'cyd', roles: ['auditor'], login, reason });
    const { approval_id } = await requestApproval(ledger, entropy, signedIn('ada'), {
      act: 'account.empower',
      parameters: { account_id: 'cyd', roles: ['ca-officer'] },
      reason,
    });
    await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
    await refuses(
      changeRoles(ledger, signedIn('ada'), 'cyd', ['ca-officer'], reason),
      'bad_request',
      /a password alone/,
    );
    await changeRoles(ledger, signedIn('ada'), 'cyd', ['support'], reason);
  });
});
