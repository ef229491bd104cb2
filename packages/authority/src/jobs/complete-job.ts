/**
 * Attest and complete: the unit signs its own lock, boot and firmware state and the hashes of what it stores; where
 * all of it is what contract and record say, the device is done, and the answer is its receipt.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import type { EntryData } from '@imprint/contract/audit/entry';
import { fromBase64 } from '@imprint/contract/bytes';
import { type AttestedState, attestBytes } from '@imprint/contract/dut/statement';
import { ImprintError } from '@imprint/contract/errors';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { sha256Hex } from '@imprint/contract/hash';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { type JobDocuments, jobDocuments } from '../registry/job-documents.ts';
import { statement } from '../storage/statement.ts';
import type { AttemptTable, DeviceTable } from '../storage/tables.ts';
import { type ActiveCredential, type Job, requireCredential, requireLiveJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { requireNonce, spendNonce } from './nonce.ts';
import { decideOnce } from './once.ts';
import { requireOrder } from './open-order.ts';
import { latestOutcomes, manufacturedDrafts } from './operations.ts';
import { exceptionFor, requireSealedState } from './report-sealed.ts';
import { requireSigned, statementOf } from './statement.ts';

export interface Completed {
  device_id: string;
  device_state: LifecycleState;
}

/**
 * @throws proof_wrong, nonce_invalid, evidence_wrong (state, self-test or label), job_not_open, job_state_wrong
 */
export async function completeJob(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'completeJob'>,
): Promise<Completed> {
  const { attempt, nonce, state } = request;
  const signature = fromBase64(request.signature_b64);
  return decideOnce<Completed>(
    core.ledger,
    caller,
    `completeJob ${jobId}`,
    request,
    async (reading, station) => {
      const job = await requireLiveJob(reading, station.stationId, jobId, attempt, ['sealed']);
      const credential = await requireCredential(reading, jobId);
      const contract = await core.contracts.get(reading.tx, job.contract_sha256);
      await requireNonce(reading, nonce, { purpose: 'attest', subject: jobId, attempt });
      const use = { subject: jobId, attempt, nonce };
      requireSigned(credential, attestBytes(statementOf(core, job, credential, use), state), signature);
      const documents = await jobDocuments(reading.tx, job);
      const exception = await exceptionFor(reading, contract, job.device_id, state);
      requireAttestedState(core, contract, documents, state, exception);
      requireReports(contract, job, request);
      const completed: Draft = {
        type: 'job.completed',
        actor: { kind: 'station', id: caller.stationId },
        data: {
          ...(await completedData(core, reading, contract, job, documents, credential, request)),
          ...(exception === null ? {} : { debug_exception: exception }),
        },
      };
      const device = { deviceId: job.device_id, state: await stateOf(reading, job) };
      const latest = await latestOutcomes(reading.tx, job);
      const moved = manufacturedDrafts(caller, contract, device, 'done', latest);
      return {
        entries: [completed, ...moved],
        remember: (tx) => spendNonce(tx, nonce, reading.at),
        outcome: { device_id: job.device_id, device_state: moved.length > 0 ? 'manufactured' : device.state },
      };
    },
  );
}

/** What the unit attests must be what the contract asks for and what this job wrote. */
function requireAttestedState(
  core: LineCore,
  contract: ProvisioningContract,
  documents: JobDocuments,
  state: AttestedState,
  exception: string | null,
): void {
  requireSealedState(contract, state, 'attested', exception);
  const expected: Partial<AttestedState> = {
    firmware_build_id: contract.firmware.build_id,
    firmware_sha256: contract.firmware.sha256,
    trust_anchor_sha256: core.rootSha256,
    factory_config_sha256: sha256Hex(new TextEncoder().encode(documents.factory_config)),
    storage_map_sha256: storageMapSha256(contract),
  };
  for (const [item, wanted] of Object.entries(expected)) {
    if (state[item as keyof AttestedState] === wanted) continue;
    throw new ImprintError(
      'evidence_wrong',
      `the unit attests another ${item} than the contract and this job say`,
      {
        hint: 'Set the unit aside.',
      },
    );
  }
  if (state.rollback_counter < contract.firmware.rollback_counter) {
    throw new ImprintError(
      'evidence_wrong',
      `the unit attests roll-back counter ${state.rollback_counter}; the contract asks for ${contract.firmware.rollback_counter} or more`,
      {
        hint: 'Set the unit aside.',
      },
    );
  }
}

function requireReports(
  contract: ProvisioningContract,
  job: Job,
  request: StationRequest<'completeJob'>,
): void {
  if (!request.selftest.passed) {
    throw new ImprintError('evidence_wrong', 'the self-test did not pass', {
      hint: 'Scan the unit again to repeat it.',
    });
  }
  if (request.label.scanned_back !== job.device_id) {
    throw new ImprintError(
      'evidence_wrong',
      `the label reads ${request.label.scanned_back}; the unit is ${job.device_id}`,
      {
        hint: 'Put the right label on the unit and scan it again.',
      },
    );
  }
  if (request.label.mode !== contract.label.mode) {
    throw new ImprintError(
      'evidence_wrong',
      `the contract's label mode is ${contract.label.mode}, not ${request.label.mode}`,
    );
  }
}

async function completedData(
  core: LineCore,
  reading: Reading,
  contract: ProvisioningContract,
  job: Job,
  documents: JobDocuments,
  credential: ActiveCredential,
  request: StationRequest<'completeJob'>,
): Promise<EntryData<'job.completed'>> {
  const attempt = (await selectAttempt(reading.tx, { job_id: job.job_id, attempt: job.attempt })).rows[0]!;
  const order = await requireOrder(reading, job.order_id);
  const written = JSON.parse(documents.written!) as EntryData<'job.written'>;
  const proven = JSON.parse(documents.proven!) as EntryData<'job.proven'>;
  const sealed = JSON.parse(documents.sealed!) as EntryData<'job.sealed'>;
  return {
    job_id: job.job_id,
    order_id: job.order_id,
    lot: order.lot,
    product: order.product,
    sku: job.sku,
    device_id: job.device_id,
    hardware_uid: JSON.parse(job.hardware_uid_parts),
    hw_rev: job.hw_rev,
    site: attempt.site,
    station_id: attempt.station_id,
    where: { lane: attempt.lane, carrier: attempt.carrier, position: attempt.position },
    operator_id: attempt.operator_id,
    contract_sha256: job.contract_sha256,
    contract_revision: contract.revision,
    manifest_sha256: job.manifest_sha256,
    log_id: core.logId,
    key_type: contract.credential.key_type,
    public_key_sha256: credential.public_key_sha256,
    certificate_sha256: credential.certificate_sha256,
    certificate_serial: credential.serial,
    issuer_sha256: credential.issuer_sha256,
    // `none` is the one attestation that a contract can ask for today: the key is proven through a station only.
    assurance: 'proven-through-station',
    prove: proven.prove,
    attest: {
      attempt: request.attempt,
      nonce: request.nonce,
      signature_b64: request.signature_b64,
      state: request.state,
    },
    reported: {
      read_back: written.read_back,
      seal: sealed.seal,
      selftest: request.selftest,
      label: request.label,
      station_version: attempt.station_version,
      station_configuration_sha256: attempt.station_configuration_sha256,
      durations_ms: request.durations_ms,
    },
  };
}

async function stateOf(reading: Reading, { device_id }: Job): Promise<LifecycleState> {
  return (await selectState(reading.tx, { device_id })).rows[0]!.state;
}

const selectState = statement<{ device_id: string }, Pick<DeviceTable, 'state'>>((db, arg) =>
  db.selectFrom('device').select('state').where('device_id', '=', arg('device_id')),
);

const selectAttempt = statement<{ job_id: string; attempt: number }, Selectable<AttemptTable>>((db, arg) =>
  db
    .selectFrom('attempt')
    .selectAll()
    .where('job_id', '=', arg('job_id'))
    .where('attempt', '=', arg('attempt')),
);
