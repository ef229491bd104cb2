/** What the tables say of a station at this moment, for the gate that decides at every request. */
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';

/** What the registry says of a station now. */
export interface RegisteredStation {
  status: 'invited' | 'pending' | 'confirmed' | 'revoked';
  certificateSha256: string | null;
  notAfter: string | null;
  /** How many fixtures it has, which is how much it may ask; absent: one. */
  lanes?: number;
}

/** Answers from what is committed, without a cache. */
export type FindStation = (stationId: string) => Promise<RegisteredStation | undefined>;

export function findStation(reader: Kysely<Tables>): FindStation {
  return async (stationId) => (await select(reader, { id: stationId })).rows[0];
}

const select = statement<{ id: string }, RegisteredStation>((db, arg) =>
  db
    .selectFrom('station')
    .select(['status', 'certificate_sha256 as certificateSha256', 'not_after as notAfter', 'lanes'])
    .where('station_id', '=', arg('id')),
);
