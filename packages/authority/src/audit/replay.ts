/** Replays a log from entry 0 in a scratch database, and holds every projected table against what comes of it (I-15). */
import { type AuditEntry, decodeEntry, type RealmName } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { type Finding, Findings } from './finding.ts';
import { logEntries, type StoredEntry } from './log-entries.ts';
import { BadEntry, notReplayable, RebuildingHere } from './rebuilding.ts';

export interface ReplayReport {
  entries: number;
  /** Differences found, the first of them in `findings`. */
  differences: number;
  findings: Finding[];
}

/** Replays the log of `reader` and compares. The caller holds a snapshot, so that both are of one moment. */
export async function replay(reader: Kysely<Tables>, realm: RealmName): Promise<ReplayReport> {
  const findings = new Findings();
  const rebuilding = await RebuildingHere.begin(realm);
  try {
    let entries = 0;
    try {
      for await (const row of logEntries(reader)) {
        entries++;
        await rebuilding.add(row, readEntry(row));
      }
      await rebuilding.compareWith(reader, findings);
    } catch (error) {
      findings.add(notReplayable(error));
    }
    return { entries, differences: findings.total, findings: findings.list };
  } finally {
    await rebuilding.close();
  }
}

function readEntry(row: StoredEntry): AuditEntry {
  try {
    return decodeEntry(row.bytes);
  } catch (cause) {
    throw BadEntry.because(row.log_index, cause);
  }
}
