/**
 * What a station may do, decided here and nowhere else: it must be confirmed now, hold the live session, and be
 * assigned to the order. Read inside the decision's transaction, so that a revocation holds at the next request.
 */
import { ImprintError } from '@imprint/contract/errors';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { ProductionOrderTable, StationSessionTable, StationTable } from '../storage/tables.ts';
import type { StationCaller } from './line-core.ts';

export interface AuthorizedStation {
  stationId: string;
  site: string;
  lanes: number;
  version: string;
  configurationSha256: string;
  /** The log's entries before the live session: whatever this station was at then is over. */
  sessionLogSize: number;
}

/** What comes of a request of a session that is not the live one. `alarms` is empty where one was raised before. */
export interface RefusedSession {
  refusal: ImprintError;
  alarms: Draft[];
}

/**
 * The station behind the request, or how an older session of it is refused: that refusal is committed before it is
 * spoken, since one alarm is raised for each session that was overtaken and still speaks.
 * @throws station_revoked, station_pending, not_authenticated
 */
export async function authorizeStation(
  reading: Reading,
  caller: StationCaller,
): Promise<AuthorizedStation | RefusedSession> {
  const { rows: stations } = await selectStation(reading.tx, { id: caller.stationId });
  const station = stations[0];
  requireConfirmed(station, reading.at);
  const { rows: sessions } = await selectSession(reading.tx, { id: caller.stationId });
  const session = sessions[0];
  if (!session) {
    throw new ImprintError('not_authenticated', `station ${caller.stationId} has no session here`, {
      hint: 'Start the station program anew: it opens a session when it starts.',
    });
  }
  if (session.session_id !== caller.sessionId) return refuseSession(reading, caller, session.log_size);
  return {
    stationId: station.station_id,
    site: station.site,
    lanes: station.lanes,
    version: session.station_version,
    configurationSha256: session.configuration_sha256,
    sessionLogSize: session.log_size,
  };
}

/** One alarm for each live session, whatever IDs the others name: a thief cannot fill the log with them. */
async function refuseSession(
  reading: Reading,
  { stationId, sessionId }: StationCaller,
  liveSince: number,
): Promise<RefusedSession> {
  const raised = await reading.tx
    .selectFrom('alarm')
    .select('log_index')
    .where('kind', '=', 'second-station-session')
    .where('subject', '=', stationId)
    .where('log_index', '>=', liveSince)
    .limit(1)
    .executeTakeFirst();
  const refusal = new ImprintError(
    'station_session_taken',
    `another session of station ${stationId} began after this one`,
    {
      hint: 'If nobody restarted this station, its key may be in use elsewhere: call the person who runs the authority.',
      context: { session_id: sessionId },
    },
  );
  const alarm: Draft = {
    type: 'alarm.raised',
    actor: { kind: 'station', id: stationId },
    data: {
      kind: 'second-station-session',
      subject: stationId,
      detail: `session ${sessionId}: ${refusal.message}`,
    },
  };
  return { refusal, alarms: raised ? [] : [alarm] };
}

/**
 * A station that a person confirmed, that was not revoked and whose certificate has not run out.
 * @throws not_authenticated, station_revoked, station_pending
 */
export function requireConfirmed(
  station: Selectable<StationTable> | undefined,
  at: string,
): asserts station is Selectable<StationTable> {
  if (!station) throw new ImprintError('not_authenticated', 'this station is not known here');
  if (station.status === 'revoked') {
    throw new ImprintError('station_revoked', `station ${station.station_id} was revoked`, {
      hint: 'Enrol it anew with a fresh token if it is to work again.',
    });
  }
  if (station.status !== 'confirmed') {
    throw new ImprintError(
      'station_pending',
      `nobody has confirmed the key of station ${station.station_id} yet`,
    );
  }
  if (station.not_after !== null && station.not_after <= at) {
    throw new ImprintError(
      'not_authenticated',
      `the certificate of station ${station.station_id} ran out at ${station.not_after}`,
      {
        hint: 'Enrol the station anew.',
      },
    );
  }
}

/** @throws not_authorized, wrong_site where the order names neither this station nor its site */
export function requireAssigned(station: AuthorizedStation, order: Selectable<ProductionOrderTable>): void {
  const stations = JSON.parse(order.stations) as string[];
  const sites = JSON.parse(order.sites) as string[];
  // An order that names nobody is nobody's: what is not granted is denied.
  if (stations.length === 0 && sites.length === 0) {
    throw new ImprintError('not_authorized', `order ${order.order_id} is assigned to no station and no site`);
  }
  if (sites.length > 0 && !sites.includes(station.site)) {
    throw new ImprintError('wrong_site', `order ${order.order_id} is not made at site ${station.site}`);
  }
  if (stations.length > 0 && !stations.includes(station.stationId)) {
    throw new ImprintError(
      'not_authorized',
      `order ${order.order_id} is not assigned to station ${station.stationId}`,
    );
  }
}

const selectStation = statement<{ id: string }, Selectable<StationTable>>((db, arg) =>
  db.selectFrom('station').selectAll().where('station_id', '=', arg('id')),
);

const selectSession = statement<{ id: string }, Selectable<StationSessionTable>>((db, arg) =>
  db.selectFrom('station_session').selectAll().where('station_id', '=', arg('id')),
);
