/** The acts of I-18 that there are, each through its approval: without the call in the act, its test here is red. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { ApprovalAct } from '@imprint/contract/approval-act';
import { isImprintError } from '@imprint/contract/errors';
import { refuses } from '../jobs/walk.test-kit.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { checkContract, registerContract } from '../registry/contracts.ts';
import { approvedTimes } from '../registry/large-order.ts';
import { createOrder, type OrderRequest } from '../registry/orders.ts';
import { raiseQuota } from '../registry/raise-quota.ts';
import { requestCa } from '../trust/cas.ts';
import { actingLedger } from './acting-ledger.ts';
import { createToken } from './api-tokens.ts';
import { grantApproval, requestApproval } from './approvals.ts';
import type { Who } from './authorize.ts';
import { openPeople, type People, signedIn } from './people.test-kit.ts';
import { orderLimit } from './policy.ts';
import { tokenHolder } from './sign-in.ts';

const gateway = checkContract(
  readFileSync(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url), 'utf8'),
  'gateway.yaml',
);
const ada = { kind: 'person', id: 'ada' } as const;
const lead = { kind: 'person', id: 'lee' } as const;

function request(change: Partial<OrderRequest> = {}): OrderRequest {
  return {
    orderId: 'PO-1',
    sku: 'gateway-wifi',
    lot: 'lot-1',
    quantity: 8,
    scrapAllowance: 2,
    sites: ['berlin'],
    stations: [],
    opensAt: '2026-01-01T00:00:00.000Z',
    closesAt: '2027-01-01T00:00:00.000Z',
    ids: { source: 'generated', site: 'M1', year: 2026 },
    ...change,
  };
}

describe('acts of two people', () => {
  let people: People;
  beforeEach(async () => {
    people = await openPeople();
    await people.enrol('lee', ['line-lead']);
    await people.enrol('mia', ['line-lead', 'ca-officer']);
    await people.takeTwo({ order_limit: 100, site_limits: { berlin: 9, ulm: 500 } });
  });
  afterEach(async () => {
    assert.deepEqual(await people.findings(), []);
    await people.close();
  });

  /** Runs the act; where it asks for a second person, asks for exactly what it said, has it granted, and runs it again. */
  async function inTwo<T>(act: ApprovalAct, by: string, run: () => Promise<T>): Promise<T> {
    const { ledger, entropy } = people.core;
    const refusal = await run().then(
      () => assert.fail(`${act} was done by one person`),
      (error: unknown) => error,
    );
    if (!isImprintError(refusal, 'approval_required')) throw refusal;
    assert.equal(refusal.context.act, act);
    const { parameters } = refusal.context;
    const asked = { act, parameters, reason: 'as planned' };
    const { approval_id } = await requestApproval(ledger, entropy, signedIn(by), asked);
    await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
    return run();
  }

  const create = (change?: Partial<OrderRequest>) =>
    createOrder(people.core.ledger, people.core.entropy, lead, gateway, request(change));
  const register = () => registerContract(people.core.ledger, ada, gateway);

  test('I-18: a contract is registered by two', async () => {
    const { isNew } = await inTwo('contract.register', 'ada', register);
    assert.equal(isNew, true);
    assert.equal((await register()).isNew, false);
  });

  test('I-18: an order brings no contract along that nobody approved', async () => {
    await refuses(create({ quantity: 1, scrapAllowance: 0 }), 'not_authorized', /contract\.register/);
  });

  test('I-10: nor does a token for orders bring one, though its person may register contracts and a second one agreed', async () => {
    const { core } = people;
    const { token } = await createToken(core, signedIn('mia'), {
      permissions: ['order.manage'],
      days: 1,
      reason: 'MES',
    });
    const mia = { kind: 'person', id: 'mia' } as const;
    const by = async (who: Who) =>
      createOrder(actingLedger(core.ledger, who, 'order.manage'), core.entropy, mia, gateway, request());
    const program = await tokenHolder(core, token);
    const asked = {
      act: 'contract.register',
      parameters: {
        product: 'gateway',
        revision: gateway.contract.revision,
        contract_sha256: gateway.sha256,
      },
      reason: 'new',
    } as const;
    const { approval_id } = await requestApproval(core.ledger, core.entropy, signedIn('mia'), asked);
    await grantApproval(core.ledger, signedIn('ben'), approval_id, 'yes');
    await refuses(by(program), 'not_authorized', /mia does not have the permission contract\.register/);
    // the account itself is past the contract, and waits for who agrees with so large an order
    await refuses(by(signedIn('mia')), 'approval_required', /order\.open/);
  });

  test('I-18: an order above its site’s limit is opened by two, one within it by one', async () => {
    await inTwo('contract.register', 'ada', register);
    await create({ orderId: 'PO-0', quantity: 8, scrapAllowance: 1 });
    const stand = await inTwo('order.open', 'lee', create);
    assert.deepEqual(stand, { order_id: 'PO-1', allocated: 10, quota: 10 });
    await refuses(create({ orderId: 'PO-2' }), 'approval_required');
  });

  test('I-18: a quota is raised by two, however small the order, and once under one approval', async () => {
    await inTwo('contract.register', 'ada', register);
    await create({ quantity: 1, scrapAllowance: 0 });
    const raise = (quantity: number) =>
      raiseQuota(people.core.ledger, { contracts: new ContractShelf(), entropy: people.core.entropy }, lead, {
        order_id: 'PO-1',
        quantity,
        scrap_allowance: 0,
        reason: 'more',
      });
    const stand = await inTwo('order.raise-quota', 'lee', () => raise(2));
    assert.deepEqual(stand, { order_id: 'PO-1', allocated: 2, quota: 2 });
    // said again it is done already; another number is another act
    assert.deepEqual(await raise(2), stand);
    await refuses(raise(3), 'approval_required');
  });

  test('I-18: an intermediate is asked for by two, with its key', async () => {
    const ca = {
      ca_id: 'device-ulm',
      kind: 'device' as const,
      subject: 'Device Issuing CA ulm',
      public_key_sha256: 'a'.repeat(64),
      scope: { product: null, site: 'ulm', year: null },
      crl_partitions: 1,
      replaces: null,
    };
    await inTwo('ca.create-intermediate', 'ada', () => requestCa(people.core.ledger, ada, ca));
    assert.deepEqual((await people.entries('ca.requested')).at(-1), { actor: 'ada', data: ca });
    const other = {
      ...ca,
      ca_id: 'device-b',
      scope: { ...ca.scope, site: 'b' },
      public_key_sha256: 'b'.repeat(64),
    };
    await refuses(requestCa(people.core.ledger, ada, other), 'approval_required');
    await refuses(requestCa(people.core.ledger, lead, other), 'not_authorized');
  });

  test('I-18: a station’s site counts, and one that nobody knows yet may stand at any', async () => {
    await inTwo('contract.register', 'ada', register);
    await refuses(create({ sites: [], stations: ['st-1'] }), 'approval_required');
    await refuses(create({ sites: ['ulm'], stations: ['st-9'] }), 'approval_required');
    await create({ sites: ['ulm'] });
  });

  test('the times of an order that opens at once are those that were asked for', async () => {
    await inTwo('contract.register', 'ada', register);
    const { ledger, entropy, clock } = people.core;
    const at = clock().toISOString();
    assert.equal(await approvedTimes(ledger.reader, 'lee', 'PO-1', at), undefined);
    const refusal = await create().catch((error: unknown) => error);
    assert.ok(isImprintError(refusal, 'approval_required'));
    const asked = { act: 'order.open', parameters: refusal.context.parameters, reason: 'x' } as const;
    await requestApproval(ledger, entropy, signedIn('lee'), asked);
    const times = await approvedTimes(ledger.reader, 'lee', 'PO-1', at);
    assert.deepEqual([times!.opens_at, times!.closes_at], [request().opensAt, request().closesAt]);
    assert.equal(await approvedTimes(ledger.reader, 'ada', 'PO-1', at), undefined);
  });
});

test('the smallest limit that applies is the one', () => {
  const policy = (order_limit: number | null, site_limits: Record<string, number>) =>
    ({ approvals: 'required', order_limit, site_limits }) as const;
  assert.equal(orderLimit(policy(null, {}), ['a']), null);
  assert.equal(orderLimit(policy(10, {}), ['a']), 10);
  assert.equal(orderLimit(policy(10, { a: 20 }), ['a']), 20);
  assert.equal(orderLimit(policy(10, { a: 20 }), ['a', 'b']), 10);
  assert.equal(orderLimit(policy(null, { a: 20, b: 5 }), ['a', 'b']), 5);
  assert.equal(orderLimit(policy(10, { a: 20 }), []), 10);
});
