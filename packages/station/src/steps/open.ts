/**
 * Open: the authority gives the job of this unit, new or where it was left. What it gives is checked against the scan and
 * the unit before anything is written.
 */
import type { JobView } from '@imprint/contract/api/station';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { sha256Hex } from '@imprint/contract/hash';
import { parsePinnedManifest } from '@imprint/contract/job-manifest';
import { fromPem } from '@imprint/contract/x509/pem';
import { LineFailure } from '../line-failure.ts';
import type { IdentifiedUnit, Visit, Work } from '../visit.ts';
import { fitFault } from './identify.ts';

/** @throws LineFailure, ImprintError of the authority; once it returned, the job is this attempt's */
export async function openJob(
  visit: Visit,
  unit: IdentifiedUnit,
  opened: (work: Work) => void,
): Promise<Work> {
  const { hello, status } = unit;
  const job = await visit.outbox
    .send(
      'openJob',
      {},
      {
        order_id: orderFor(visit, unit),
        device_id: visit.scanned,
        operation: visit.operation,
        hardware_uid: hello.hardware_uid,
        hw_rev: hello.hw_rev,
        firmware: hello.firmware,
        held: {
          device_id: status.device_id,
          public_key_sha256: status.key?.public_key_sha256 ?? null,
          certificate_sha256: status.certificate_sha256,
        },
        where: visit.place,
        shift_id: visit.shiftId,
      },
    )
    .catch((error: unknown) => {
      throw withForeign(error, visit, unit);
    });
  requireAboutThis(visit, unit, job);
  visit.journal.recordAttempt({
    lane: visit.place.lane,
    hardwareUid: unit.uid,
    deviceId: job.device_id,
    jobId: job.job_id,
    attempt: job.attempt,
  });
  const work: Work = {
    visit,
    unit,
    job,
    contract: undefined as never,
    manifest: undefined as never,
    certified: null,
    readBack: null,
    proven: false,
    seal: { before: null, acts: [] },
    labelScanned: null,
    selftestChecks: null,
  };
  // From here on a failure belongs to a job, and is reported for it.
  opened(work);
  work.contract = await visit.station.contract(job.contract_sha256);
  work.manifest = parsePinnedManifest(job.manifest, job.manifest_sha256);
  checkJob(work);
  return work;
}

/** An answer about another unit says nothing of this one, and neither is set aside for it. */
function requireAboutThis({ scanned }: Visit, { uid }: IdentifiedUnit, job: JobView): void {
  if ((scanned === null || job.device_id === scanned) && hardwareUidText(job.hardware_uid) === uid) return;
  throw new ImprintError('unavailable', `the authority answered about ${job.device_id} and another unit`, {
    hint: 'Scan the unit again; if it stays, call the person who runs the authority.',
  });
}

function checkJob({ unit, job, contract, manifest }: Work): void {
  const { hello, status } = unit;
  if (status.device_id !== null && status.device_id !== job.device_id) {
    throw new LineFailure(
      'foreign_identity',
      `the unit already bears ${status.device_id}, and ${job.device_id} was scanned`,
    );
  }
  if (manifest.device.device_id !== job.device_id) {
    throw new LineFailure(
      'id_mismatch',
      `the job's manifest is for ${manifest.device.device_id}, not ${job.device_id}`,
    );
  }
  const [anchor, ...more] = fromPem('CERTIFICATE', job.trust_anchor_pem);
  if (more.length > 0 || sha256Hex(anchor!) !== hello.root_sha256) {
    throw new LineFailure(
      'root_wrong',
      "the job's trust anchor is not the root that the unit's firmware pins",
    );
  }
  const fault = fitFault(hello, contract);
  if (fault) throw fault;
}

/** Where labels come later the scan names no order, and the unit's product must. */
function orderFor(visit: Visit, unit: IdentifiedUnit): string | null {
  if (visit.scanned !== null) return null;
  const orders = visit.station.view.orders.filter((order) => order.product === unit.hello.product);
  if (orders.length === 1) return orders[0]!.order_id;
  throw new LineFailure(
    'order_refused',
    orders.length === 0
      ? `no open order takes a unit of product ${unit.hello.product}`
      : `${orders.length} open orders take a unit of product ${unit.hello.product}, so the next ID is not certain`,
  );
}

/** A unit that bears another's ID is told as such, whatever word the authority has for its refusal. */
function withForeign(error: unknown, visit: Visit, unit: IdentifiedUnit): unknown {
  const held = unit.status.device_id;
  const isForeign = held !== null && visit.scanned !== null && held !== visit.scanned;
  if (!isForeign || !isImprintError(error, 'unit_conflict', 'device_quarantined', 'key_reused')) return error;
  return new LineFailure(
    'foreign_identity',
    `the unit already bears ${held}, and ${visit.scanned} was scanned: ${error.message}`,
    { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) },
  );
}
