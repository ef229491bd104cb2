/** What stands behind the management listener: one function a route, typed by the API. Each act asks for its permission once more, in its own decision. */
import type {
  ManagementRequest,
  ManagementResponse,
  ManagementRouteName,
} from '@imprint/contract/api/management';
import { toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Permission } from '@imprint/contract/permission';
import { toPem } from '@imprint/contract/x509/pem';
import { changeRoles, createAccount, disableAccount, type Login, listAccounts } from '../access/accounts.ts';
import { actingLedger } from '../access/acting-ledger.ts';
import { createToken, listTokens, revokeToken } from '../access/api-tokens.ts';
import { grantApproval, listApprovals, refuseApproval, requestApproval } from '../access/approvals.ts';
import { permissionsNow, requireActive, type Who } from '../access/authorize.ts';
import { changePassword } from '../access/change-password.ts';
import { newTotpSecret, totpUri } from '../access/one-time-code.ts';
import { hashPassword } from '../access/password.ts';
import { type AccessCore, closeSession, signInToSession } from '../access/sign-in.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import { checkContract } from '../registry/contracts.ts';
import { listDevices, showDevice } from '../registry/devices.ts';
import { listOrders, showOrder } from '../registry/order-view.ts';
import { closeOrder, createOrder } from '../registry/orders.ts';
import { raiseQuota } from '../registry/raise-quota.ts';
import { type Ca, listCas, scopeOf } from '../trust/cas.ts';
import { deviceActHandlers } from './device-act-handlers.ts';

export interface ManagementCore extends AccessCore {
  organization: string;
  contracts: ContractShelf;
}

export interface ManagementCall<N extends ManagementRouteName> {
  request: ManagementRequest<N>;
  /** Nobody where the route is for anybody. */
  who: N extends 'signIn' ? undefined : Who;
  params: Record<string, string>;
  /** The other end of the connection. */
  address: string;
  /** Gives the browser a session's secret, or takes it away with null. */
  setSession: (secret: string | null) => void;
}

export type ManagementHandlers = {
  [N in ManagementRouteName]: (call: ManagementCall<N>) => Promise<ManagementResponse<N>>;
};

export function managementHandlers(core: ManagementCore): ManagementHandlers {
  const { ledger, entropy, clock, realm } = core;
  const { reader } = ledger;
  const at = () => clock().toISOString();
  const as = (who: Who, permission: Permission) => actingLedger(ledger, who, permission);
  return {
    signIn: async ({ request, address, setSession }) => {
      const credentials = {
        accountId: request.account_id,
        password: toUtf8(request.password),
        code: request.code,
      };
      const { who, secret, expires_at } = await signInToSession(core, credentials, address);
      setSession(secret);
      return { account_id: who.actor.id, expires_at };
    },
    signOut: async ({ who, setSession }) => {
      if (who.means === 'session') await closeSession(ledger, who.sessionSha256);
      setSession(null);
      return {};
    },
    whoAmI: async ({ who }) => {
      const moment = { tx: reader, at: at() };
      const { roles } = await requireActive(moment, who.actor.id);
      return {
        account_id: who.actor.id,
        roles,
        permissions: await permissionsNow(moment, who),
        means: who.means === 'token' ? ('token' as const) : ('session' as const),
        realm,
      };
    },
    changePassword: async ({ request, who, address, setSession }) => {
      requireOwnSession(who);
      const credentials = {
        accountId: who.actor.id,
        password: toUtf8(request.password),
        code: request.code,
      };
      const changed = await changePassword(core, credentials, toUtf8(request.new_password), address);
      setSession(null);
      return changed;
    },
    listAccounts: async () => ({ accounts: await listAccounts(reader) }),
    createAccount: async ({ request, who }) => {
      const { login, uri } = await loginOf(core, request);
      const made = await createAccount(as(who, 'account.manage'), who, {
        accountId: request.account_id,
        roles: request.roles,
        login,
        reason: request.reason,
      });
      return { ...made, totp_uri: uri };
    },
    changeRoles: ({ request, who, params }) =>
      changeRoles(ledger, who, params.account_id!, request.roles, request.reason),
    disableAccount: async ({ request, who, params }) => {
      await disableAccount(ledger, who, params.account_id!, request.reason);
      return {};
    },
    listTokens: async ({ who }) => ({ tokens: await listTokens(reader, who.actor.id) }),
    createToken: ({ request, who }) => createToken(core, who, request),
    revokeToken: async ({ request, who, params }) => {
      await revokeToken(ledger, who, params.token_id!, request.reason);
      return {};
    },
    listApprovals: async () => ({ approvals: await listApprovals(reader, at(), { waiting: true }) }),
    requestApproval: ({ request: { life_ms, ...request }, who }) =>
      requestApproval(ledger, entropy, who, {
        ...request,
        ...(life_ms === undefined ? {} : { lifeMs: life_ms }),
      }),
    grantApproval: ({ request, who, params }) =>
      grantApproval(ledger, who, params.approval_id!, request.reason),
    refuseApproval: async ({ request, who, params }) => {
      await refuseApproval(ledger, who, params.approval_id!, request.reason);
      return {};
    },
    listOrders: async () => ({ orders: await listOrders(reader) }),
    showOrder: ({ params }) => showOrder(reader, params.order_id!),
    createOrder: async ({ request, who }) => {
      const checked = await registeredContract(core, request.contract_sha256);
      return createOrder(as(who, 'order.manage'), entropy, who.actor, checked, {
        orderId: request.order_id,
        sku: request.sku,
        lot: request.lot,
        quantity: request.quantity,
        scrapAllowance: request.scrap_allowance,
        ...(request.station_share === undefined ? {} : { stationShare: request.station_share }),
        sites: request.sites,
        stations: request.stations,
        ...(request.hardware_revisions === undefined
          ? {}
          : { hardwareRevisions: request.hardware_revisions }),
        opensAt: request.opens_at,
        closesAt: request.closes_at,
        ids:
          request.ids.source === 'imported'
            ? request.ids
            : {
                source: 'generated',
                year: request.ids.year,
                ...(request.ids.site === undefined ? {} : { site: request.ids.site }),
              },
      });
    },
    closeOrder: async ({ request, who, params }) => {
      await closeOrder(as(who, 'order.manage'), who.actor, params.order_id!, request.reason);
      return {};
    },
    raiseQuota: ({ request, who, params }) =>
      raiseQuota(as(who, 'order.manage'), core, who.actor, { order_id: params.order_id!, ...request }),
    findDevices: ({ request }) =>
      listDevices(reader, {
        ...(request.order_id === undefined ? {} : { orderId: request.order_id }),
        ...(request.state === undefined ? {} : { state: request.state }),
        ...(request.station_id === undefined ? {} : { stationId: request.station_id }),
        ...(request.after === undefined ? {} : { after: request.after }),
        ...(request.limit === undefined ? {} : { limit: request.limit }),
      }),
    showDevice: async ({ params }) => ({ ...(await showDevice(reader, params.device_id!)) }),
    ...deviceActHandlers(core),
    listCas: async () => ({ cas: (await listCas(reader)).map(caView) }),
  };
}

/** Whoever found a program's token would keep the account. @throws not_authorized */
function requireOwnSession(who: Who): void {
  if (who.means === 'session') return;
  throw new ImprintError('not_authorized', 'a password is changed by a person who is signed in', {
    hint: 'Sign in with the account, not with a token.',
  });
}

function caView(ca: Ca): ManagementResponse<'listCas'>['cas'][number] {
  const { ca_id, kind, subject, crl_partitions, replaces, status, certificate } = ca;
  const { requested_at, installed_at, retired_at, public_key_sha256, certificate_sha256 } = ca;
  return {
    ...{ ca_id, kind, subject, scope: scopeOf(ca), crl_partitions, replaces, status },
    ...{ requested_at, installed_at, retired_at, public_key_sha256, certificate_sha256 },
    certificate_pem: certificate === null ? null : toPem('CERTIFICATE', certificate),
  };
}

async function loginOf(
  { seal, entropy, realm, organization }: ManagementCore,
  request: ManagementRequest<'createAccount'>,
): Promise<{ login: Login; uri: string | null }> {
  const { name, password, oidc } = request;
  const login: Login = {
    name,
    ...(password === undefined ? {} : { password: await hashPassword(toUtf8(password), entropy) }),
    ...(oidc === undefined ? {} : { oidc }),
  };
  if (request.totp !== true) return { login, uri: null };
  const secret = newTotpSecret(entropy);
  return {
    login: { ...login, totp: (await seal()).seal(secret, request.account_id) },
    uri: totpUri(secret, request.account_id, `Imprint ${realm} ${organization}`),
  };
}

async function registeredContract({ ledger }: ManagementCore, sha256: string) {
  const row = await ledger.reader
    .selectFrom('contract')
    .select('text')
    .where('contract_sha256', '=', sha256)
    .executeTakeFirst();
  if (row !== undefined) return checkContract(row.text, sha256);
  throw new ImprintError('unknown_contract', `no contract ${sha256} is registered`, {
    hint: 'Register it first: imprint contract register.',
  });
}
