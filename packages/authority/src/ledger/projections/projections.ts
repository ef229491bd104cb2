/** What the projections of all families of entries share: their shape, the history's row, and the row that must be there. */
import type { AuditEntry, EntryType } from '@imprint/contract/audit/entry';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import type { Kysely, QueryResult, UpdateResult } from 'kysely';
import { statement } from '../../storage/statement.ts';
import type { DeviceHistoryTable, Tables } from '../../storage/tables.ts';

export type EntryOf<T extends EntryType> = Extract<AuditEntry, { type: T }>;

export type Projection<T extends EntryType> = (
  tx: Kysely<Tables>,
  entry: EntryOf<T>,
  index: number,
) => Promise<void>;

export type Projections<T extends EntryType> = { [K in T]: Projection<K> };

export interface Change {
  deviceId: string;
  /** A column of `device`, or `credential`, `station`, `firmware`, `operation` and the like. */
  field: string;
  value: string;
  reason?: string | null;
}

/** Adds one change to a device's history. */
export async function recordChange(
  tx: Kysely<Tables>,
  entry: AuditEntry,
  index: number,
  change: Change,
): Promise<void> {
  await insertHistory(tx, {
    log_index: index,
    device_id: change.deviceId,
    at: entry.at,
    actor: actorText(entry),
    field: change.field,
    value: change.value,
    reason: change.reason ?? null,
  });
}

/** Who did it, as histories show it: `station:st-1`. */
export function actorText(entry: AuditEntry): string {
  return `${entry.actor.kind}:${entry.actor.id}`;
}

/** Refuses with `code` where a write did not meet exactly one row: the entry does not fit the tables. */
export function mustChangeOne(result: QueryResult<unknown>, code: ErrorCode, message: string): void {
  if (result.numAffectedRows === 1n || result.rows.length === 1) return;
  throw new ImprintError(code, message, { hint: 'Nothing was written.' });
}

/** The same for an update that the query builder ran. */
export function mustUpdateOne(result: UpdateResult, code: ErrorCode, message: string): void {
  mustChangeOne({ rows: [], numAffectedRows: result.numUpdatedRows }, code, message);
}

const insertHistory = statement<DeviceHistoryTable>((db, arg) =>
  db.insertInto('device_history').values({
    log_index: arg('log_index'),
    device_id: arg('device_id'),
    at: arg('at'),
    actor: arg('actor'),
    field: arg('field'),
    value: arg('value'),
    reason: arg('reason'),
  }),
);
