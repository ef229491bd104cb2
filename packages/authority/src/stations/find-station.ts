/** What the tables say of a station at this moment, for the gate that decides at every request. */
import type { Kysely } from 'kysely';
import type { FindStation, RegisteredStation } from '../http/station-gate.ts';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';

export function findStation(reader: Kysely<Tables>): FindStation {
  return async (stationId) => (await select(reader, { id: stationId })).rows[0];
}

const select = statement<{ id: string }, RegisteredStation>((db, arg) =>
  db
    .selectFrom('station')
    .select(['status', 'certificate_sha256 as certificateSha256', 'not_after as notAfter'])
    .where('station_id', '=', arg('id')),
);
