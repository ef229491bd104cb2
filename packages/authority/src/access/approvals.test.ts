import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parametersOf } from '@imprint/contract/approval-parameters';
import { limits } from '@imprint/contract/limits';
import { refuses } from '../jobs/walk.test-kit.ts';
import { append, draft } from '../ledger/history.test-kit.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { changeRoles, disableAccount } from './accounts.ts';
import { createToken } from './api-tokens.ts';
import {
  expireApprovals,
  grantApproval,
  listApprovals,
  refuseApproval,
  requestApproval,
} from './approvals.ts';
import { changePolicy } from './change-policy.ts';
import { home, openPeople, type People, signedIn } from './people.test-kit.ts';
import { requireApproval } from './require-approval.ts';
import { openSession, sessionHolder, tokenHolder } from './sign-in.ts';

const device = { device_id: 'SN-00000001' };
const ask = { act: 'debug.exception', parameters: device, reason: 'field trial' } as const;

/** The act itself: what it would write is an alarm. */
function act(ledger: Ledger, by: string, parameters = device): Promise<string> {
  return ledger.submit(async (reading) => {
    const actor = { kind: 'person', id: by } as const;
    const approved = await requireApproval(reading, 'debug.exception', parameters, actor);
    const data = { kind: 'clock', subject: 'act', detail: 'it is done' } as const;
    return { entries: [...approved, { type: 'alarm.raised', actor, data }], reply: () => 'done' };
  });
}

describe('approvals', () => {
  let people: People;
  let ledger: Ledger;
  beforeEach(async () => {
    people = await openPeople();
    ledger = people.core.ledger;
    // ada -> dan -> eve, ben -> fay, and gus is nobody's
    await people.enrol('gus', ['ca-officer']);
    await people.enrol('dan', ['administrator', 'ca-officer'], signedIn('ada'));
    await people.enrol('eve', ['ca-officer'], signedIn('dan'));
    await people.enrol('fay', ['ca-officer'], signedIn('ben'));
    await people.enrol('hal', ['auditor', 'line-lead'], signedIn('ben'));
    await people.takeTwo();
  });
  afterEach(async () => {
    assert.deepEqual(await people.findings(), []);
    await people.close();
  });

  const requested = async (by = 'ada', lifeMs = limits.approvalLifeMs) =>
    (await requestApproval(ledger, people.core.entropy, signedIn(by), { ...ask, lifeMs })).approval_id;
  const granted = async (by = 'ada', second = 'ben') => {
    const id = await requested(by);
    await grantApproval(ledger, signedIn(second), id, 'seen');
    return id;
  };
  const stateOf = async (id: string) =>
    (await listApprovals(ledger.reader, people.core.clock().toISOString(), { waiting: false })).find(
      (row) => row.approval_id === id,
    )?.state;

  test('I-18: an act waits for its second person, is done once, and the log says who, when and why', async () => {
    await refuses(act(ledger, 'ada'), 'approval_required', /takes a second person/);
    const id = await requested();
    await refuses(act(ledger, 'ada'), 'approval_required', /waits for a second person/);
    await grantApproval(ledger, signedIn('ben'), id, 'seen the unit');
    assert.equal(await act(ledger, 'ada'), 'done');
    await refuses(act(ledger, 'ada'), 'approval_required');
    assert.equal(await stateOf(id), 'used');
    const [asked] = await people.entries('approval.requested');
    assert.deepEqual(
      [asked!.actor, asked!.data.reason, asked!.data.subject],
      ['ada', 'field trial', 'SN-00000001'],
    );
    assert.deepEqual(await people.entries('approval.granted'), [
      { actor: 'ben', data: { approval_id: id, reason: 'seen the unit' } },
    ]);
    assert.deepEqual(await people.entries('approval.used'), [{ actor: 'ada', data: { approval_id: id } }]);
  });

  test('I-18: two that use it in one tick: one does the act', async () => {
    await granted();
    const outcomes = await Promise.allSettled([act(ledger, 'ada'), act(ledger, 'ada')]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await people.entries('alarm.raised')).length, 1);
  });

  test('I-18: refuses one’s own, and who enrolled whom, directly or through others, either way', async () => {
    for (const [first, second] of [
      ['ada', 'ada'],
      ['ada', 'dan'],
      ['ada', 'eve'],
      ['dan', 'ada'],
      ['eve', 'ada'],
      ['eve', 'dan'],
    ] as const) {
      const id = await requested(first);
      await refuses(
        grantApproval(ledger, signedIn(second), id, 'yes'),
        'approval_invalid',
        /asked for it|enrolled/,
      );
      assert.equal(await stateOf(id), 'requested');
    }
    const id = await requested('eve');
    await grantApproval(ledger, signedIn('fay'), id, 'yes');
    assert.equal(await act(ledger, 'eve'), 'done');
  });

  test('I-18: it is for these parameters and this account, and for no other', async () => {
    await granted();
    await refuses(act(ledger, 'ada', { device_id: 'SN-00000002' }), 'approval_required');
    await refuses(act(ledger, 'gus'), 'approval_required');
    assert.equal(await act(ledger, 'ada'), 'done');
  });

  test('an approval that ran out is refused at the grant and at the use, and noted once', async () => {
    const late = await requested('ada', 60_000);
    const id = await granted('gus', 'ben');
    people.time.ms += 60_000;
    await refuses(grantApproval(ledger, signedIn('ben'), late, 'yes'), 'approval_invalid', /ran out/);
    assert.equal(await stateOf(late), 'expired');
    people.time.ms += limits.approvalLifeMs;
    await refuses(act(ledger, 'gus'), 'approval_invalid', /ran out/);
    assert.equal(await expireApprovals(ledger, 'p-1'), 2);
    assert.equal(await expireApprovals(ledger, 'p-1'), 0);
    assert.equal(await stateOf(id), 'expired');
    await granted('gus', 'ben');
    assert.equal(await act(ledger, 'gus'), 'done');
  });

  test('I-11: an officer who left meanwhile is no second person; the request stands, and another grants it', async () => {
    const id = await granted('ada', 'gus');
    await disableAccount(ledger, signedIn('ben'), 'gus', 'left');
    await refuses(act(ledger, 'ada'), 'account_disabled', /gus is no active account/);
    assert.equal(await stateOf(id), 'granted');
    await grantApproval(ledger, signedIn('ben'), id, 'seen');
    assert.equal(await act(ledger, 'ada'), 'done');
  });

  test('I-11: one whose role was taken away is none either, and one who asked and left uses nothing', async () => {
    await granted('ada', 'gus');
    await changeRoles(ledger, signedIn('ben'), 'gus', ['auditor'], 'moved');
    await refuses(act(ledger, 'ada'), 'not_authorized', /gus may not grant/);
    await granted('fay', 'ada');
    await disableAccount(ledger, signedIn('ada'), 'fay', 'left');
    await refuses(act(ledger, 'fay'), 'account_disabled');
  });

  test('roles: who may not ask does not, who may not grant does not, whatever they grant otherwise', async () => {
    await refuses(
      requestApproval(ledger, people.core.entropy, signedIn('hal'), ask),
      'not_authorized',
      /debug\.except/,
    );
    const id = await requested();
    await refuses(
      grantApproval(ledger, signedIn('hal'), id, 'yes'),
      'not_authorized',
      /approval\.grant-trust/,
    );
    await refuses(refuseApproval(ledger, signedIn('hal'), id, 'no'), 'not_authorized');
    assert.equal(await stateOf(id), 'requested');
  });

  test('a token grants nothing, and neither does the machine', async () => {
    const id = await requested();
    const made = await createToken(people.core, signedIn('ben'), {
      permissions: ['approval.read'],
      days: 1,
      reason: 'script',
    });
    const program = await tokenHolder(people.core, made.token);
    await refuses(grantApproval(ledger, program, id, 'yes'), 'not_authorized', /signs in/);
    await refuses(grantApproval(ledger, home, id, 'yes'), 'not_authorized');
    await refuses(act(ledger, 'root'), 'account_disabled');
  });

  test('I-11: a session that is over grants nothing', async () => {
    const id = await requested();
    const { secret } = await openSession(people.core, signedIn('ben'));
    const moment = { tx: ledger.reader, at: people.core.clock().toISOString() };
    const ben = await sessionHolder(moment, secret);
    people.time.ms += limits.sessionLifeMs;
    await refuses(grantApproval(ledger, ben, id, 'yes'), 'not_authenticated');
    assert.equal(await stateOf(id), 'requested');
  });

  test('I-18: an approval of one act is none of another that has the same parameters', async () => {
    const { sha256, text } = parametersOf('debug.exception', device);
    const data = {
      ...{ approval_id: 'ap-other', act: 'quarantine.release' as const, subject: 'SN-00000001', reason: 'x' },
      ...{ parameters: text, parameters_sha256: sha256, expires_at: '2027-01-01T00:00:00.000Z' },
    };
    await append(ledger, draft('approval.requested', data, signedIn('ada').actor));
    const { approval_id } = data;
    await append(ledger, draft('approval.granted', { approval_id, reason: 'x' }, signedIn('ben').actor));
    await refuses(act(ledger, 'ada'), 'approval_required', /takes a second/);
  });

  test('I-18: who enrolled each other in a circle, which no log of ours says, are no two people', async () => {
    for (const [id, by] of [
      ['ivy', 'jan'],
      ['jan', 'ivy'],
    ] as const) {
      const data = { account_id: id, roles: ['ca-officer' as const], enrolled_by: by, reason: 'x' };
      await append(ledger, draft('account.created', data, signedIn(by).actor));
    }
    const id = await requested('ada');
    await refuses(grantApproval(ledger, signedIn('ivy'), id, 'yes'), 'approval_invalid', /enrolled ivy/);
  });

  test('what was refused is over, by the second person or by who asked', async () => {
    const first = await granted();
    await refuseApproval(ledger, signedIn('ben'), first, 'not this unit');
    await refuses(act(ledger, 'ada'), 'approval_required', /takes a second/);
    await refuses(grantApproval(ledger, signedIn('ben'), first, 'yes'), 'approval_invalid', /is refused/);
    const second = await requested();
    await refuseApproval(ledger, signedIn('ada'), second, 'not needed');
    assert.equal(await stateOf(second), 'refused');
    await refuses(grantApproval(ledger, signedIn('ben'), 'ap-0', 'yes'), 'unknown_approval');
  });

  test('the same thing asked for twice is one request; other parameters than the act’s are none', async () => {
    assert.equal(await requested(), await requested());
    for (const parameters of [{}, { device_id: 'SN-1', more: 1 }, { device_id: 'a b' }, null]) {
      await refuses(
        requestApproval(ledger, people.core.entropy, signedIn('ada'), { ...ask, parameters }),
        'bad_request',
      );
    }
    await refuses(requested('ada', limits.approvalLifeMaxMs + 1), 'bad_request');
  });

  test('I-18: to let one person act again takes two', async () => {
    const policy = { approvals: 'not-required', order_limit: null, site_limits: {} } as const;
    await refuses(changePolicy(ledger, signedIn('ada'), policy, 'quicker'), 'approval_required');
    const { approval_id } = await requestApproval(ledger, people.core.entropy, signedIn('ada'), {
      act: 'policy.change',
      parameters: policy,
      reason: 'quicker',
    });
    await grantApproval(ledger, signedIn('ben'), approval_id, 'yes');
    await changePolicy(ledger, signedIn('ada'), policy, 'quicker');
    assert.equal(await act(ledger, 'ada'), 'done');
    await refuses(requested(), 'bad_request', /one person/);
  });
});
