/**
 * I-18 from the log alone: whoever grants is another person than who asked, neither enrolled the other, and both may still act when it is
 * used; it is used once, in time, and for exactly what was asked. While acts take two people, none of them stands in the log without it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LoggedEntry } from './log-model.ts';
import type { Violations } from './violation.ts';

interface Account {
  isActive: boolean;
  enrolledBy: string | null;
}

interface Approval {
  act: string;
  parameters: unknown;
  by: string;
  expiresAt: string;
  state: 'requested' | 'granted' | 'used' | 'over';
  decidedBy: string | undefined;
}

/** Roles with which somebody can be a second person, or make one. */
const empowering: ReadonlySet<string> = new Set(['administrator', 'ca-officer', 'line-lead']);

export class PeopleModel {
  /** What is asked of orders, as the policy says now. */
  orderLimit: number | null = null;
  readonly accounts = new Map<string, Account>();
  readonly #violations: Violations;
  readonly #approvals = new Map<string, Approval>();
  #takesTwo = false;
  #previous: LoggedEntry | undefined;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  take(entry: LoggedEntry): void {
    this.#takers[entry.type]?.(entry);
    this.#previous = entry;
  }

  readonly #takers: Record<string, (entry: LoggedEntry) => void> = {
    'account.created': (entry) => {
      const { account_id, roles, enrolled_by } = entry.data;
      if (enrolled_by !== null) this.#empowers(entry, { account_id, roles });
      this.accounts.set(account_id, { isActive: true, enrolledBy: enrolled_by });
    },
    'account.role-changed': (entry) => {
      const { account_id, roles } = entry.data;
      this.#empowers(entry, { account_id, roles });
    },
    'account.disabled': ({ data }) => {
      this.accounts.get(data.account_id)!.isActive = false;
    },
    'approval.requested': ({ actor, data }) => {
      this.#approvals.set(data.approval_id, {
        act: data.act,
        parameters: JSON.parse(data.parameters),
        by: actor.id,
        expiresAt: data.expires_at,
        state: 'requested',
        decidedBy: undefined,
      });
      this.#unless(
        this.#isActive(actor.id),
        data.approval_id,
        `is asked for by ${actor.id}, who may not act`,
      );
    },
    'approval.granted': ({ at, actor, data }) => {
      const approval = this.#open(data.approval_id, at, 'granted');
      if (approval === undefined) return;
      const { by } = approval;
      this.#unless(by !== actor.id, data.approval_id, `is granted by ${by}, who asked for it`);
      this.#unless(this.#isActive(actor.id), data.approval_id, `is granted by ${actor.id}, who may not act`);
      this.#unless(
        !this.#isFrom(by, actor.id) && !this.#isFrom(actor.id, by),
        data.approval_id,
        `is between ${by} and ${actor.id}, of whom one enrolled the other`,
      );
      Object.assign(approval, { state: 'granted', decidedBy: actor.id });
    },
    'approval.refused': ({ data }) => {
      this.#approvals.get(data.approval_id)!.state = 'over';
    },
    'approval.expired': ({ data }) => {
      this.#approvals.get(data.approval_id)!.state = 'over';
    },
    'approval.used': ({ at, actor, data }) => {
      const approval = this.#open(data.approval_id, at, 'used');
      if (approval === undefined) return;
      const { by, decidedBy } = approval;
      this.#unless(approval.state === 'granted', data.approval_id, 'is used, and nobody granted it');
      this.#unless(by === actor.id, data.approval_id, `is used by ${actor.id}, and ${by} asked for it`);
      for (const one of [by, decidedBy ?? '']) {
        this.#unless(this.#isActive(one), data.approval_id, `is used, and ${one} may not act any more`);
      }
      approval.state = 'used';
    },
    'policy.changed': (entry) => {
      const { approvals, order_limit, site_limits } = entry.data;
      this.#takesApproval(entry, 'policy.change', { approvals, order_limit, site_limits });
      this.#takesTwo = approvals === 'required';
      this.orderLimit = order_limit;
    },
    'ca.requested': (entry) => this.#takesApproval(entry, 'ca.create-intermediate', entry.data),
  };

  #empowers(entry: LoggedEntry, parameters: { account_id: string; roles: string[] }): void {
    if (parameters.roles.some((role) => empowering.has(role))) {
      this.#takesApproval(entry, 'account.empower', parameters);
    }
  }

  /** The entry before it used up an approval for exactly this. */
  #takesApproval({ type, actor }: LoggedEntry, act: string, parameters: unknown): void {
    if (!this.#takesTwo) return;
    const before = this.#previous;
    const used = before?.type === 'approval.used' ? this.#approvals.get(before.data.approval_id) : undefined;
    this.#violations.unless(
      used?.act === act && before?.actor.id === actor.id && isDeepStrictEqual(used.parameters, parameters),
      'I-18',
      () => `${type} by ${actor.id} alone: ${JSON.stringify(parameters)}`,
    );
  }

  #open(approvalId: string, at: string, next: string): Approval | undefined {
    const approval = this.#approvals.get(approvalId);
    this.#unless(approval !== undefined, approvalId, `is ${next}, and nobody asked for it`);
    if (approval === undefined) return undefined;
    this.#unless(
      approval.state === 'requested' || approval.state === 'granted',
      approvalId,
      `is ${next}, and was ${approval.state}`,
    );
    this.#unless(
      at < approval.expiresAt,
      approvalId,
      `is ${next} at ${at}, and ran out at ${approval.expiresAt}`,
    );
    return approval;
  }

  #isActive(accountId: string): boolean {
    return this.accounts.get(accountId)?.isActive === true;
  }

  /** Whether the other enrolled this account, directly or through others. */
  #isFrom(accountId: string, other: string): boolean {
    let at = this.accounts.get(accountId)?.enrolledBy ?? null;
    while (at !== null) {
      if (at === other) return true;
      at = this.accounts.get(at)?.enrolledBy ?? null;
    }
    return false;
  }

  #unless(holds: boolean, approvalId: string, what: string): void {
    this.#violations.unless(holds, 'I-18', () => `approval ${approvalId} ${what}`);
  }
}
