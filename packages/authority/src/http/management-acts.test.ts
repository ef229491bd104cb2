/** What people and programs do over the management API: each act under its permission, asked at the door and in the act's own decision. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { transitionPermissions, transitionTarget } from '@imprint/contract/api/lifecycle';
import type { ManagementRouteName } from '@imprint/contract/api/management';
import type { Permission } from '@imprint/contract/permission';
import { createToken } from '../access/api-tokens.ts';
import type { Who } from '../access/authorize.ts';
import { signedIn } from '../access/people.test-kit.ts';
import { tokenHolder } from '../access/sign-in.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { append, caEntries, draft, h, wholeWay } from '../ledger/history.test-kit.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { type Management, openManagement } from './management.test-kit.ts';
import { managementHandlers } from './management-handlers.ts';

const password = 'correct horse battery staple';
const [first, second] = ['SN-00000001', 'SN-00000002'] as const;
const serialOf = (id: string) => h(id).slice(0, 32);

describe('acts over the management API', () => {
  let management: Management;
  beforeEach(async () => {
    management = await openManagement();
    const { people } = management;
    await people.enrol('sue', ['shipping']);
    await people.enrol('sam', ['support']);
    await people.enrol('otto', ['operator']);
    await people.enrol('lee', ['line-lead']);
    const more = { order_id: 'o-1', device_ids: [second] };
    await append(people.core.ledger, draft('order.ids-allocated', more, { kind: 'person', id: 'lee' }));
    for (const id of [first, second]) {
      for (const entries of wholeWay(id)) await append(people.core.ledger, ...entries);
    }
  });
  afterEach(async () => {
    assert.deepEqual(management.faults, []);
    assert.deepEqual(await management.people.findings(), []);
    await management.close();
  });

  const secretOf = async (id: string, ...permissions: Permission[]) => {
    const asked = { permissions, days: 1, reason: 'x' };
    return (await createToken(management.people.core, signedIn(id), asked)).token;
  };
  const tokenOf = async (id: string, ...permissions: Permission[]) => ({
    authorization: `Bearer ${await secretOf(id, ...permissions)}`,
  });
  const call: Management['call'] = (...args) => management.call(...args);
  const done = async (...args: Parameters<Management['call']>) => {
    const answer = await call(...args);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
  };
  const refused = async (code: string, ...args: Parameters<Management['call']>) => {
    const { status, text } = await call(...args);
    assert.equal(JSON.parse(text).code, code, `${status} ${text}`);
    return JSON.parse(text);
  };
  const state = async (device_id: string) =>
    (await done('showDevice', await tokenOf('otto', 'device.read'), undefined, { device_id })).state;
  const move = (device_id: string, to: string, reason: string | null = null) => ({ device_id, to, reason });

  /** Asks for what the refusal says, over the API, and has it granted by ben. */
  async function approve(problem: { approval: object }, headers: Record<string, string>): Promise<void> {
    const asked = { ...problem.approval, reason: 'as planned' };
    const { approval_id } = await done('requestApproval', headers, asked);
    const { core } = management.people;
    const handlers = managementHandlers({ ...core, organization: 'x', contracts: new ContractShelf() });
    const who = signedIn('ben');
    const params = { approval_id };
    const granted = await handlers.grantApproval({
      ...{ request: { reason: 'yes' }, who, params, address: '', setSession: () => {} },
    });
    assert.equal(granted.state, 'granted');
  }

  test('a device moves under the permission of where it goes, and no other', async () => {
    const reading = await tokenOf('otto', 'device.read', 'order.read');
    for (const to of transitionTarget.options) {
      await refused('not_authorized', 'moveDevice', reading, move(first, to, 'x'));
      const list = {
        to,
        reason: 'x',
        devices: [{ device_id: first, reason: null }],
        count: 1,
        dry_run: true,
      };
      await refused('not_authorized', 'moveDevices', reading, list);
    }
    const shipping = await tokenOf('sue', 'device.ship');
    assert.deepEqual(await done('moveDevice', shipping, move(first, 'stocked')), {
      ...{ device_id: first, from: 'manufactured', to: 'stocked', outcome: 'moved' },
    });
    await refused('not_authorized', 'moveDevice', shipping, move(first, 'scrapped', 'x'));
    const service = await tokenOf('sam', 'device.service');
    await refused('not_authorized', 'moveDevice', service, move(first, 'shipped'));
    await done('moveDevice', service, move(first, 'quarantined', 'label looks copied'));
    await refused('not_authorized', 'moveDevice', service, move(first, 'released', 'x'));
    const release = await tokenOf('lee', 'device.release');
    assert.equal((await done('moveDevice', release, move(first, 'released', 'looked'))).to, 'stocked');
    const moves = await management.people.entries('device.transitioned');
    assert.deepEqual(
      moves.slice(-3).map(({ actor, data }) => [actor, data.to]),
      [
        ['sue', 'stocked'],
        ['sam', 'quarantined'],
        ['lee', 'stocked'],
      ],
    );
    await refused('transition_refused', 'moveDevice', shipping, move(second, 'shipped'));
    await refused('bad_request', 'moveDevice', shipping, move(first, 'manufactured'));
  });

  test('I-18: a list is shipped by two over the API, which says what to ask a second person for', async () => {
    await management.people.takeTwo();
    const sue = await tokenOf('sue', 'device.ship');
    const devices = [first, second].map((device_id) => ({ device_id, reason: null }));
    const stock = { to: 'stocked', reason: null, devices, count: null, dry_run: false };
    assert.equal((await done('moveDevices', sue, stock)).moved, 2);
    const ship = { ...stock, to: 'shipped', reason: 'note 1', count: 2 };
    assert.equal((await done('moveDevices', sue, { ...ship, dry_run: true })).moved, 2);
    assert.equal(await state(first), 'stocked');
    await refused('count_wrong', 'moveDevices', sue, { ...ship, count: 3 });
    const problem = await refused('approval_required', 'moveDevices', sue, ship);
    assert.deepEqual(problem.approval.act, 'device.ship-bulk');
    await approve(problem, sue);
    const shipped = await done('moveDevices', sue, ship);
    assert.deepEqual([shipped.moved, shipped.dry_run, shipped.outcomes.length], [2, false, 2]);
    assert.equal(await state(second), 'shipped');
  });

  test('I-18: a quota is raised by two over the API', async () => {
    await management.people.takeTwo();
    const lee = await tokenOf('lee', 'order.manage');
    const more = { quantity: 9, scrap_allowance: 1, reason: 'more are wanted' };
    const params = { order_id: 'o-1' };
    await refused('not_authorized', 'raiseQuota', await tokenOf('lee', 'order.read'), more, params);
    await approve(await refused('approval_required', 'raiseQuota', lee, more, params), lee);
    assert.deepEqual(await done('raiseQuota', lee, more, params), {
      ...{ order_id: 'o-1', allocated: 2, quota: 10 },
    });
    await refused('bad_request', 'raiseQuota', lee, { ...more, quantity: 8 }, params);
  });

  test('I-18: one certificate is revoked by one, several by two, and the answer says by when it shows', async () => {
    await management.people.takeTwo();
    const ada = await tokenOf('ada', 'credential.revoke');
    const one = await done('revokeCredential', ada, { serial: serialOf(first), reason: 'key-compromise' });
    assert.deepEqual(one.revoked, [serialOf(first)]);
    assert.match(one.visible_by, /Z$/);
    await refused('bad_request', 'revokeCredential', ada, { reason: 'key-compromise' });
    await refused('bad_request', 'revokeCredential', ada, { serial: serialOf(first), reason: 'lost' });
    const credentials = [{ device_id: first }, { serial: serialOf(second) }];
    const list = { reason: 'key-compromise', credentials, expect_count: 2, dry_run: false };
    const problem = await refused('approval_required', 'revokeCredentials', ada, list);
    await approve(problem, ada);
    const result = await done('revokeCredentials', ada, list);
    assert.deepEqual([result.revoked, result.before, result.certificates], [1, 1, 1]);
    await refused(
      'transition_refused',
      'moveDevice',
      await tokenOf('sue', 'device.ship'),
      move(first, 'stocked'),
    );
  });

  test('CAs are listed with scope and certificate', async () => {
    await append(management.people.core.ledger, ...caEntries('first'));
    const { cas } = await done('listCas', await tokenOf('otto', 'ca.read'));
    assert.deepEqual(
      [cas.at(-1).ca_id, cas.at(-1).scope, cas.at(-1).status],
      ['device-first', { product: 'gateway', site: 'berlin', year: 2026 }, 'active'],
    );
    await refused('not_authorized', 'listCas', await tokenOf('sue', 'device.read'));
  });

  test('I-11: who is signed in changes their password, and that session is over; a token does not', async () => {
    const { people } = management;
    const code = await people.enrolWithCode('cyd', ['line-lead']);
    const signIn = async (by: string) => {
      people.time.ms += 30_000;
      return call('signIn', {}, { account_id: 'cyd', password: by, code: code() });
    };
    const entered = await signIn(password);
    const cookie = { cookie: String(entered.headers['set-cookie']).split(';')[0]! };
    const change = (by = password) => {
      people.time.ms += 30_000;
      return { password: by, code: code(), new_password: 'another sentence of words' };
    };
    await refused('not_authorized', 'changePassword', await tokenOf('cyd', 'order.read'), change());
    await refused('login_refused', 'changePassword', cookie, change('something that is wrong'));
    await refused('login_refused', 'changePassword', cookie, { ...change(), code: undefined });
    const answer = await call('changePassword', cookie, change());
    assert.deepEqual(
      [answer.status, answer.json],
      [200, { account_id: 'cyd', sessions_ended: 1 }],
      answer.text,
    );
    assert.match(String(answer.headers['set-cookie']), /Max-Age=0/);
    await refused('not_authenticated', 'whoAmI', cookie);
    assert.equal((await signIn(password)).status, 401);
    assert.equal((await signIn('another sentence of words')).status, 200);
  });

  test('each act asks for its permission once more in its own decision, whoever let the request in', async () => {
    const { core } = management.people;
    const handlers = managementHandlers({ ...core, organization: 'x', contracts: new ContractShelf() });
    const who: Who = await tokenHolder(core, await secretOf('ada', 'device.read'));
    const list = { count: 1, dry_run: false, reason: 'x' };
    const requests: Partial<Record<ManagementRouteName, object>> = {
      closeOrder: { reason: 'x' },
      raiseQuota: { quantity: 9, scrap_allowance: 1, reason: 'x' },
      revokeCredential: { serial: serialOf(first), reason: 'superseded' },
      revokeCredentials: {
        ...{ reason: 'superseded', credentials: [{ device_id: first }], expect_count: 1, dry_run: false },
      },
    };
    const given = { who, params: { order_id: 'o-1' }, address: '', setSession: () => {} };
    const refusedIn = (name: ManagementRouteName, request: object) =>
      refuses(
        (async (): Promise<unknown> => handlers[name]({ ...given, request } as never))(),
        'not_authorized',
      );
    for (const [name, request] of Object.entries(requests)) {
      await refusedIn(name as ManagementRouteName, request);
    }
    for (const to of Object.keys(transitionPermissions)) {
      await refusedIn('moveDevice', move(first, to, 'x'));
      await refusedIn('moveDevices', { ...list, to, devices: [{ device_id: first, reason: null }] });
    }
    const moved = await management.people.entries('device.transitioned');
    assert.deepEqual([...new Set(moved.map(({ actor }) => actor))], ['st-1']);
  });
});
