/**
 * What a person may do: the closed lists of permissions and roles, and the one table of which role has which. Whatever the table
 * does not name is denied.
 */
import { z } from 'zod';

export const permission = z.enum([
  'account.manage',
  'account.read',
  /** To be the second person for what the line does: orders and shipping. */
  'approval.grant-production',
  /** To be the second person for what trust rests on: contracts, stations, CAs, exceptions, accounts. */
  'approval.grant-trust',
  'approval.read',
  'audit.read',
  'ca.manage',
  'ca.read',
  'clock.accept',
  /** To publish, widen and take back what devices are configured with, and to make groups of them. */
  'configuration.manage',
  'contract.register',
  'credential.revoke',
  'debug.except',
  'device.read',
  'device.release',
  'device.service',
  'device.ship',
  /** To copy all that the authority is but its keys, and have the log's key sign that it is. */
  'log.backup',
  /** To let a restored log go on. */
  'log.release',
  'operator.manage',
  'order.manage',
  'order.read',
  'policy.change',
  'sample.manage',
  'station.manage',
  'station.read',
]);
export type Permission = z.infer<typeof permission>;

export const role = z.enum([
  'administrator',
  'ca-officer',
  'line-lead',
  'operator',
  'auditor',
  'support',
  'shipping',
]);
export type Role = z.infer<typeof role>;

const reading = ['ca.read', 'device.read', 'order.read', 'station.read'] as const;

/** One row a role. */
const permissionsOfRole: Record<Role, readonly Permission[]> = {
  administrator: [
    ...reading,
    'account.manage',
    'account.read',
    'approval.grant-trust',
    'approval.read',
    'clock.accept',
    'log.backup',
    'log.release',
    'operator.manage',
    'policy.change',
  ],
  'ca-officer': [
    ...reading,
    'account.read',
    'approval.grant-production',
    'approval.grant-trust',
    'approval.read',
    'ca.manage',
    'contract.register',
    'credential.revoke',
    'debug.except',
    'device.release',
    'station.manage',
  ],
  'line-lead': [
    ...reading,
    'approval.grant-production',
    'approval.read',
    'device.release',
    'operator.manage',
    'order.manage',
    'sample.manage',
    'station.manage',
  ],
  operator: reading,
  auditor: [...reading, 'account.read', 'approval.read', 'audit.read'],
  support: ['configuration.manage', 'device.read', 'device.service', 'order.read'],
  shipping: ['device.read', 'device.ship', 'order.read'],
};

/** All that these roles have together, sorted. A word that is no role has nothing. */
export function permissionsOf(roles: readonly string[]): Permission[] {
  const held = roles.flatMap((one) => {
    const known = role.safeParse(one);
    return known.success ? permissionsOfRole[known.data] : [];
  });
  return [...new Set(held)].sort();
}

/** What no API token can carry: to be the second person, and to make people, takes a person who has just signed in. */
export function isForTokens(one: Permission): boolean {
  return !one.startsWith('approval.grant-') && one !== 'account.manage' && one !== 'policy.change';
}

/** Whoever holds one of these decides whether others are two people: such a role is never given by one person alone (I-18). */
export function isEmpowering(roles: readonly string[]): boolean {
  return permissionsOf(roles).some((one) => !isForTokens(one));
}
