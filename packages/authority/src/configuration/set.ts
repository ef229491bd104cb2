/** One configuration set: that its subject exists, under which contracts its devices were made, and where its versions stand. */
import type { ConfigurationScope } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Kysely, Selectable } from 'kysely';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { ConfigurationVersionTable, Tables } from '../storage/tables.ts';
import { requireDevice } from './layers.ts';

export interface SetName {
  scope: ConfigurationScope;
  subject: string;
}

export type VersionRow = Selectable<ConfigurationVersionTable>;

export interface SetState {
  newest: number;
  offered: VersionRow | undefined;
  fallback: VersionRow | undefined;
}

/**
 * The contracts of the devices of a set: of an order or a device the one it was made under, of a product or group all of the product.
 * @throws unknown_contract (no such product), unknown_order, unknown_group, unknown_device
 */
export async function contractsOf(
  db: Kysely<Tables>,
  shelf: ContractShelf,
  { scope, subject }: SetName,
): Promise<ProvisioningContract[]> {
  if (scope === 'product') return contractsOfProduct(db, shelf, subject);
  if (scope === 'device') return [await shelf.get(db, (await requireDevice(db, subject)).contract_sha256)];
  if (scope === 'group') {
    return contractsOfProduct(db, shelf, (await requireGroup(db, subject)).product);
  }
  const order = await db
    .selectFrom('production_order')
    .select('contract_sha256')
    .where('order_id', '=', subject)
    .executeTakeFirst();
  if (order !== undefined) return [await shelf.get(db, order.contract_sha256)];
  throw new ImprintError('unknown_order', `there is no order ${subject}`, {
    hint: 'See imprint order list.',
  });
}

/** @throws unknown_contract */
export async function contractsOfProduct(
  db: Kysely<Tables>,
  shelf: ContractShelf,
  product: string,
): Promise<ProvisioningContract[]> {
  const rows = await db
    .selectFrom('contract')
    .select('contract_sha256')
    .where('product', '=', product)
    .orderBy('registered_at')
    .orderBy('contract_sha256')
    .execute();
  if (rows.length === 0) {
    throw new ImprintError('unknown_contract', `there is no product ${product}`, {
      hint: 'A product is known from its first contract on: imprint contract register.',
    });
  }
  const contracts: ProvisioningContract[] = [];
  for (const row of rows) contracts.push(await shelf.get(db, row.contract_sha256));
  return contracts;
}

/** @throws unknown_group */
export async function requireGroup(db: Kysely<Tables>, groupId: string) {
  const group = await db
    .selectFrom('configuration_group')
    .selectAll()
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  if (group !== undefined) return group;
  throw new ImprintError('unknown_group', `there is no group ${groupId}`, {
    hint: 'See imprint group list, or make it: imprint group create.',
  });
}

/** Undefined where nothing was published for it. */
export async function setState(
  db: Kysely<Tables>,
  { scope, subject }: SetName,
): Promise<SetState | undefined> {
  const set = await db
    .selectFrom('configuration_set')
    .selectAll()
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .executeTakeFirst();
  if (set === undefined) return undefined;
  const versionOf = async (version: number | null) =>
    version === null ? undefined : findVersion(db, { scope, subject }, version);
  return {
    newest: set.newest,
    offered: await versionOf(set.offered),
    fallback: await versionOf(set.fallback),
  };
}

/** @throws unknown_configuration */
export async function requireSet(db: Kysely<Tables>, name: SetName): Promise<SetState> {
  const state = await setState(db, name);
  if (state !== undefined) return state;
  throw new ImprintError(
    'unknown_configuration',
    `nothing was published for the ${name.scope} ${name.subject}`,
    { hint: 'See imprint configuration list.' },
  );
}

/** @throws unknown_configuration */
export async function requireVersion(
  db: Kysely<Tables>,
  name: SetName,
  version: number,
): Promise<VersionRow> {
  const row = await findVersion(db, name, version);
  if (row !== undefined) return row;
  throw new ImprintError(
    'unknown_configuration',
    `there is no version ${version} of the ${name.scope} ${name.subject}`,
    { hint: 'See imprint configuration show.' },
  );
}

function findVersion(
  db: Kysely<Tables>,
  { scope, subject }: SetName,
  version: number,
): Promise<VersionRow | undefined> {
  return db
    .selectFrom('configuration_version')
    .selectAll()
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .where('version', '=', version)
    .executeTakeFirst();
}
