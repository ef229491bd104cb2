/**
 * Exactly what an approval is for: the parameters of each act, of which not one may differ when it is used. They are compared by
 * the hash of their canonical JSON.
 */
import { z } from 'zod';
import type { ApprovalAct } from './approval-act.ts';
import { accountId, deviceIdText, entryData, hash, instant, name } from './audit/entry.ts';
import { toUtf8 } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { ImprintError } from './errors.ts';
import { sha256Hex } from './hash.ts';
import { lifecycleState } from './lifecycle.ts';
import { limits } from './limits.ts';
import { role } from './permission.ts';

const units = z.int().min(1).max(limits.orderQuantity);
const rest = z.int().min(0).max(limits.orderQuantity);

export const actParameters = {
  /** Gives an account roles with which it can be a second person, or make people. */
  'account.empower': z.strictObject({ account_id: accountId, roles: z.array(role).min(1).max(16) }),
  /** The whole request, its key included. */
  'ca.create-intermediate': entryData['ca.requested'],
  'contract.register': z.strictObject({ product: name, revision: name, contract_sha256: hash }),
  'credential.revoke-bulk': z.strictObject({ credentials_sha256: hash, count: units, reason: name }),
  'debug.exception': z.strictObject({ device_id: deviceIdText }),
  'device.ship-bulk': z.strictObject({ devices_sha256: hash, count: units, order_id: z.nullable(name) }),
  'order.open': z.strictObject({
    order_id: name,
    product: name,
    sku: name,
    lot: name,
    contract_sha256: hash,
    hardware_revisions: z.array(name).min(1).max(64),
    quantity: units,
    scrap_allowance: rest,
    station_share: z.nullable(units),
    id_source: z.enum(['generated', 'imported']),
    sites: z.array(name).max(64),
    stations: z.array(name).max(256),
    opens_at: instant,
    closes_at: instant,
  }),
  'order.raise-quota': z.strictObject({ order_id: name, quantity: units, scrap_allowance: rest }),
  'policy.change': z.strictObject({
    approvals: z.enum(['required', 'not-required']),
    order_limit: z.nullable(units),
    site_limits: z.record(name, units),
  }),
  'quarantine.release': z.strictObject({ device_id: deviceIdText, to: lifecycleState }),
  'station.assign': z.strictObject({
    station_id: name,
    site: name,
    line: name,
    lanes: z.int().min(1).max(limits.lanesPerStation),
    public_key_sha256: hash,
  }),
} as const satisfies Record<ApprovalAct, z.ZodType>;

export type ActParameters<A extends ApprovalAct> = z.infer<(typeof actParameters)[A]>;

/**
 * The parameters as people see them and as they are compared.
 * @throws bad_request where they are not those of the act
 */
export function parametersOf(act: ApprovalAct, value: unknown): { text: string; sha256: string } {
  const parsed = actParameters[act].safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new ImprintError('bad_request', `${issue.path.join('.') || act}: ${issue.message}`, {
      hint: `Give exactly the parameters of ${act}: ${Object.keys(actParameters[act].shape).join(', ')}.`,
    });
  }
  const text = canonicalJson(parsed.data);
  if (text.length > limits.approvalParameterBytes) {
    throw new ImprintError('bad_request', `${act} has more parameters than an approval can hold`, {
      hint: 'Name fewer sites, stations or revisions.',
    });
  }
  return { text, sha256: sha256Hex(toUtf8(text)) };
}
