/**
 * The live session of a station: who it is now, what it may work on, and that the log which it saw last is the log
 * that it sees now. The newest session wins; an older one that still speaks raises an alarm.
 */
import type { SessionView, StationRequest } from '@imprint/contract/api/station';
import { parseVerifierKey, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { verifyConsistency } from '@imprint/contract/audit/merkle';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { SignedHead } from '../audit/checkpoints.ts';
import { proveConsistency } from '../audit/tiles.ts';
import { requireConfirmed } from '../jobs/authorize-station.ts';
import type { LineCore } from '../jobs/line-core.ts';
import type { Draft } from '../ledger/ledger.ts';
import { dueSamples } from '../registry/samples.ts';

/**
 * @throws station_revoked, station_pending, station_outdated, log_inconsistent (the station's last checkpoint is not
 * of this log's past: an alarm is raised, since an old backup or a fork shows so)
 */
export async function openSession(
  core: LineCore,
  stationId: string,
  request: StationRequest<'openSession'>,
): Promise<SessionView> {
  requireVersion(core, request.station_version);
  const { signed, proof } = await requireContinues(core, stationId, request.last_checkpoint);
  const sessionId = `w-${toHex(core.entropy(10))}`;
  await core.ledger.submit(async (reading) => {
    const station = await reading.tx
      .selectFrom('station')
      .selectAll()
      .where('station_id', '=', stationId)
      .executeTakeFirst();
    requireConfirmed(station, reading.at);
    const { size } = await reading.tx.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
    const row = {
      session_id: sessionId,
      station_version: request.station_version,
      configuration_sha256: request.configuration_sha256,
      log_size: size,
    };
    return {
      entries: [],
      remember: async (tx) => {
        await tx
          .insertInto('station_session')
          .values({ station_id: stationId, ...row })
          .onConflict((conflict) => conflict.column('station_id').doUpdateSet(row))
          .execute();
      },
      reply: () => undefined,
    };
  });
  return {
    ...(await sessionView(core, stationId, sessionId)),
    checkpoint: signed.text,
    consistency_proof: proof,
  };
}

function requireVersion(core: LineCore, version: string): void {
  if (version.localeCompare(core.minimumStationVersion, 'en', { numeric: true }) >= 0) return;
  throw new ImprintError(
    'station_outdated',
    `this station runs version ${version}; ${core.minimumStationVersion} is the oldest allowed`,
    {
      hint: 'Update the station, then start it again.',
    },
  );
}

/** The checkpoint of now, and the proof that it continues the one that the station saw last. */
async function requireContinues(
  core: LineCore,
  stationId: string,
  last: string | null,
): Promise<{ signed: SignedHead; proof: string[] }> {
  const signed = await core.checkpoints.latest();
  if (last === null) return { signed, proof: [] };
  const seen = verifyCheckpoint(last, parseVerifierKey(core.checkpoints.verifierKey));
  if (seen.size <= signed.size) {
    const proof = await proveConsistency(core.ledger.reader, seen.size, signed.size);
    if (verifyConsistency(seen.size, signed.size, seen.root, signed.root, proof)) {
      return { signed, proof: proof.map(toHex) };
    }
  }
  const detail =
    seen.size > signed.size
      ? `station ${stationId} holds a checkpoint of ${seen.size} entries, signed by this log, which has only ${signed.size}`
      : `station ${stationId} holds a checkpoint of ${seen.size} entries, signed by this log, with another root`;
  const alarm: Draft = {
    type: 'alarm.raised',
    actor: { kind: 'station', id: stationId },
    data: { kind: 'log-inconsistent', subject: stationId, detail },
  };
  await core.ledger.submit(async () => ({ entries: [alarm], reply: () => undefined }));
  throw new ImprintError('log_inconsistent', detail, {
    hint: 'Stop the authority: its database may be an old backup or a fork. Compare it with imprint audit verify.',
  });
}

async function sessionView(
  core: LineCore,
  stationId: string,
  sessionId: string,
): Promise<Omit<SessionView, 'checkpoint' | 'consistency_proof'>> {
  const db = core.ledger.reader;
  const now = core.clock();
  const station = await db
    .selectFrom('station')
    .selectAll()
    .where('station_id', '=', stationId)
    .executeTakeFirstOrThrow();
  const orders = await db
    .selectFrom('production_order')
    .selectAll()
    .where('closed_at', 'is', null)
    .where('closes_at', '>', now.toISOString())
    .orderBy('order_id')
    .execute();
  const assigned = orders.filter((order) => {
    const stations = JSON.parse(order.stations) as string[];
    const sites = JSON.parse(order.sites) as string[];
    return (
      stations.length + sites.length > 0 &&
      (stations.length === 0 || stations.includes(stationId)) &&
      (sites.length === 0 || sites.includes(station.site))
    );
  });
  return {
    session_id: sessionId,
    station_id: stationId,
    site: station.site,
    line: station.line,
    lanes: station.lanes,
    realm: core.realm,
    server_time: now.toISOString(),
    root_pem: core.rootPem,
    log_verifier_key: core.checkpoints.verifierKey,
    orders: assigned.slice(0, 256).map((order) => ({
      order_id: order.order_id,
      product: order.product,
      sku: order.sku,
      lot: order.lot,
      contract_sha256: order.contract_sha256,
      hardware_revisions: JSON.parse(order.hardware_revisions) as string[],
      id_source: order.id_source,
      remaining: Math.max(0, order.quantity + order.scrap_allowance - order.issued),
      closes_at: order.closes_at,
    })),
    samples: await dueSamples(db, stationId, now),
    minimum_station_version: core.minimumStationVersion,
  };
}
