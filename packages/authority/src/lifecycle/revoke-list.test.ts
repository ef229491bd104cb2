/** Many certificates revoked by one act (I-18): counted, by two, under one approval; what broke off goes on, and nothing is revoked twice. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { ListedCredential } from '@imprint/contract/api/credentials';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { grantApproval, requestApproval } from '../access/approvals.ts';
import { openPeople, type People, signedIn } from '../access/people.test-kit.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { append, draft, h, wholeWay } from '../ledger/history.test-kit.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { approvedInLog } from './approved.ts';
import { parseRevocationList, type RevokeListRequest, revokeList } from './revoke-list.ts';

const [first, second, third] = ['SN-00000001', 'SN-00000002', 'SN-00000003'] as const;
const serialOf = (id: string) => h(id).slice(0, 32);
const both: ListedCredential[] = [{ device_id: first }, { serial: serialOf(second) }];

describe('a list of revocations', () => {
  let people: People;
  beforeEach(async () => {
    people = await openPeople();
    const more = { order_id: 'o-1', device_ids: [second, third] };
    await append(people.core.ledger, draft('order.ids-allocated', more, { kind: 'person', id: 'ada' }));
    for (const id of [first, second]) {
      for (const entries of wholeWay(id)) await append(people.core.ledger, ...entries);
    }
    await people.takeTwo();
  });
  afterEach(async () => {
    assert.deepEqual(await people.findings(), []);
    await people.close();
  });

  const revoke = (change: Partial<RevokeListRequest> = {}, through: Ledger = people.core.ledger) =>
    revokeList(through, approvedInLog, {
      by: { kind: 'person', id: 'ada' },
      reason: 'key-compromise',
      credentials: both,
      count: 2,
      dryRun: false,
      ...change,
    });
  const revoked = async () => (await people.entries('credential.revoked')).map(({ data }) => data.serial);

  async function approve(run: () => Promise<unknown>): Promise<void> {
    const refusal = await run().then(
      () => assert.fail('it was done by one person'),
      (error: unknown) => error,
    );
    if (!isImprintError(refusal, 'approval_required')) throw refusal;
    const { ledger, entropy } = people.core;
    const asked = { ...refusal.context, reason: 'keys leaked' } as Parameters<typeof requestApproval>[3];
    const { approval_id } = await requestApproval(ledger, entropy, signedIn('ada'), asked);
    await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
  }

  test('I-18: a list is revoked by two, under one approval, and the same list again revokes nothing more', async () => {
    await approve(() => revoke());
    assert.deepEqual(await revoked(), []);
    const done = await revoke();
    assert.deepEqual([done.revoked, done.before, done.refused, done.certificates], [2, 0, 0, 2]);
    assert.deepEqual((await revoked()).sort(), [first, second].map(serialOf).sort());
    const { size } = await people.core.ledger.head();
    const again = await revoke();
    assert.deepEqual([again.revoked, again.before, again.certificates], [0, 2, 0]);
    assert.equal((await people.core.ledger.head()).size, size);
    assert.equal((await people.entries('approval.used')).length, 1);
  });

  test('I-18: the approval is for this list and reason, by this person, until it runs out', async () => {
    await approve(() => revoke());
    await refuses(revoke({ reason: 'superseded' }), 'approval_required');
    await refuses(
      revoke({ credentials: [{ device_id: second }, { device_id: first }] }),
      'approval_required',
    );
    await refuses(revoke({ by: { kind: 'person', id: 'ben' } }), 'approval_required');
    let decisions = 0;
    const breaking: Ledger = {
      reader: people.core.ledger.reader,
      head: () => people.core.ledger.head(),
      submit: (decide, time) =>
        decisions++ < 2 ? people.core.ledger.submit(decide, time) : Promise.reject(new Error('killed')),
    };
    await assert.rejects(revoke({}, breaking), /killed/);
    assert.deepEqual(await revoked(), [serialOf(first)]);
    people.time.ms += limits.approvalLifeMs + 1;
    await refuses(revoke(), 'approval_required');
    people.time.ms -= limits.approvalLifeMs + 1;
    const rest = await revoke();
    assert.deepEqual([rest.revoked, rest.before], [1, 1]);
  });

  test('I-18: a list ends with its approval, also in the middle', async () => {
    await approve(() => revoke());
    const { ledger } = people.core;
    let decisions = 0;
    let last: Promise<unknown> = Promise.resolve();
    const slow: Ledger = {
      reader: ledger.reader,
      head: () => ledger.head(),
      submit: (decide, time) => {
        const run = last.then(() => {
          if (decisions++ === 2) people.time.ms += limits.approvalLifeMs + 1;
          return ledger.submit(decide, time);
        });
        last = run.catch(() => undefined);
        return run;
      },
    };
    await refuses(revoke({}, slow), 'approval_required');
    assert.deepEqual(await revoked(), [serialOf(first)]);
  });

  test('a dry run and a single line take nobody else; a dry run writes nothing', async () => {
    const { size } = await people.core.ledger.head();
    const dry = await revoke({ dryRun: true, count: null });
    assert.deepEqual([dry.revoked, dry.certificates], [2, 2]);
    assert.equal((await people.core.ledger.head()).size, size);
    assert.equal((await revoke({ credentials: [{ device_id: first }], count: null })).revoked, 1);
    assert.deepEqual(await revoked(), [serialOf(first)]);
  });

  test('a line that names nothing is refused by itself; a list that is not as counted is refused whole', async () => {
    await refuses(revoke({ count: 3 }), 'count_wrong');
    await refuses(revoke({ count: null }), 'bad_request', /how many lines/);
    await refuses(
      revoke({ credentials: [{ device_id: first }, { device_id: first }] }),
      'bad_request',
      /twice/,
    );
    await refuses(revoke({ credentials: [], count: null }), 'bad_request');
    const credentials: ListedCredential[] = [...both, { device_id: third }, { serial: '00' }];
    const mixed = { credentials, count: 4 };
    await approve(() => revoke(mixed));
    const done = await revoke(mixed);
    assert.deepEqual([done.revoked, done.refused], [2, 2]);
    assert.deepEqual(
      done.outcomes.map(({ device_id, serial, outcome, code }) => [device_id, serial, outcome, code]),
      [
        [first, null, 'revoked', null],
        [null, serialOf(second), 'revoked', null],
        [third, null, 'refused', 'bad_request'],
        [null, '00', 'refused', 'bad_request'],
      ],
    );
  });
});

test('a file names serials, or devices; a line alone is a device', () => {
  const parse = (text: string) => parseRevocationList(text, 'r.csv');
  assert.deepEqual(parse('GW-1\n0a0b\n'), [{ device_id: 'GW-1' }, { device_id: '0a0b' }]);
  assert.deepEqual(parse('serial\n0a0b\n'), [{ serial: '0a0b' }]);
  assert.deepEqual(parse('device_id,serial\nGW-1,0a0b\n'), [{ serial: '0a0b' }]);
  assert.deepEqual(parse('note,device_id\nx,GW-1\n'), [{ device_id: 'GW-1' }]);
  for (const text of ['serial\n0A0B\n', 'serial\n0a0\n', 'serial\n', 'serial\n0a0b\n0a0b\n']) {
    assert.throws(() => parse(text), { code: 'file_invalid' });
  }
});
