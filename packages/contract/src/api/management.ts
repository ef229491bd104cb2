/**
 * The management API: what people and their programs may ask of the authority. Every route names the permission that it takes; who
 * asks is known by an API token (`authorization: Bearer imp_…`) or by the session that signing in opens (a cookie).
 */
import { z } from 'zod';
import { tokenId } from '../api-token.ts';
import { approvalAct } from '../approval-act.ts';
import {
  accountId,
  caId,
  caKind,
  caScope,
  deviceIdText,
  hash,
  instant,
  name,
  realmName,
} from '../audit/entry.ts';
import { lifecycleState } from '../lifecycle.ts';
import { limits } from '../limits.ts';
import { type Permission, permission, role } from '../permission.ts';
import { deviceActPermissions, deviceActRoutes } from './device-acts.ts';
import { orderPermissions, orderRoutes } from './orders.ts';
import { type ResponseOf, type Route, route } from './route.ts';

/** The cookie that holds a session's secret. Its prefix binds it to this host, to TLS and to the whole of its paths. */
export const sessionCookie = '__Host-imprint-session';

const nothing = z.strictObject({});
const reason = z.strictObject({ reason: z.string().min(1).max(500) });
const because = reason.shape.reason;
const roles = z.array(role).min(1).max(16);

const session = z.strictObject({ account_id: accountId, expires_at: instant });
const account = z.strictObject({
  account_id: accountId,
  name: z.string(),
  roles: z.array(role),
  status: z.enum(['active', 'disabled']),
  enrolled_by: z.nullable(accountId),
  created_at: instant,
  disabled_at: z.nullable(instant),
  signs_in_with: z.array(z.enum(['password', 'one-time-code', 'oidc'])),
});
const token = z.strictObject({
  token_id: tokenId,
  account_id: accountId,
  permissions: z.array(permission),
  label: z.string(),
  created_at: instant,
  expires_at: instant,
  revoked_at: z.nullable(instant),
  reason: z.nullable(z.string()),
});
const approval = z.strictObject({
  approval_id: name,
  act: approvalAct,
  subject: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  parameters_sha256: hash,
  requested_by: name,
  reason: z.string(),
  requested_at: instant,
  expires_at: instant,
  state: z.enum(['requested', 'granted', 'refused', 'used', 'expired']),
  decided_by: z.nullable(name),
  decided_at: z.nullable(instant),
  decision_reason: z.nullable(z.string()),
  used_at: z.nullable(instant),
  used_by: z.nullable(name),
});
const deviceLine = z.strictObject({
  device_id: deviceIdText,
  state: lifecycleState,
  order_id: name,
  job_state: z.nullable(z.string()),
  attempts: z.nullable(z.int()),
  station_id: z.nullable(name),
  manufactured_at: z.nullable(instant),
  failure_code: z.nullable(z.string()),
});
const ca = z.strictObject({
  ca_id: caId,
  kind: caKind,
  subject: z.string(),
  scope: caScope,
  crl_partitions: z.int(),
  replaces: z.nullable(caId),
  status: z.string(),
  requested_at: instant,
  installed_at: z.nullable(instant),
  retired_at: z.nullable(instant),
  public_key_sha256: hash,
  certificate_sha256: z.nullable(hash),
  certificate_pem: z.nullable(z.string()),
});
/** What `imprint device show --json` prints. */
const deviceReport = z.looseObject({
  device_id: deviceIdText,
  state: lifecycleState,
  order_id: name,
  product: name,
  sku: name,
  lot: name,
});

export const managementRoutes = {
  signIn: route(
    'POST',
    '/v1/session',
    'Signs in with a local account and opens a session.',
    z.strictObject({
      account_id: z.string().min(1).max(64),
      password: z.string().min(1).max(limits.passwordBytes),
      code: z.optional(z.string().max(16)),
    }),
    session,
  ),
  signOut: route('POST', '/v1/session/close', 'Ends the session.', nothing, nothing),
  whoAmI: route(
    'GET',
    '/v1/me',
    'Says who asks, and what they may do.',
    nothing,
    z.strictObject({
      account_id: accountId,
      roles: z.array(z.string()),
      permissions: z.array(permission),
      means: z.enum(['session', 'token']),
      realm: realmName,
    }),
  ),
  changePassword: route(
    'POST',
    '/v1/me/password',
    'Gives who is signed in another password, and ends every session of the account.',
    z.strictObject({
      password: z.string().min(1).max(limits.passwordBytes),
      code: z.optional(z.string().max(16)),
      new_password: z.string().min(1).max(limits.passwordBytes),
    }),
    z.strictObject({ account_id: accountId, sessions_ended: z.int().min(0) }),
  ),
  listAccounts: route(
    'GET',
    '/v1/accounts',
    'Lists accounts.',
    nothing,
    z.strictObject({ accounts: z.array(account) }),
  ),
  createAccount: route(
    'POST',
    '/v1/accounts',
    'Makes an account.',
    z.strictObject({
      account_id: accountId,
      name: z.string().min(1).max(100),
      roles,
      reason: because,
      password: z.optional(z.string().min(1).max(limits.passwordBytes)),
      /** Gives it one-time codes; the answer shows their secret, this once. */
      totp: z.optional(z.boolean()),
      oidc: z.optional(z.strictObject({ issuer: z.url().max(300), subject: z.string().min(1).max(255) })),
    }),
    z.strictObject({
      account_id: accountId,
      enrolled_by: z.nullable(accountId),
      totp_uri: z.nullable(z.string()),
    }),
  ),
  changeRoles: route(
    'POST',
    '/v1/accounts/:account_id/roles',
    'Gives an account these roles in place of those that it has.',
    reason.extend({ roles }),
    z.strictObject({ account_id: accountId, roles: z.array(role) }),
  ),
  disableAccount: route(
    'POST',
    '/v1/accounts/:account_id/disable',
    'Ends an account for ever.',
    reason,
    nothing,
  ),
  listTokens: route(
    'GET',
    '/v1/tokens',
    'Lists the tokens of who asks.',
    nothing,
    z.strictObject({ tokens: z.array(token) }),
  ),
  createToken: route(
    'POST',
    '/v1/tokens',
    'Makes a token, which is shown this once.',
    reason.extend({
      permissions: z.array(permission).min(1).max(64),
      days: z.int().min(1).max(limits.apiTokenDays),
    }),
    z.strictObject({ token: z.string(), token_id: tokenId, expires_at: instant }),
  ),
  revokeToken: route('POST', '/v1/tokens/:token_id/revoke', 'Ends a token at once.', reason, nothing),
  listApprovals: route(
    'GET',
    '/v1/approvals',
    'Lists what waits for a second person, or was granted and not used.',
    nothing,
    z.strictObject({ approvals: z.array(approval) }),
  ),
  requestApproval: route(
    'POST',
    '/v1/approvals',
    'Asks for a second person.',
    reason.extend({
      act: approvalAct,
      parameters: z.record(z.string(), z.unknown()),
      life_ms: z.optional(z.int().min(60_000).max(limits.approvalLifeMaxMs)),
    }),
    z.strictObject({ approval_id: name, expires_at: instant }),
  ),
  grantApproval: route('POST', '/v1/approvals/:approval_id/grant', 'Is the second person.', reason, approval),
  refuseApproval: route(
    'POST',
    '/v1/approvals/:approval_id/refuse',
    'Ends a request: as the second person, or one’s own.',
    reason,
    nothing,
  ),
  ...orderRoutes,
  findDevices: route(
    'POST',
    '/v1/devices/search',
    'Lists devices in the order of their IDs, a page at a time.',
    z.strictObject({
      order_id: z.optional(name),
      state: z.optional(lifecycleState),
      station_id: z.optional(name),
      after: z.optional(deviceIdText),
      limit: z.optional(z.int().min(1).max(limits.pageRows)),
    }),
    z.strictObject({ devices: z.array(deviceLine), next: z.nullable(deviceIdText) }),
  ),
  showDevice: route(
    'GET',
    '/v1/devices/:device_id',
    'Shows a device and its history.',
    nothing,
    deviceReport,
  ),
  ...deviceActRoutes,
  listCas: route(
    'GET',
    '/v1/cas',
    'Lists the CAs under the realm’s roots, and what each may certify.',
    nothing,
    z.strictObject({ cas: z.array(ca) }),
  ),
} as const satisfies Record<string, Route<z.ZodType, z.ZodType>>;

export type ManagementRouteName = keyof typeof managementRoutes;
export type ManagementRequest<N extends ManagementRouteName> = z.infer<
  (typeof managementRoutes)[N]['request']
>;
export type ManagementResponse<N extends ManagementRouteName> = ResponseOf<(typeof managementRoutes)[N]>;

/**
 * What each route takes. `anybody`: it is the way in. `signed-in`: any account, for what is its own; what more it takes is decided
 * by what is asked for.
 */
export const routePermissions: Record<ManagementRouteName, Permission | 'anybody' | 'signed-in'> = {
  signIn: 'anybody',
  signOut: 'signed-in',
  whoAmI: 'signed-in',
  changePassword: 'signed-in',
  listAccounts: 'account.read',
  createAccount: 'account.manage',
  changeRoles: 'account.manage',
  disableAccount: 'account.manage',
  listTokens: 'signed-in',
  createToken: 'signed-in',
  revokeToken: 'signed-in',
  listApprovals: 'approval.read',
  requestApproval: 'signed-in',
  grantApproval: 'approval.read',
  refuseApproval: 'signed-in',
  ...orderPermissions,
  findDevices: 'device.read',
  showDevice: 'device.read',
  ...deviceActPermissions,
  listCas: 'ca.read',
};
