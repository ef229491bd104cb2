import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { sessionCookie } from '@imprint/contract/api/management';
import { limits } from '@imprint/contract/limits';
import type { Role } from '@imprint/contract/permission';
import { Agent } from 'undici';
import { createAccount, disableAccount, listAccounts } from '../access/accounts.ts';
import { OidcSignIn } from '../access/oidc-sign-in.ts';
import { home } from '../access/people.test-kit.ts';
import { pem } from '../trust/hierarchy.test-kit.ts';
import { type Management, openManagement } from './management.test-kit.ts';
import { Browser, openProvider, type TestProvider } from './oidc-provider.test-kit.ts';
import { oidcBeginPath, oidcCallbackPath } from './oidc-routes.ts';

const groups: Record<string, Role[]> = {
  line: ['line-lead', 'operator'],
  service: ['support'],
  trust: ['ca-officer'],
};

describe('signing in at the company’s provider', () => {
  let management: Management;
  let provider: TestProvider;
  let browser: Browser;
  let start: string;
  beforeEach(async () => {
    management = await openManagement(
      (people, port) => {
        const redirectUri = `https://127.0.0.1:${port}${oidcCallbackPath}`;
        return new OidcSignIn(people.core, {
          issuer: provider.issuer,
          clientId: 'imprint',
          clientSecret: 'company secret',
          redirectUri,
          roles: { claim: 'groups', groups },
          dispatcher: provider.dispatcher,
        });
      },
      async (realm, port) => {
        provider = await openProvider(realm, `https://127.0.0.1:${port}${oidcCallbackPath}`);
      },
    );
    const root = pem(management.realm.hierarchy.certificates.stationRoot);
    browser = new Browser(new Agent({ connect: { ca: root } }));
    start = `https://127.0.0.1:${management.port}${oidcBeginPath}`;
  });
  afterEach(async () => {
    assert.deepEqual(management.faults, []);
    assert.deepEqual(await management.people.findings(), []);
    await management.close();
    await provider.close();
  });

  async function signIn(sub: string, by = browser) {
    const response = await by.go(await by.signIn(start, sub));
    return { status: response.status, json: (await response.json()) as Record<string, string>, response };
  }
  const rolesOf = async (id: string) =>
    (await listAccounts(management.people.core.ledger.reader)).find((row) => row.account_id === id)?.roles;

  test('a person whom a group gives a role gets an account at the first sign-in, and a session', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', name: 'Kim K.', groups: ['service', 'choir'] });
    const { status, json, response } = await signIn('s-17');
    assert.deepEqual([status, json.account_id], [200, 'kim'], JSON.stringify(json));
    assert.deepEqual(await rolesOf('kim'), ['support']);
    const cookie = response.headers.getSetCookie().find((one) => one.startsWith(sessionCookie))!;
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    const me = await management.call('whoAmI', { cookie: cookie.split(';')[0]! });
    assert.deepEqual([me.status, JSON.parse(me.text).account_id], [200, 'kim'], me.text);
    const [created] = (await management.people.entries('account.created')).slice(-1);
    assert.deepEqual([created!.actor, created!.data.enrolled_by], ['oidc', 'oidc']);
  });

  test('roles follow the groups, and whoever is in none any more does not sign in', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['service'] });
    await signIn('s-17');
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['line'] });
    assert.equal((await signIn('s-17')).status, 200);
    assert.deepEqual(await rolesOf('kim'), ['operator']);
    provider.claims.set('s-17', { preferred_username: 'kim', groups: [] });
    assert.deepEqual((await signIn('s-17')).json.code, 'login_refused');
  });

  test('I-18: the provider makes no second person; it takes such a role away from one that was made here', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['trust'] });
    assert.equal((await signIn('s-17')).json.code, 'login_refused');
    const login = { name: 'Kim', oidc: { issuer: provider.issuer, subject: 's-17' } };
    await createAccount(management.people.core.ledger, home, {
      accountId: 'kim',
      roles: ['ca-officer', 'support'],
      login,
      reason: 'officer',
    });
    provider.claims.set('s-17', { groups: ['trust', 'service'] });
    assert.equal((await signIn('s-17')).json.account_id, 'kim');
    assert.deepEqual(await rolesOf('kim'), ['ca-officer', 'support']);
    provider.claims.set('s-17', { groups: ['service'] });
    await signIn('s-17');
    assert.deepEqual(await rolesOf('kim'), ['support']);
    provider.claims.set('s-17', { groups: ['trust', 'service'] });
    await signIn('s-17');
    assert.deepEqual(await rolesOf('kim'), ['support']);
  });

  test('the provider does not take the last administrator away', async () => {
    const { ledger } = management.people.core;
    const login = { name: 'Kim', oidc: { issuer: provider.issuer, subject: 's-17' } };
    const roles: Role[] = ['administrator', 'support'];
    await createAccount(ledger, home, { accountId: 'kim', roles, login, reason: 'officer' });
    for (const other of ['ada', 'ben']) await disableAccount(ledger, home, other, 'left');
    provider.claims.set('s-17', { groups: ['service'] });
    assert.match((await signIn('s-17')).json.detail!, /kim is the last administrator/);
    assert.deepEqual(await rolesOf('kim'), roles);
  });

  test('an account that was made by hand needs no name of the provider’s', async () => {
    const login = { name: 'Kim', oidc: { issuer: provider.issuer, subject: 'AAD|Kim' } };
    const made = { accountId: 'kim', roles: ['support' as const], login, reason: 'by hand' };
    provider.claims.set('AAD|Kim', { preferred_username: 'Kim@example.com', groups: ['service'] });
    assert.match((await signIn('AAD|Kim')).json.detail!, /make the account by hand/);
    await createAccount(management.people.core.ledger, home, made);
    assert.equal((await signIn('AAD|Kim')).json.account_id, 'kim');
    // nor can it give the name under which all that it brings is enrolled
    provider.claims.set('s-19', { preferred_username: 'oidc', groups: ['service'] });
    assert.equal((await signIn('s-19', new Browser(provider.dispatcher))).json.account_id, 's-19');
  });

  test('I-11: an account that was disabled does not come back through the provider, nor under its name', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['service'] });
    await signIn('s-17');
    await disableAccount(management.people.core.ledger, home, 'kim', 'left');
    assert.equal((await signIn('s-17')).json.code, 'login_refused');
    provider.claims.set('s-18', { preferred_username: 'kim', groups: ['service'] });
    const other = new Browser(provider.dispatcher);
    assert.equal((await signIn('s-18', other)).json.code, 'login_refused');
  });

  test('a code is good for the browser that began, once, with its state', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['service'] });
    const back = await browser.signIn(start, 's-17');
    const refusal = async (by: Browser, url: string) =>
      ((await (await by.go(url)).json()) as { code?: string }).code;
    // another browser: it was lured to the address that somebody else was sent to
    assert.equal(await refusal(new Browser(provider.dispatcher), back), 'login_refused');
    const begun = new Browser(provider.dispatcher);
    await begun.go(start);
    assert.equal(await refusal(begun, back), 'login_refused');
    assert.equal(await refusal(browser, back.replace(/state=[^&]+/, 'state=other')), 'login_refused');
    const again = await browser.signIn(start, 's-17');
    assert.equal((await browser.go(again)).status, 200);
    assert.equal(await refusal(browser, again), 'login_refused');
    assert.equal(await refusal(browser, `${start}/callback?error=access_denied`), 'login_refused');
  });

  test('whoever comes back with codes that nobody gave is slowed', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['service'] });
    // right ones do not count
    for (let at = 0; at < 2; at++) await signIn('s-17');
    const back = await browser.signIn(start, 's-17');
    const made = back.replace(/code=[^&]+/, 'code=made-up');
    const codeOf = async () => ((await (await browser.go(made)).json()) as { code: string }).code;
    for (let at = 0; at < limits.wrongLoginsPerAddress; at++) {
      assert.equal(await codeOf(), 'login_refused');
    }
    assert.equal(await codeOf(), 'rate_limited');
    management.people.time.ms += 60_000;
    assert.equal((await signIn('s-17')).status, 200);
  });

  test('a flow that took too long is over', async () => {
    provider.claims.set('s-17', { preferred_username: 'kim', groups: ['service'] });
    const back = await browser.signIn(start, 's-17');
    management.people.time.ms += 10 * 60_000;
    assert.equal((await browser.go(back)).status, 401);
  });
});
