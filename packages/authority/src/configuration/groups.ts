/** Groups: devices of one product under a name, so that they are configured together. A device stands in one group at most, so that no two of them can disagree. */
import { type Actor, name as nameSchema } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import type { Ledger, Reading } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
import { requireGroup } from './set.ts';

export interface GroupView {
  group_id: string;
  product: string;
  devices: number;
  created_at: string;
  reason: string;
}

export interface GroupChange {
  groupId: string;
  /** `add`: into this group; `remove`: out of it. */
  what: 'add' | 'remove';
  devices: readonly string[];
  /** Whether a device may leave another group for this one. */
  move: boolean;
  reason: string;
}

/** @throws bad_request for a name that is none, configuration_conflict where there is one of that name, unknown_contract where there is no such product */
export async function createGroup(
  ledger: Ledger,
  by: Actor,
  group: { groupId: string; product: string; reason: string },
): Promise<void> {
  const { groupId, product, reason } = group;
  if (!nameSchema.safeParse(groupId).success) {
    throw new ImprintError('bad_request', 'this is no name of a group', {
      hint: 'It has 1 to 64 letters, digits, and . _ - after the first.',
    });
  }
  return ledger.submit(async ({ tx }) => {
    const known = await tx
      .selectFrom('contract')
      .select('product')
      .where('product', '=', product)
      .limit(1)
      .executeTakeFirst();
    if (known === undefined) {
      throw new ImprintError('unknown_contract', `there is no product ${product}`, {
        hint: 'A product is known from its first contract on: imprint contract register.',
      });
    }
    const taken = await tx
      .selectFrom('configuration_group')
      .select('group_id')
      .where('group_id', '=', groupId)
      .executeTakeFirst();
    if (taken !== undefined) {
      throw new ImprintError('configuration_conflict', `there is a group ${groupId} already`, {
        hint: 'Choose another name, or add the devices to it.',
      });
    }
    return {
      entries: [{ type: 'group.created', actor: by, data: { group_id: groupId, product, reason } }],
      reply: () => undefined,
    };
  });
}

/**
 * Adds devices to a group, or takes them out. Every device is looked at before the first is moved; what was done before is left, so that
 * a list may be sent again after any interruption.
 * @throws unknown_group, unknown_device, configuration_conflict (a device of another product, or of another group without `move`)
 */
export async function changeGroup(
  ledger: Ledger,
  by: Actor,
  change: GroupChange,
): Promise<{ changed: number; before: number }> {
  const chunks: string[][] = [];
  for (let at = 0; at < change.devices.length; at += limits.idsPerLogEntry) {
    chunks.push(change.devices.slice(at, at + limits.idsPerLogEntry));
  }
  for (const chunk of chunks) await toChange(ledger.reader, change, chunk);
  let changed = 0;
  for (const chunk of chunks) {
    changed += await ledger.submit(async ({ tx }: Reading) => {
      const ids = await toChange(tx, change, chunk);
      const [added, removed] = change.what === 'add' ? [ids, []] : [[], ids];
      const data = { group_id: change.groupId, added, removed, reason: change.reason };
      return {
        entries: ids.length === 0 ? [] : [{ type: 'group.changed', actor: by, data }],
        reply: () => ids.length,
      };
    });
  }
  return { changed, before: change.devices.length - changed };
}

/** All groups by name. */
export async function listGroups(reader: Kysely<Tables>): Promise<GroupView[]> {
  const rows = await reader
    .selectFrom('configuration_group as g')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('configuration_member as m')
        .select((member) => member.fn.countAll<number>().as('devices'))
        .whereRef('m.group_id', '=', 'g.group_id')
        .as('devices'),
    )
    .orderBy('group_id')
    .execute();
  return rows.map((row) => ({ ...row, devices: Number(row.devices) }));
}

/** A page of a group's devices by ID. @throws unknown_group */
export async function devicesOfGroup(
  reader: Kysely<Tables>,
  groupId: string,
  after = '',
  limit: number = limits.pageRows,
): Promise<{ devices: string[]; next: string | null }> {
  await requireGroup(reader, groupId);
  const rows = await reader
    .selectFrom('configuration_member')
    .select('device_id')
    .where('group_id', '=', groupId)
    .where('device_id', '>', after)
    .orderBy('device_id')
    .limit(limit + 1)
    .execute();
  const devices = rows.slice(0, limit).map((row) => row.device_id);
  return { devices, next: rows.length > limit ? devices.at(-1)! : null };
}

/** Those of the chunk for which something changes. */
async function toChange(
  db: Kysely<Tables>,
  { groupId, what, move }: GroupChange,
  chunk: readonly string[],
): Promise<string[]> {
  const group = await requireGroup(db, groupId);
  const rows = await db
    .selectFrom('device')
    .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
    .leftJoin('configuration_member', 'configuration_member.device_id', 'device.device_id')
    .select(['device.device_id', 'production_order.product', 'configuration_member.group_id'])
    .where('device.device_id', 'in', chunk)
    .execute();
  const known = new Map(rows.map((row) => [row.device_id, row]));
  return chunk.filter((deviceId) => {
    const device = known.get(deviceId);
    if (device === undefined) {
      throw new ImprintError('unknown_device', `there is no device ${deviceId}`, {
        hint: 'Nothing more was changed. Correct the list and send it again.',
      });
    }
    if (what === 'remove') return device.group_id === groupId;
    if (device.product !== group.product) {
      throw new ImprintError(
        'configuration_conflict',
        `${deviceId} is of product ${device.product}, and the group ${groupId} of ${group.product}`,
        { hint: 'A group holds devices of one product: make another one.' },
      );
    }
    if (device.group_id === groupId) return false;
    if (device.group_id === null || move) return true;
    throw new ImprintError('configuration_conflict', `${deviceId} stands in the group ${device.group_id}`, {
      hint: 'Say that it is to leave that one: --move.',
    });
  });
}
