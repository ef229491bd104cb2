/**
 * What the people of the office do, each deed with what must come of it. A deed says itself where a promise was broken; what the log then holds
 * is the model's to judge.
 */
import { createAccount, disableAccount } from '@imprint/authority/access/accounts';
import type { Policy } from '@imprint/authority/access/policy';
import type { ErrorCode } from '@imprint/contract/errors';
import type { Role } from '@imprint/contract/permission';
import { enrolledByAda, type Heard, leaving, loginOf, type Office, signedIn } from './office.ts';
import { rotateCa } from './rotate-ca.ts';

export type DeedOutcome = 'held' | 'not tried' | { broken: string };
export type Deed = (office: Office) => Promise<DeedOutcome>;

const shortLifeMs = 60_000;
const newOfficer: readonly Role[] = ['line-lead'];

export const deeds: Record<string, Deed> = {
  'two change the policy, once': async (office) => {
    const [first, second] = office.pair();
    const policy = office.nextPolicy();
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    const before = refused(await office.change(first, policy), 'approval_required');
    const granted = allowed(office, await office.grant(second, approval));
    const used = done(office, await office.change(first, policy), policy);
    return together(before, granted, used, refused(await office.change(first, policy), 'approval_required'));
  },
  'one person alone is no second person': async (office) => {
    const [first] = office.pair();
    const policy = office.nextPolicy();
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    return together(
      refused(await office.grant(first, approval), 'approval_invalid'),
      refused(await office.change(first, policy), 'approval_required'),
    );
  },
  'one whom the other enrolled is no second person': async (office) => {
    const isReversed = office.draw.below(2) === 0;
    const [first, second] = isReversed ? [enrolledByAda, 'ada'] : ['ada', enrolledByAda];
    const policy = office.nextPolicy();
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    return together(
      refused(await office.grant(second, approval), 'approval_invalid'),
      refused(await office.change(first, policy), 'approval_required'),
    );
  },
  'a grant that comes too late is none': (office) => tooLate(office, false),
  'what was granted in time runs out': (office) => tooLate(office, true),
  'other parameters than those that were granted': async (office) => {
    const [first, second] = office.pair();
    const [policy, other] = [office.nextPolicy(), office.nextPolicy()];
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    const granted = allowed(office, await office.grant(second, approval));
    return together(granted, refused(await office.change(first, other), 'approval_required'));
  },
  'the second person leaves before it is used, and a third one comes': async (office) => {
    const [first] = office.pair();
    const left = whoLeaves(office);
    const policy = office.nextPolicy();
    const approval = await asked(office, first, policy);
    if (approval === undefined || left === undefined) return 'not tried';
    const granted = allowed(office, await office.grant(left, approval));
    const third = office.another(first);
    if ((await disable(office, third, left)) !== 'held') return 'not tried';
    return together(
      granted,
      refused(await office.change(first, policy), 'account_disabled'),
      allowed(office, await office.grant(third, approval)),
      done(office, await office.change(first, policy), policy),
    );
  },
  'who asked leaves before it is used': async (office) => {
    const first = whoLeaves(office);
    const [second, third] = office.pair();
    const policy = office.nextPolicy();
    if (first === undefined) return 'not tried';
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    const granted = allowed(office, await office.grant(second, approval));
    if ((await disable(office, third, first)) !== 'held') return 'not tried';
    return together(
      granted,
      refused(await office.change(first, policy), 'account_disabled', 'not_authorized'),
    );
  },
  'one approval is used twice at once': async (office) => {
    const [first, second] = office.pair();
    const policy = office.nextPolicy();
    const approval = await asked(office, first, policy);
    if (approval === undefined) return 'not tried';
    if (allowed(office, await office.grant(second, approval)) !== 'held') return 'not tried';
    const both = await Promise.all([office.change(first, policy), office.change(first, policy)]);
    const times = both.filter((heard) => 'answer' in heard).length;
    if (times === 2) return { broken: 'it was carried out twice' };
    return times === 1 || both.some(({ again }) => again) || !office.isTimeTrue
      ? 'held'
      : { broken: `it was refused with ${both.map((heard) => 'code' in heard && heard.code).join(' and ')}` };
  },
  'a person who can be a second one is made by two': async (office) => {
    const [first, second] = office.pair();
    const accountId = `new-${office.nextPolicy().order_limit}`;
    const account = { accountId, roles: newOfficer, login: loginOf(accountId), reason: 'new here' };
    const enrol = () => office.ask(({ ledger }) => createAccount(ledger, signedIn(first), account));
    const alone = refused(await enrol(), 'approval_required');
    const parameters = { account_id: accountId, roles: newOfficer };
    const approval = await office.request(first, 'account.empower', parameters);
    if (approval === undefined) return 'not tried';
    const granted = allowed(office, await office.grant(second, approval));
    const made = await enrol();
    const isThere = 'code' in made && made.again && made.code === 'account_conflict';
    return together(alone, granted, isThere ? 'held' : allowed(office, made));
  },
  'a new CA comes in the place of the old one, by two': rotateCa,
};

function asked(office: Office, by: string, policy: Policy, lifeMs?: number): Promise<string | undefined> {
  return office.request(by, 'policy.change', policy, lifeMs);
}

async function tooLate(office: Office, isGranted: boolean): Promise<DeedOutcome> {
  const [first, second] = office.pair();
  const policy = office.nextPolicy();
  const approval = await asked(office, first, policy, shortLifeMs);
  if (approval === undefined) return 'not tried';
  // one that is granted late by a fault is refused, and that is right
  if (isGranted && !('answer' in (await office.grant(second, approval)))) return 'not tried';
  await office.world.delay(shortLifeMs + 5_000);
  const late = isGranted ? await office.change(first, policy) : await office.grant(second, approval);
  if (!office.isTimeTrue) return 'not tried';
  // noted by then, it is gone and is asked for anew
  return refused(late, 'approval_invalid', ...(isGranted ? (['approval_required'] as const) : []));
}

/** Somebody who is still here and need not stay. */
function whoLeaves(office: Office): string | undefined {
  office.model.log.pull();
  return leaving.find((id) => office.model.people.accounts.get(id)?.isActive);
}

async function disable(office: Office, by: string, accountId: string): Promise<DeedOutcome> {
  const heard = await office.ask(({ ledger }) => disableAccount(ledger, signedIn(by), accountId, 'left'));
  if ('code' in heard && heard.again && heard.code === 'account_disabled') return 'held';
  return allowed(office, heard);
}

function done(office: Office, heard: Heard<unknown>, policy: Policy): DeedOutcome {
  const isDone = 'code' in heard && heard.again && office.isInForce(policy);
  return isDone ? 'held' : allowed(office, heard);
}

export function allowed(office: Office, heard: Heard<unknown>): DeedOutcome {
  if ('answer' in heard) return 'held';
  return office.isTimeTrue ? { broken: `it was refused with ${heard.code}` } : 'not tried';
}

export function refused(heard: Heard<unknown>, ...codes: ErrorCode[]): DeedOutcome {
  if ('answer' in heard) return { broken: 'it was carried out' };
  return codes.includes(heard.code) ? 'held' : { broken: `it was refused with ${heard.code}` };
}

export function together(...outcomes: DeedOutcome[]): DeedOutcome {
  const broken = outcomes.find((outcome) => typeof outcome === 'object');
  return broken ?? (outcomes.includes('not tried') ? 'not tried' : 'held');
}
