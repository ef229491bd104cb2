/** Entries of stations, operators and shifts. */
import { fromBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { StationTable, Tables } from '../../storage/tables.ts';
import type { Projections } from './projections.ts';
import { recordRevocation } from './revocations.ts';

type StationEntries =
  | 'station.invited'
  | 'station.requested'
  | 'station.confirmed'
  | 'station.certified'
  | 'station.revoked'
  | 'operator.registered'
  | 'shift.opened'
  | 'shift.closed';

export const stationProjections: Projections<StationEntries> = {
  /** A station that is invited again starts anew: its old key and certificate are gone from the registry, not from the log. */
  'station.invited': async (tx, { at, data }, index) => {
    await revokeCertificate(tx, data.station_id, at, index);
    const { expires_at: _, station_id, ...place } = data;
    const fresh = {
      ...place,
      status: 'invited' as const,
      public_key_sha256: null,
      serial: null,
      tbs_sha256: null,
      certificate_sha256: null,
      certificate: null,
      not_after: null,
      issuer_sha256: null,
      reason: null,
    };
    await tx
      .insertInto('station')
      .values({ station_id, ...fresh })
      .onConflict((conflict) => conflict.column('station_id').doUpdateSet(fresh))
      .execute();
  },
  'station.requested': async (tx, { data }) => {
    await updateStation(tx, data.station_id, {
      status: 'pending',
      public_key_sha256: data.public_key_sha256,
    });
  },
  'station.confirmed': async (tx, { at, data }, index) => {
    // one that was confirmed before and never certified: what was signed then is nobody's
    await revokeCertificate(tx, data.station_id, at, index);
    const { station_id, issuer_sha256 = null, ...rest } = data;
    await updateStation(tx, station_id, { status: 'confirmed', ...rest, issuer_sha256 });
  },
  'station.certified': async (tx, { data }) => {
    await updateStation(tx, data.station_id, {
      serial: data.serial,
      certificate_sha256: data.certificate_sha256,
      certificate: fromBase64(data.certificate_b64),
    });
  },
  'station.revoked': async (tx, { at, data }, index) => {
    await revokeCertificate(tx, data.station_id, at, index);
    await updateStation(tx, data.station_id, { status: 'revoked', reason: data.reason });
  },
  'operator.registered': async (tx, { at, data }) => {
    await tx
      .insertInto('operator')
      .values({ ...data, registered_at: at })
      .execute();
  },
  'shift.opened': async (tx, { at, data }) => {
    await tx
      .insertInto('shift')
      .values({ ...data, opened_at: at, closed_at: null })
      .execute();
  },
  'shift.closed': async (tx, { at, data }) => {
    await tx
      .updateTable('shift')
      .set({ closed_at: at })
      .where('shift_id', '=', data.shift_id)
      .where('station_id', '=', data.station_id)
      .where('closed_at', 'is', null)
      .execute();
  },
};

/** Whatever the station CA may have signed for the station so far belongs into its CRL, once. */
async function revokeCertificate(
  tx: Kysely<Tables>,
  stationId: string,
  at: string,
  index: number,
): Promise<void> {
  const found = await tx
    .selectFrom(['station', 'realm'])
    .select(['realm.station_ca_sha256', 'station.issuer_sha256', 'station.serial', 'station.not_after'])
    .where('station.station_id', '=', stationId)
    .executeTakeFirst();
  if (!found?.serial || !found.not_after) return;
  await recordRevocation(tx, {
    issuer_sha256: found.issuer_sha256 ?? found.station_ca_sha256,
    serial: found.serial,
    revoked_at: at,
    reason: 'station-revoked',
    not_after: found.not_after,
    log_index: index,
  });
}

async function updateStation(
  tx: Kysely<Tables>,
  stationId: string,
  change: Partial<StationTable>,
): Promise<void> {
  const result = await tx
    .updateTable('station')
    .set(change)
    .where('station_id', '=', stationId)
    .executeTakeFirst();
  if (result.numUpdatedRows !== 1n) {
    throw new ImprintError('unknown_station', `there is no station ${stationId}`);
  }
}
