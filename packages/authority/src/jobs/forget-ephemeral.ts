/** Forgets what only lets a request be repeated, once nobody repeats it: without this a station fills the disk with nonces. */
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import type { LineCore } from './line-core.ts';

const rowsAtOnce = 1_000;

/**
 * Deletes nonces, checks and sessions that ran out an hour ago, and requests that were answered longer ago than any station keeps
 * them. Some at a time, so that the line does not wait; gives how many there were.
 */
export async function forgetEphemeral({
  ledger,
  clock,
}: Pick<LineCore, 'ledger' | 'clock'>): Promise<number> {
  const before = (ms: number) => new Date(clock().getTime() - ms).toISOString();
  const [ranOut, answered] = [before(limits.nonceLifeMs * 30), before(limits.requestMemoryMs)];
  let forgotten = 0;
  for (;;) {
    let rows = 0;
    await ledger.submit(async () => ({
      entries: [],
      remember: async (tx) => {
        rows =
          (await forget(tx, 'nonce', ['nonce'], 'expires_at', ranOut)) +
          (await forget(tx, 'open_check', ['check_id'], 'expires_at', ranOut)) +
          (await forget(tx, 'account_session', ['session_sha256'], 'expires_at', ranOut)) +
          (await forget(tx, 'request', ['station_id', 'request_id'], 'at', answered));
      },
      reply: () => undefined,
    }));
    forgotten += rows;
    if (rows === 0) return forgotten;
  }
}

/** Up to {@link rowsAtOnce} rows of a table, by its key, whose time lies before `until`. */
async function forget(
  tx: Kysely<Tables>,
  table: 'nonce' | 'open_check' | 'account_session' | 'request',
  key: readonly string[],
  time: string,
  until: string,
): Promise<number> {
  // the four tables have no columns in common, so the names are checked by the test and not by the compiler
  const { ref } = tx.dynamic;
  const rows = (await tx
    .selectFrom(table)
    .select(key.map((column) => ref(column)))
    .where(ref(time), '<', until as never)
    .limit(rowsAtOnce)
    .execute()) as Record<string, string>[];
  for (const row of rows) {
    await tx
      .deleteFrom(table)
      .where((eb) => eb.and(row as never))
      .execute();
  }
  return rows.length;
}
