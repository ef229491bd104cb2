/** The two acts of the lifecycle that take two people, each through its approval: without the call in the act its test is red. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { grantApproval, requestApproval } from '../access/approvals.ts';
import { openPeople, type People, signedIn } from '../access/people.test-kit.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import {
  append,
  attemptStarted,
  draft,
  intended,
  jobOpened,
  quarantined,
  transitioned,
  wholeWay,
} from '../ledger/history.test-kit.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { approvedInLog } from './approved.ts';
import { transitionDevice } from './transition.ts';
import { type ListRequest, transitionList } from './transition-list.ts';

const [id, second, third] = ['SN-00000001', 'SN-00000002', 'SN-00000003'] as const;
const core = { contracts: new ContractShelf(), approved: approvedInLog };

let people: People;
beforeEach(async () => {
  people = await openPeople();
  const { ledger } = people.core;
  await people.enrol('sue', ['shipping']);
  await people.enrol('lee', ['line-lead']);
  await append(
    ledger,
    draft(
      'order.ids-allocated',
      { order_id: 'o-1', device_ids: [second, third] },
      { kind: 'person', id: 'lee' },
    ),
  );
  for (const deviceId of [id, second]) {
    for (const entries of wholeWay(deviceId)) await append(ledger, ...entries);
    await append(ledger, transitioned(deviceId, 'manufactured', 'stocked'));
  }
  await append(ledger, jobOpened(third), attemptStarted(third), intended(third));
  await append(ledger, ...quarantined(third));
  await people.takeTwo();
});
afterEach(async () => {
  assert.deepEqual(await people.findings(), []);
  await people.close();
});

const ship = (change: Partial<ListRequest> = {}) =>
  transitionList(people.core.ledger, core, {
    by: { kind: 'person', id: 'sue' },
    to: 'shipped',
    reason: 'note 1',
    devices: [id, second].map((deviceId) => ({ deviceId, reason: null })),
    count: 2,
    dryRun: false,
    ...change,
  });

const release = () =>
  transitionDevice(people.core.ledger, core, {
    by: { kind: 'person', id: 'lee' },
    deviceId: third,
    to: 'released',
    reason: 'looked at it',
  });

/** Asks for exactly what the refusal said, and has it granted. */
async function approve(run: () => Promise<unknown>, first: string, other: string): Promise<void> {
  const refusal = await run().then(
    () => assert.fail('it was done by one person'),
    (error: unknown) => error,
  );
  if (!isImprintError(refusal, 'approval_required')) throw refusal;
  const { ledger, entropy } = people.core;
  const asked = { ...refusal.context, reason: 'as planned' } as Parameters<typeof requestApproval>[3];
  const { approval_id } = await requestApproval(ledger, entropy, signedIn(first), asked);
  await grantApproval(ledger, signedIn(other), approval_id, 'yes');
}

test('I-18: a list is shipped by two, under one approval that its first decision uses up', async () => {
  await approve(() => ship(), 'sue', 'lee');
  assert.equal((await ship()).moved, 2);
  assert.equal((await people.entries('approval.used')).length, 1);
  const moves = await people.entries('device.transitioned');
  assert.deepEqual(
    moves.slice(-2).map(({ actor, data }) => [actor, data.to]),
    [
      ['sue', 'shipped'],
      ['sue', 'shipped'],
    ],
  );
});

test('I-18: who shipped part of a list goes on with it, and with no other, until the approval runs out', async () => {
  await approve(() => ship(), 'sue', 'lee');
  let decisions = 0;
  const { ledger } = people.core;
  const breaking = {
    reader: ledger.reader,
    head: () => ledger.head(),
    submit: ((decide, time) =>
      decisions++ < 2
        ? ledger.submit(decide, time)
        : Promise.reject(new Error('killed'))) as typeof ledger.submit,
  };
  const devices = [id, second].map((deviceId) => ({ deviceId, reason: null }));
  const request = { by: { kind: 'person', id: 'sue' }, to: 'shipped', reason: 'note 1', devices } as const;
  await assert.rejects(transitionList(breaking, core, { ...request, count: 2, dryRun: false }), /killed/);
  const states = await ledger.reader.selectFrom('device').select('state').orderBy('device_id').execute();
  assert.deepEqual(states.map(({ state }) => state).sort(), ['quarantined', 'shipped', 'stocked']);

  await refuses(ship({ by: { kind: 'person', id: 'lee' } }), 'not_authorized');
  people.time.ms += limits.approvalLifeMs + 1;
  await refuses(ship(), 'approval_required');
  people.time.ms -= limits.approvalLifeMs + 1;
});

test('I-18: what of a list has not left when the approval runs out stays', async () => {
  await approve(() => ship(), 'sue', 'lee');
  const { ledger } = people.core;
  let decisions = 0;
  let before: Promise<unknown> = Promise.resolve();
  const slow = {
    reader: ledger.reader,
    head: () => ledger.head(),
    submit: (async (decide, time) => {
      const last = before;
      const isLate = decisions++ === 2;
      if (isLate) await last;
      if (isLate) people.time.ms += limits.approvalLifeMs + 1;
      const done = ledger.submit(decide, time);
      before = done;
      return done;
    }) as typeof ledger.submit,
  };
  const devices = [id, second].map((deviceId) => ({ deviceId, reason: null }));
  const by = { kind: 'person', id: 'sue' } as const;
  const request = { by, to: 'shipped', reason: 'note 1', devices, count: 2, dryRun: false } as const;
  const { moved, refused, outcomes } = await transitionList(slow, core, request);
  assert.deepEqual([moved, refused, outcomes[1]!.code], [1, 1, 'approval_required']);
});

test('I-18: a dry run and a single device take nobody else', async () => {
  assert.equal((await ship({ dryRun: true })).moved, 2);
  assert.equal((await ship({ devices: [{ deviceId: id, reason: null }], count: null })).moved, 1);
});

test('I-18: no way out of quarantine leads around the second person: a unit that was lost in between still takes two', async () => {
  const take = (to: 'lost' | 'quarantined' | 'returned') =>
    transitionDevice(people.core.ledger, core, {
      by: { kind: 'person', id: 'lee' },
      deviceId: third,
      to,
      reason: 'moved about',
    });
  await take('lost');
  await take('quarantined');
  await approve(() => take('returned'), 'lee', 'ben');
  assert.equal((await take('returned')).outcome, 'moved');
});

test('I-18: what a security code set aside is released by two', async () => {
  await approve(release, 'lee', 'ben');
  assert.equal((await release()).to, 'allocated');
  assert.equal((await people.entries('approval.used')).length, 1);
});
