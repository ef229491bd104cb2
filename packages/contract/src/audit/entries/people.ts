/** What the log says of people: accounts, tokens, second persons and the policy about them. */
import { z } from 'zod';
import { approvalAct } from '../../approval-act.ts';
import { limits } from '../../limits.ts';
import { permission } from '../../permission.ts';
import { accountId, hash, instant, name, printable, roles, sentence } from './fields.ts';

export const peopleEntries = {
  /** A person who may act here. Their name, password and second factor stand beside the log, never in it. */
  'account.created': z.strictObject({
    account_id: accountId,
    roles,
    /** The account that enrolled it; null for the first ones, which were made on the authority's own machine. */
    enrolled_by: z.nullable(accountId),
    reason: sentence,
  }),
  'account.role-changed': z.strictObject({ account_id: accountId, roles, reason: sentence }),
  /** For ever: a person who returns gets a new account. */
  'account.disabled': z.strictObject({ account_id: accountId, reason: sentence }),
  /** By the person; the password itself, hashed, stands beside the log. */
  'account.password-changed': z.strictObject({ account_id: accountId }),
  'token.created': z.strictObject({
    token_id: name,
    account_id: accountId,
    permissions: z.array(permission).min(1).max(64),
    /** Of 256 random bits. */
    secret_sha256: hash,
    expires_at: instant,
    reason: sentence,
  }),
  'token.revoked': z.strictObject({ token_id: name, reason: sentence }),
  /** Somebody asks for a second person (I-18); who asks is the actor. */
  'approval.requested': z.strictObject({
    approval_id: name,
    act: approvalAct,
    subject: printable,
    /** Canonical JSON. */
    parameters: z.string().max(limits.approvalParameterBytes),
    parameters_sha256: hash,
    expires_at: instant,
    reason: sentence,
  }),
  'approval.granted': z.strictObject({ approval_id: name, reason: sentence }),
  'approval.refused': z.strictObject({ approval_id: name, reason: sentence }),
  /** Stands in the decision that does the act, before it. */
  'approval.used': z.strictObject({ approval_id: name }),
  'approval.expired': z.strictObject({ approval_id: name }),
  /** From when on acts of I-18 take two people, and how large an order is that one person opens. */
  'policy.changed': z.strictObject({
    approvals: z.enum(['required', 'not-required']),
    /** Units of an order that one person opens; null: as many as they like. */
    order_limit: z.nullable(z.int().min(1).max(limits.orderQuantity)),
    /** The same for single sites. */
    site_limits: z.record(name, z.int().min(1).max(limits.orderQuantity)),
    reason: sentence,
  }),
} as const;
