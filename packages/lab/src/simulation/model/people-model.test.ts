import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { World } from '../world.ts';
import { PeopleModel } from './people-model.ts';
import { Violations } from './violation.ts';

const at = '2026-11-24T06:00:00.000Z';
const later = '2026-11-24T07:00:00.000Z';
const entry = (type: string, by: string, data: object, when = at) => ({
  type,
  at: when,
  actor: { kind: 'person', id: by },
  data,
});
const account = (account_id: string, enrolled_by: string | null) =>
  entry('account.created', enrolled_by ?? 'root', {
    account_id,
    roles: ['administrator'],
    enrolled_by,
    reason: 'x',
  });
const policy = (order_limit: number) => ({ approvals: 'required', order_limit, site_limits: {} });
const changed = (limit: number, by = 'ada') => entry('policy.changed', by, { ...policy(limit), reason: 'x' });
const requested = (parameters: object, act = 'policy.change') =>
  entry('approval.requested', 'ada', {
    approval_id: 'a',
    act,
    parameters: JSON.stringify(parameters),
    expires_at: later,
  });
const granted = (by: string, when = at) => entry('approval.granted', by, { approval_id: 'a' }, when);
const used = (by = 'ada', when = at) => entry('approval.used', by, { approval_id: 'a' }, when);
const left = (account_id: string) => entry('account.disabled', 'ben', { account_id });
/** Before this, one person could do it. */
const begun = [
  account('ada', null),
  account('ben', null),
  account('dora', 'ada'),
  changed(1, 'root'),
  requested(policy(2)),
];
const request = { ca_id: 'device-2', kind: 'device' };

const cases: [string, ReturnType<typeof entry>[], boolean][] = [
  ['two who change the policy', [...begun, granted('ben'), used(), changed(2)], true],
  ['one alone who changes it', [...begun, changed(2)], false],
  ['other parameters than were granted', [...begun, granted('ben'), used(), changed(3)], false],
  [
    'an approval for another act',
    [...begun.slice(0, 4), requested(request), granted('ben'), used(), entry('ca.requested', 'ada', request)],
    false,
  ],
  [
    'two who make a CA',
    [
      ...begun.slice(0, 4),
      requested(request, 'ca.create-intermediate'),
      granted('ben'),
      used(),
      entry('ca.requested', 'ada', request),
    ],
    true,
  ],
  ['one alone who makes a CA', [...begun, entry('ca.requested', 'ada', request)], false],
  ['one alone who makes a second person', [...begun, account('eve', 'ben')], false],
  ['a grant by who asked', [...begun, granted('ada')], false],
  ['a grant by whom the other enrolled', [...begun, granted('dora')], false],
  ['a grant by nobody who is known', [...begun, granted('eve')], false],
  ['a grant that is late', [...begun, granted('ben', later)], false],
  ['a use that nobody granted', [...begun, used()], false],
  ['a use that is late', [...begun, granted('ben'), used('ada', later)], false],
  ['a use by another', [...begun, granted('ben'), used('dora')], false],
  ['a second use', [...begun, granted('ben'), used(), changed(2), used()], false],
  ['a use after the second person left', [...begun, granted('ben'), left('ben'), used()], false],
  ['a use after who asked left', [...begun, granted('ben'), left('ada'), used()], false],
];

describe('the model of people', () => {
  for (const [title, entries, isRight] of cases) {
    it(`I-18: finds ${title}: ${isRight ? 'nothing' : 'broken'}`, () => {
      const violations = new Violations(new World('people'));
      const model = new PeopleModel(violations);
      for (const one of entries) model.take(one);
      const found = violations.list.map(({ invariant }) => invariant);
      assert.deepEqual(new Set(found), new Set(isRight ? [] : ['I-18']));
    });
  }
});
