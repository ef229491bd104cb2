/**
 * The people who govern the authority while it is at work: they ask for what takes two of them, grant it, come too late, leave, and put a
 * new CA in the place of the old one. They say a thing again until it is answered, as people do.
 */
import { createAccount } from '@imprint/authority/access/accounts';
import { grantApproval, requestApproval } from '@imprint/authority/access/approvals';
import type { Who } from '@imprint/authority/access/authorize';
import { changePolicy } from '@imprint/authority/access/change-policy';
import type { Policy } from '@imprint/authority/access/policy';
import type { ApprovalAct } from '@imprint/contract/approval-act';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import type { Role } from '@imprint/contract/permission';
import type { Authorities } from '../authorities.ts';
import type { AuthorityProcess } from '../authority-process.ts';
import type { Model } from '../model.ts';
import { type Chance, chance, type World } from '../world.ts';

/** An answer, or the code with which it was refused; `again`: it may have been carried out before, unheard. */
export type Heard<T> = ({ answer: T } | { code: ErrorCode }) & { again: boolean };

const officer: readonly Role[] = ['administrator', 'ca-officer', 'line-lead'];
/** Whom nobody enrolled, those who may leave, and one whom the first of them enrolled. */
const founders = ['ada', 'ben', 'cleo'] as const;
export const leaving = ['lea', 'leo', 'lia', 'lou'] as const;
export const enrolledByAda = 'dora';

const patienceMs = 20_000;
const againAfterMs = 3_000;
/** What faults give for an answer; it says nothing about the request. */
const hindrances: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'clock_untrusted',
  'storage_failed',
  'unavailable',
  'key_locked',
  'log_inconsistent',
]);

export const signedIn = (id: string): Who => ({ means: 'password', actor: { kind: 'person', id } });
const home: Who = { means: 'home', actor: { kind: 'person', id: 'root' } };

/** Makes the people, and from then on acts take two of them. */
export async function openOffice({ ledger }: AuthorityProcess): Promise<void> {
  const enrol = (accountId: string, by: Who) =>
    createAccount(ledger, by, { accountId, roles: officer, login: loginOf(accountId), reason: 'new here' });
  for (const id of [...founders, ...leaving]) await enrol(id, home);
  await enrol(enrolledByAda, signedIn('ada'));
  await changePolicy(ledger, home, policyOf(Office.firstLimit), 'we are two');
}

export const loginOf = (subject: string) => ({
  name: `Person ${subject}`,
  oidc: { issuer: 'https://id.example.com', subject },
});

/** Policies differ in how large an order is that one person opens: larger than any that is opened here. */
export function policyOf(orderLimit: number): Policy {
  return { approvals: 'required', order_limit: orderLimit, site_limits: {} };
}

export class Office {
  static readonly firstLimit = 10_000;
  readonly world: World;
  readonly authority: Authorities;
  readonly model: Model;
  readonly draw: Chance;
  readonly entropy;
  #limit = Office.firstLimit;

  constructor(world: World, authority: Authorities, model: Model) {
    this.world = world;
    this.authority = authority;
    this.model = model;
    this.draw = chance(world.entropy('office'));
    this.entropy = world.entropy('approvals');
  }

  /** Two whom nobody enrolled, in any order. */
  pair(): [string, string] {
    const first = this.draw.pick(founders);
    return [first, this.draw.pick(founders.filter((other) => other !== first))];
  }

  /** One whom nobody enrolled, and who is neither of them. */
  another(...but: string[]): string {
    return this.draw.pick(founders.filter((other) => !but.includes(other)));
  }

  /** A policy that was never asked for. */
  nextPolicy(): Policy {
    return policyOf(++this.#limit);
  }

  /** Asks some process until one answers. @throws what is no refusal of ours, from a process that lives */
  async ask<T>(what: (process: AuthorityProcess) => Promise<T>): Promise<Heard<T>> {
    for (let again = false; ; again = true) {
      const { processes } = this.authority;
      if (processes.length > 0) {
        const process = this.draw.pick(processes);
        const said = what(process).then(
          (answer) => ({ answer }),
          (error: unknown) => {
            if (error instanceof ImprintError) return { code: error.code };
            if (process.life.alive) throw error;
            return undefined;
          },
        );
        const heard = await Promise.race([said, this.world.delay(patienceMs)]);
        if (heard !== undefined && !('code' in heard && hindrances.has(heard.code)))
          return { ...heard, again };
      }
      await this.world.delay(againAfterMs);
    }
  }

  async request(
    by: string,
    act: ApprovalAct,
    parameters: unknown,
    lifeMs?: number,
  ): Promise<string | undefined> {
    const request = { act, parameters, reason: 'as planned', ...(lifeMs === undefined ? {} : { lifeMs }) };
    const heard = await this.ask(({ ledger }) =>
      requestApproval(ledger, this.entropy, signedIn(by), request),
    );
    return 'answer' in heard ? heard.answer.approval_id : undefined;
  }

  grant(by: string, approvalId: string): Promise<Heard<unknown>> {
    return this.ask(({ ledger }) => grantApproval(ledger, signedIn(by), approvalId, 'yes'));
  }

  change(by: string, policy: Policy): Promise<Heard<unknown>> {
    return this.ask(({ ledger }) => changePolicy(ledger, signedIn(by), policy, 'as agreed'));
  }

  /** Whether the policy is in force by now, whoever heard of it. */
  isInForce({ order_limit }: Policy): boolean {
    this.model.log.pull();
    return this.model.people.orderLimit === order_limit;
  }

  /** No clock was so wrong so far that approvals ran out sooner, or later, than they should. */
  get isTimeTrue(): boolean {
    return Number.isFinite(this.model.log.clockSlackMs);
  }
}
