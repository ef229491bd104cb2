/** A stolen CA key: what stops at once, what becomes of every unit, and that a stop anywhere is gone on from. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ImprintError } from '@imprint/contract/errors';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { inTwo } from '../access/two-people.test-kit.ts';
import { openIssuer } from '../issuing/issuer.ts';
import { type Line, openLine, TestUnit } from '../jobs/line.test-kit.ts';
import { deviceOf, entriesOf, refuses, Walk } from '../jobs/walk.test-kit.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { idsOf, lead, manufactured } from '../lifecycle/lifecycle.test-kit.ts';
import { certificateStatus } from '../revocation/certificate-status.ts';
import { issueDevice } from '../revocation/revocation.test-kit.ts';
import { addCa } from '../trust/cas.test-kit.ts';
import { type Ca, requireCa } from '../trust/cas.ts';
import { declareCompromised } from './declare.ts';
import { disown, recognise } from './disown.ts';
import { type Plan, type Planned, planOf } from './plan.ts';
import { openReplacements, replacementsFor } from './replacement-orders.ts';
import { revokeIssued } from './revoke-issued.ts';

const issuing = 'device-issuing';
const ids = idsOf(8);
const [inField, inStock, onLine, lateInField, returned, scrapped, atWork] = ids as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];
const generated = { id_source: 'generated' as const, quantity: 8 };

/** Units in every place, and the moment from which on the key may have been in other hands. */
async function lineWithUnits(): Promise<{ line: Line; since: string }> {
  const line = await openLine([...ids], generated, 16);
  for (const id of [inField, inStock, onLine, returned, scrapped]) await manufactured(line, id);
  await go(line, inField, 'stocked', 'shipped');
  line.pass(60_000);
  const since = line.core.clock().toISOString();
  line.pass(60_000);
  await manufactured(line, lateInField);
  return { line, since };
}

/** On from `manufactured`, by the log alone. */
async function go(line: Line, device_id: string, ...states: LifecycleState[]): Promise<void> {
  let from: LifecycleState = 'manufactured';
  for (const to of states) {
    await line.record({
      type: 'device.transitioned',
      actor: lead,
      data: { device_id, from, to, reason: 'so' },
    });
    from = to;
  }
}

const stateOf = async (line: Line, id: string) => (await deviceOf(line, id)).device.state;
const sumsOf = ({ outcomes }: Plan) => outcomes;

describe('a CA whose key was stolen', () => {
  let line: Line;
  let since = '';
  let ca: Ca;
  before(async () => {
    ({ line, since } = await lineWithUnits());
    await go(line, inStock, 'stocked');
    await go(line, lateInField, 'stocked', 'shipped');
    await go(line, returned, 'stocked', 'shipped', 'returned');
    await go(line, scrapped, 'scrapped');
  });
  after(() => line.close());
  const reader = () => line.core.ledger.reader;
  const declare = (change = {}) =>
    declareCompromised(line.core.ledger, lead, {
      caId: issuing,
      since,
      reason: 'the safe was open',
      ...change,
    });
  const revoking = async (ledger: Ledger = line.core.ledger) => {
    const plan = await planOf(reader(), ca, ca.compromised_since!);
    return revokeIssued(ledger, { by: lead, ca, plan, contracts: line.core.contracts });
  };

  test('the plan tells what would become of each unit, and writes nothing', async () => {
    const walk = await Walk.open(line, new TestUnit('at-work'), atWork);
    await walk.issue();
    const { size } = await line.core.ledger.head();
    const listed: Planned[] = [];
    const plan = await planOf(reader(), await requireCa(reader(), issuing), since, (page) =>
      listed.push(...page),
    );
    assert.deepEqual(sumsOf(plan), { 'certify-anew': 1, 'set-aside': 5, revoke: 1, revoked: 0 });
    const outcomes = new Map(listed.map(({ credential, outcome }) => [credential.device_id, outcome]));
    assert.deepEqual(
      [inField, inStock, onLine, lateInField, returned, scrapped, atWork].map((id) => outcomes.get(id)),
      ['certify-anew', 'set-aside', 'set-aside', 'set-aside', 'set-aside', 'revoke', 'set-aside'],
    );
    assert.equal((await line.core.ledger.head()).size, size);
  });

  test('nothing is revoked before it is declared, and what is yet to come is no moment for it', async () => {
    ca = await requireCa(reader(), issuing);
    const plan = await planOf(reader(), ca, since);
    await refuses(
      revokeIssued(line.core.ledger, { by: lead, ca, plan, contracts: line.core.contracts }),
      'ca_not_active',
    );
    await refuses(declare({ since: '2031-01-01T00:00:00.000Z' }), 'bad_request');
    await refuses(declare({ caId: 'device-none' }), 'unknown_ca');
  });

  test('declared, it certifies nobody from the next decision on, and tells of revocation on', async () => {
    ca = await declare();
    assert.equal(ca.status, 'compromised');
    const late = await Walk.open(line, new TestUnit('late'), ids[7]!);
    await refuses(late.issue(), 'ca_missing');
    const telling = await line.core.issuers.telling(reader(), ['device']);
    assert.deepEqual(
      telling.map(({ certificate }) => certificate.sha256),
      [ca.certificate_sha256],
    );
  });

  test('the moment only ever goes back', async () => {
    const earlier = new Date(Date.parse(since) - 1_000).toISOString();
    assert.equal((await declare({ since: earlier })).compromised_since, earlier);
    const { size } = await line.core.ledger.head();
    assert.equal((await declare()).compromised_since, earlier);
    assert.equal((await line.core.ledger.head()).size, size);
    ca = await requireCa(reader(), issuing);
  });

  test('I-24: broken off after any unit, the next run goes on, and each is revoked and set aside once', async () => {
    let left = 3;
    const failing: Ledger = {
      reader: reader(),
      head: () => line.core.ledger.head(),
      submit: (decide, time) =>
        left-- > 0 ? line.core.ledger.submit(decide, time) : Promise.reject(new Error('killed')),
    };
    await assert.rejects(revoking(failing), /killed/);
    const done = await planOf(reader(), ca, since);
    assert.equal(done.outcomes.revoked, 2);
    assert.equal(await revoking(), 5);
    assert.equal(await revoking(), 0);
    const { outcomes } = await planOf(reader(), ca, since);
    assert.deepEqual(outcomes, { 'certify-anew': 0, 'set-aside': 0, revoke: 0, revoked: 7 });
    assert.equal((await entriesOf(line, 'credential.revoked')).length, 7);
    assert.deepEqual(await Promise.all([...ids.slice(0, 7)].map((id) => stateOf(line, id))), [
      'shipped',
      'quarantined',
      'quarantined',
      'quarantined',
      'quarantined',
      'scrapped',
      'quarantined',
    ]);
  });

  test('what the log does not know is disowned once, and OCSP has it revoked', async () => {
    const thief = openIssuer(ca.certificate!, line.signer, 'dev');
    const forged = await issueDevice(thief, { organization: 'Example' }, line.core.clock());
    const stranger = await issueDevice(await ownIssuer(line), {}, line.core.clock());
    const logged = (await reader().selectFrom('credential').select('certificate').executeTakeFirstOrThrow())
      .certificate!;
    const seen = await recognise(reader(), ca, [
      forged.certificate,
      stranger.certificate,
      logged,
      new Uint8Array([0x30, 0]),
    ]);
    assert.deepEqual(
      seen.map(({ recognised }) => recognised),
      ['unknown', 'other', 'known', 'unreadable'],
    );
    assert.equal((await certificateStatus(reader(), ca.certificate_sha256!, forged.serial)).kind, 'unknown');
    assert.equal(await disown(line.core.ledger, lead, ca, seen), 1);
    assert.equal(await disown(line.core.ledger, lead, ca, seen), 0);
    assert.equal((await certificateStatus(reader(), ca.certificate_sha256!, forged.serial)).kind, 'revoked');
  });

  test('an order is opened in the place of each that lost units, once, of as many units', async () => {
    assert.deepEqual(
      (await replacementsFor(reader(), ca)).map(({ order_id, units }) => [order_id, units]),
      [['order-1', 5]],
    );
    const terms = { by: lead, ca, days: 30 };
    const [first] = await openReplacements(line.core.ledger, line.core, terms);
    assert.deepEqual([first?.outcome, first?.message], ['opened', null]);
    const [again] = await openReplacements(line.core.ledger, line.core, terms);
    assert.equal(again?.outcome, 'before');
    const order = await reader()
      .selectFrom('production_order')
      .selectAll()
      .where('order_id', '=', first!.replacement_id)
      .executeTakeFirstOrThrow();
    assert.deepEqual([order.quantity, order.scrap_allowance, order.sku], [5, 0, 'gateway-wifi']);
  });
});

async function ownIssuer(line: Line) {
  const ca = await addCa(line, 'device-site-1', { site: 'site-1' });
  return openIssuer(ca.certificate!, line.signers.get('device-site-1')!, 'dev');
}

test('I-18: one person stops the CA, and two revoke what it certified', async () => {
  const line = await openLine([...ids], generated, 16);
  const ledger = await inTwo(line.core.ledger, line.core.entropy);
  await manufactured(line, inStock);
  await line.core.ledger.submit(async () => ({
    entries: [
      {
        type: 'policy.changed',
        actor: lead,
        data: { approvals: 'required', order_limit: null, site_limits: {}, reason: 'two people' },
      },
    ],
    reply: () => undefined,
  }));
  const ada = { kind: 'person', id: 'ada' } as const;
  const since = line.core.clock().toISOString();
  const ca = await declareCompromised(line.core.ledger, ada, { caId: issuing, since, reason: 'stolen' });
  const plan = await planOf(line.core.ledger.reader, ca, since);
  const order = { by: ada, ca, plan, contracts: line.core.contracts };
  await assert.rejects(
    revokeIssued(line.core.ledger, order),
    (error) => error instanceof ImprintError && error.code === 'approval_required',
  );
  assert.equal((await entriesOf(line, 'credential.revoked')).length, 0);
  assert.equal(await revokeIssued(ledger, order), 1);
  await line.close();
});
