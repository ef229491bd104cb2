import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  type ManagementRouteName,
  managementRoutes,
  routePermissions,
  sessionCookie,
} from '@imprint/contract/api/management';
import { managementOpenApi } from '@imprint/contract/api/open-api';
import { limits } from '@imprint/contract/limits';
import type { Permission } from '@imprint/contract/permission';
import { changeRoles, disableAccount } from '../access/accounts.ts';
import { createToken, revokeToken } from '../access/api-tokens.ts';
import { home, signedIn } from '../access/people.test-kit.ts';
import { checkContract, registerContract } from '../registry/contracts.ts';
import { ask } from './listeners.test-kit.ts';
import { type Management, openManagement } from './management.test-kit.ts';

const gatewayText = readFileSync(
  new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);
const password = 'correct horse battery staple';

describe('the management listener', () => {
  let management: Management;
  beforeEach(async () => {
    management = await openManagement();
  });
  afterEach(async () => {
    assert.deepEqual(management.faults, []);
    assert.deepEqual(await management.people.findings(), []);
    await management.close();
  });

  const bearer = async (id: string, ...permissions: Permission[]) => {
    const made = await createToken(management.people.core, signedIn(id), {
      permissions,
      days: 1,
      reason: 'x',
    });
    return { authorization: `Bearer ${made.token}`, id: made.token_id };
  };
  const tokenOf = async (id: string, ...permissions: Permission[]) => ({
    authorization: (await bearer(id, ...permissions)).authorization,
  });
  const isRefused = async (answer: ReturnType<Management['call']>, status: number, code: string) => {
    const { status: given, json, text } = await answer;
    assert.deepEqual([given, json.code], [status, code], text);
  };
  /** Signs in and gives the header that bears the session. */
  async function signIn(id: string, code: string, headers = {}) {
    const answer = await management.call('signIn', headers, { account_id: id, password, code });
    assert.equal(answer.status, 200, answer.text);
    return { cookie: String(answer.headers['set-cookie']).split(';')[0]! };
  }

  test('I-10: without a token or a session nothing is answered but the way in', async () => {
    for (const name of Object.keys(managementRoutes) as ManagementRouteName[]) {
      if (routePermissions[name] === 'anybody') continue;
      await isRefused(
        management.call(name, {}, {}, { account_id: 'a', order_id: 'b' }),
        401,
        'not_authenticated',
      );
    }
  });

  test('each route takes its permission, and a token without it is refused before its body is read', async () => {
    await management.people.enrol('lee', ['line-lead']);
    await management.people.enrol('otto', ['operator']);
    for (const name of Object.keys(managementRoutes) as ManagementRouteName[]) {
      const needed = routePermissions[name];
      if (needed === 'anybody' || needed === 'signed-in') continue;
      const other: Permission = needed === 'station.read' ? 'order.read' : 'station.read';
      await isRefused(
        management.call(name, await tokenOf('otto', other), 'no body', {}),
        403,
        'not_authorized',
      );
    }
  });

  test('a session: signed in with password and code, known by a cookie that no script or other site has, and ended', async () => {
    const code = await management.people.enrolWithCode('cyd', ['line-lead']);
    const answer = await management.call('signIn', {}, { account_id: 'cyd', password, code: code() });
    assert.equal(answer.status, 200, answer.text);
    const set = String(answer.headers['set-cookie']);
    assert.match(
      set,
      /^__Host-imprint-session=[0-9a-f]{64}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600$/,
    );
    assert.ok(!answer.text.includes(set.slice(sessionCookie.length + 1, sessionCookie.length + 65)));
    const cookie = { cookie: set.split(';')[0]! };
    const me = await management.call('whoAmI', cookie);
    assert.deepEqual(JSON.parse(me.text).roles, ['line-lead']);
    for (const headers of [
      { ...cookie, origin: 'https://evil.example' },
      { ...cookie, 'sec-fetch-site': 'cross-site' },
    ]) {
      await isRefused(management.call('whoAmI', headers), 403, 'not_authorized');
    }
    const own = {
      ...cookie,
      origin: `https://127.0.0.1:${management.port}`,
      'sec-fetch-site': 'same-origin',
    };
    assert.equal((await management.call('whoAmI', own)).status, 200);
    const twice = { cookie: `${cookie.cookie}; ${cookie.cookie}` };
    await isRefused(management.call('whoAmI', twice), 401, 'not_authenticated');
    const both = { ...cookie, ...(await tokenOf('cyd', 'order.read')) };
    await isRefused(management.call('whoAmI', both), 400, 'bad_request');
    assert.match(String((await management.call('signOut', cookie)).headers['set-cookie']), /Max-Age=0/);
    await isRefused(management.call('whoAmI', cookie), 401, 'not_authenticated');
  });

  test('another site’s page signs nobody in, and who is over learns nothing, of themselves either', async () => {
    const code = await management.people.enrolWithCode('cyd', ['line-lead']);
    const body = { account_id: 'cyd', password, code: code() };
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      await isRefused(management.call('signIn', headers as never, body), 403, 'not_authorized');
    }
    const cookie = await signIn('cyd', body.code);
    const [revoked, left] = [await bearer('cyd', 'order.read'), await bearer('cyd', 'order.read')];
    const tokens = ({ authorization }: { authorization: string }) =>
      management.call('listTokens', { authorization });
    assert.equal((await tokens(revoked)).status, 200);
    await revokeToken(management.people.core.ledger, signedIn('cyd'), revoked.id, 'lost');
    await isRefused(tokens(revoked), 401, 'not_authenticated');
    await disableAccount(management.people.core.ledger, home, 'cyd', 'left');
    await isRefused(tokens(left), 403, 'account_disabled');
    for (const name of ['whoAmI', 'listTokens'] as const) {
      await isRefused(management.call(name, cookie), 401, 'not_authenticated');
    }
  });

  test('wrong sign-ins get one answer, and are slowed', async () => {
    await management.people.enrolWithCode('cyd', ['line-lead']);
    const wrong = (account_id: string) =>
      management.call('signIn', {}, { account_id, password: 'something else', code: '000000' });
    const [known, unknown] = [await wrong('cyd'), await wrong('nobody')];
    assert.deepEqual([known.status, known.text], [401, unknown.text]);
    for (let tried = 1; tried < limits.wrongLoginsPerAccount; tried++) await wrong('cyd');
    await isRefused(wrong('cyd'), 429, 'rate_limited');
  });

  test('I-11: on one kept connection, whoever was disabled, lost a role or a token is refused at the next request', async () => {
    const { people } = management;
    const code = await people.enrolWithCode('cyd', ['line-lead']);
    const cookie = await signIn('cyd', code());
    const token = await bearer('cyd', 'order.read');
    const headers = { authorization: token.authorization };
    const first = await management.call('listOrders', cookie);
    assert.equal(first.status, 200, first.text);
    assert.equal((await management.call('listOrders', headers)).status, 200);
    await changeRoles(people.core.ledger, home, 'cyd', ['auditor'], 'moved');
    await isRefused(
      management.call('closeOrder', cookie, { reason: 'x' }, { order_id: 'o-1' }),
      403,
      'not_authorized',
    );
    await revokeToken(people.core.ledger, signedIn('cyd'), token.id, 'lost');
    await isRefused(management.call('listOrders', headers), 401, 'not_authenticated');
    assert.equal((await management.call('listOrders', cookie)).status, 200);
    await disableAccount(people.core.ledger, home, 'cyd', 'left');
    const last = await management.call('listOrders', cookie);
    assert.deepEqual([last.status, last.json.code], [401, 'not_authenticated']);
    assert.equal(last.socket, first.socket);
  });

  test('accounts, tokens and second persons over the API, as at the command line', async () => {
    const { people } = management;
    const code = await people.enrolWithCode('cyd', ['administrator', 'ca-officer']);
    const other = await people.enrolWithCode('dan', ['administrator', 'ca-officer']);
    await people.takeTwo();
    const [cyd, dan] = [await signIn('cyd', code()), await signIn('dan', other())];
    const officer = {
      account_id: 'eve',
      name: 'Eve',
      roles: ['ca-officer'],
      reason: 'new officer',
      password,
      totp: true,
    };
    await isRefused(management.call('createAccount', cyd, officer), 409, 'approval_required');
    const asked = await management.call('requestApproval', cyd, {
      act: 'account.empower',
      parameters: { account_id: 'eve', roles: ['ca-officer'] },
      reason: 'new officer',
    });
    const { approval_id } = JSON.parse(asked.text);
    const granting = (headers: Record<string, string>) =>
      management.call('grantApproval', headers, { reason: 'met her' }, { approval_id });
    await isRefused(granting(cyd), 409, 'approval_invalid');
    await isRefused(granting(await tokenOf('dan', 'approval.read')), 403, 'not_authorized');
    assert.equal(JSON.parse((await granting(dan)).text).state, 'granted');
    const made = JSON.parse((await management.call('createAccount', cyd, officer)).text);
    assert.deepEqual([made.account_id, made.enrolled_by], ['eve', 'cyd']);
    assert.match(made.totp_uri, /^otpauth:/);
    assert.equal(JSON.parse((await management.call('listAccounts', dan)).text).accounts.length, 5);
    const token = JSON.parse(
      (await management.call('createToken', cyd, { permissions: ['order.read'], days: 1, reason: 'MES' }))
        .text,
    );
    const program = { authorization: `Bearer ${token.token}` };
    assert.deepEqual(JSON.parse((await management.call('whoAmI', program)).text).permissions, ['order.read']);
    await management.call('revokeToken', cyd, { reason: 'x' }, { token_id: token.token_id });
    await isRefused(management.call('whoAmI', program), 401, 'not_authenticated');
    const roles = { roles: ['auditor'], reason: 'moved' };
    assert.equal((await management.call('changeRoles', dan, roles, { account_id: 'eve' })).status, 200);
    assert.equal(
      (await management.call('disableAccount', dan, { reason: 'left' }, { account_id: 'eve' })).status,
      200,
    );
  });

  test('orders and devices over the API', async () => {
    const { people } = management;
    await people.enrol('lee', ['line-lead']);
    const checked = checkContract(gatewayText, 'gateway.yaml');
    await registerContract(people.core.ledger, signedIn('ada').actor, checked);
    const lee = await tokenOf('lee', 'order.manage', 'order.read', 'device.read');
    const order = {
      order_id: 'PO-1',
      contract_sha256: checked.sha256,
      sku: 'gateway-wifi',
      lot: 'L7',
      quantity: 3,
      scrap_allowance: 0,
      sites: ['berlin'],
      stations: [],
      opens_at: '2026-01-01T00:00:00.000Z',
      closes_at: '2027-01-01T00:00:00.000Z',
      ids: { source: 'generated', year: 2026, site: 'M1' },
    };
    const created = await management.call('createOrder', lee, order);
    assert.deepEqual([created.status, created.json], [200, { order_id: 'PO-1', allocated: 3, quota: 3 }]);
    const unknown = { ...order, order_id: 'PO-2', contract_sha256: '0'.repeat(64) };
    await isRefused(management.call('createOrder', lee, unknown), 404, 'unknown_contract');
    await isRefused(management.call('createOrder', lee, { ...order, more: 1 }), 400, 'bad_request');
    const found = JSON.parse(
      (await management.call('findDevices', lee, { order_id: 'PO-1', limit: 2 })).text,
    );
    assert.deepEqual([found.devices.length, found.next], [2, found.devices[1].device_id]);
    const device_id = found.devices[0].device_id as string;
    const shown = JSON.parse((await management.call('showDevice', lee, undefined, { device_id })).text);
    assert.deepEqual([shown.order_id, shown.history.length], ['PO-1', 1]);
    assert.equal(
      JSON.parse((await management.call('showOrder', lee, undefined, { order_id: 'PO-1' })).text).remaining,
      3,
    );
    const close = () => management.call('closeOrder', lee, { reason: 'done' }, { order_id: 'PO-1' });
    assert.equal((await close()).status, 200);
    await isRefused(close(), 409, 'order_closed');
    const [, closed] = [await people.entries('order.created'), await people.entries('order.closed')];
    assert.deepEqual(closed, [{ actor: 'lee', data: { order_id: 'PO-1', reason: 'done' } }]);
  });

  test('what is no request of this API is refused', async () => {
    const { port, agent } = management;
    const lee = await tokenOf('ada', 'order.read');
    const raw = (path: string, method = 'GET', headers = {}) =>
      ask({ port }, agent, { path, method, headers: { ...lee, ...headers } });
    await isRefused(raw('/v1/orders?limit=1'), 400, 'bad_request');
    await isRefused(raw('/v1/nothing'), 404, 'unknown_route');
    await isRefused(raw('/v1/orders', 'DELETE'), 404, 'unknown_route');
    await isRefused(raw('/v1/orders/a%2fb'), 400, 'bad_request');
    await isRefused(raw('/v1/orders', 'GET', { host: 'evil.example' }), 400, 'bad_request');
    await isRefused(raw('/v1/orders', 'GET', { authorization: 'Basic eDp5' }), 401, 'token_invalid');
  });

  test('the OpenAPI document names every route, its permission and its schemas', async () => {
    const { port, agent } = management;
    const { json } = await ask({ port }, agent, { path: '/v1/openapi.json', method: 'GET' });
    assert.deepEqual(json, JSON.parse(JSON.stringify(managementOpenApi())));
    const operations = Object.values((json as { paths: Record<string, object> }).paths).flatMap((path) =>
      Object.values(path).map((one: { operationId: string }) => one.operationId),
    );
    assert.deepEqual(operations.sort(), Object.keys(managementRoutes).sort());
  });
});
