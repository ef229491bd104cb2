/** Reads which versions a device is offered: of each set that it belongs to the one under way, or the last good one. */
import type { ConfigurationScope } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { ConfigurationValue } from '@imprint/contract/provisioning-contract/deferred-configuration';
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';
import type { Layer } from './resolve.ts';
import { isInShare, type Offer, shareAt } from './share.ts';

export interface ConfiguredDevice {
  device_id: string;
  state: LifecycleState;
  order_id: string;
  product: string;
  contract_sha256: string;
  group_id: string | null;
}

/** What a version holds, as its row has it. */
export interface Contents {
  values: Record<string, ConfigurationValue>;
  secrets: Record<string, string>;
}

export const contentsOf = (json: string) => JSON.parse(json) as Contents;

/** @throws unknown_device */
export async function requireDevice(db: Kysely<Tables>, deviceId: string): Promise<ConfiguredDevice> {
  const [device] = (await selectDevice(db, { device_id: deviceId })).rows;
  if (device !== undefined) return device;
  throw new ImprintError('unknown_device', `there is no device ${deviceId}`, {
    hint: 'Check the ID letter by letter, and that this is the authority of its realm.',
  });
}

/** The versions that this device is offered at this time, of each set one at most. */
export async function layersOf(db: Kysely<Tables>, device: ConfiguredDevice, at: string): Promise<Layer[]> {
  const { rows } = await selectVersions(db, {
    product: device.product,
    order_id: device.order_id,
    // no group has an empty name
    group_id: device.group_id ?? '',
    device_id: device.device_id,
  });
  const offered = rows.filter(
    (row) => row.version === row.offered && isInShare(row, device.device_id, shareAt(row, at)),
  );
  const fallback = rows.filter(
    (row) =>
      row.version === row.fallback &&
      !offered.some(({ scope, subject }) => scope === row.scope && subject === row.subject),
  );
  return [...offered, ...fallback].map(({ scope, subject, version, contents }) => ({
    scope,
    subject,
    version,
    ...contentsOf(contents),
  }));
}

const selectDevice = statement<{ device_id: string }, ConfiguredDevice>((db, arg) =>
  db
    .selectFrom('device')
    .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
    .leftJoin('configuration_member', 'configuration_member.device_id', 'device.device_id')
    .select([
      'device.device_id',
      'device.state',
      'device.order_id',
      'production_order.product',
      'production_order.contract_sha256',
      'configuration_member.group_id',
    ])
    .where('device.device_id', '=', arg('device_id')),
);

interface OfferedVersion extends Offer {
  scope: ConfigurationScope;
  subject: string;
  version: number;
  offered: number | null;
  fallback: number | null;
  contents: string;
}

const selectVersions = statement<
  { product: string; order_id: string; group_id: string; device_id: string },
  OfferedVersion
>((db, arg) =>
  db
    .selectFrom('configuration_set as set')
    .innerJoin('configuration_version as v', (join) =>
      join.onRef('v.scope', '=', 'set.scope').onRef('v.subject', '=', 'set.subject'),
    )
    .select([
      'set.scope',
      'set.subject',
      'set.offered',
      'set.fallback',
      'v.version',
      'v.contents',
      'v.share',
      'v.steps',
      'v.step_minutes',
      'v.published_at',
    ])
    .where((row) =>
      row.or([row('v.version', '=', row.ref('set.offered')), row('v.version', '=', row.ref('set.fallback'))]),
    )
    .where((row) =>
      row.or([
        row.and([row('set.scope', '=', 'product'), row('set.subject', '=', arg('product'))]),
        row.and([row('set.scope', '=', 'order'), row('set.subject', '=', arg('order_id'))]),
        row.and([row('set.scope', '=', 'group'), row('set.subject', '=', arg('group_id'))]),
        row.and([row('set.scope', '=', 'device'), row('set.subject', '=', arg('device_id'))]),
      ]),
    ),
);
