/** The acts that take two people (I-18): a closed list, each with who may ask for it and who may be the second person. */
import { z } from 'zod';
import type { Permission } from './permission.ts';

export const approvalAct = z.enum([
  'account.empower',
  'ca.create-intermediate',
  'contract.register',
  'credential.revoke-bulk',
  'debug.exception',
  'device.ship-bulk',
  'order.open',
  'order.raise-quota',
  'policy.change',
  'quarantine.release',
  'station.assign',
]);
export type ApprovalAct = z.infer<typeof approvalAct>;

export interface ActRule {
  ask: Permission;
  grant: Permission;
  /** Which parameter names what it is about. */
  subject: string;
}

export const actRules: Record<ApprovalAct, ActRule> = {
  'account.empower': { ask: 'account.manage', grant: 'approval.grant-trust', subject: 'account_id' },
  'ca.create-intermediate': { ask: 'ca.manage', grant: 'approval.grant-trust', subject: 'ca_id' },
  'contract.register': {
    ask: 'contract.register',
    grant: 'approval.grant-trust',
    subject: 'product',
  },
  'credential.revoke-bulk': {
    ask: 'credential.revoke',
    grant: 'approval.grant-trust',
    subject: 'credentials_sha256',
  },
  'debug.exception': { ask: 'debug.except', grant: 'approval.grant-trust', subject: 'device_id' },
  'device.ship-bulk': {
    ask: 'device.ship',
    grant: 'approval.grant-production',
    subject: 'devices_sha256',
  },
  'order.open': { ask: 'order.manage', grant: 'approval.grant-production', subject: 'order_id' },
  'order.raise-quota': { ask: 'order.manage', grant: 'approval.grant-production', subject: 'order_id' },
  'policy.change': { ask: 'policy.change', grant: 'approval.grant-trust', subject: 'approvals' },
  'quarantine.release': { ask: 'device.release', grant: 'approval.grant-trust', subject: 'device_id' },
  'station.assign': { ask: 'station.manage', grant: 'approval.grant-trust', subject: 'station_id' },
};
