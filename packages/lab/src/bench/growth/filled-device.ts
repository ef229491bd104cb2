/**
 * A device as its whole life until done leaves it in the log: the eight entries of one job and the six requests that it
 * took. Its certificate and signatures are random bytes of the usual length: nothing that is measured on a filled authority
 * verifies them, and a million real ones would take longer than filling.
 */
import { randomBytes } from 'node:crypto';
import { makeSerial } from '@imprint/authority/issuing/serial';
import { newId } from '@imprint/authority/jobs/new-id';
import type { Draft } from '@imprint/authority/ledger/ledger';
import type { RequestTable } from '@imprint/authority/storage/tables';
import type { EntryData } from '@imprint/contract/audit/entry';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { sha256Hex } from '@imprint/contract/hash';
import {
  type AuthorityHome,
  benchSite,
  benchStation,
  newRequestId,
  noConfiguration,
  stationVersion,
} from '../bench-home.ts';
import { benchContract, jobDrafts } from '../open-jobs.ts';

const certificateBytes = 700;
const signatureBytes = 71;
const validForever = '9999-12-31T23:59:59.000Z';
const { contract, sha256: contractSha256 } = benchContract;
const mapSha256 = storageMapSha256(contract);

/** What a device adds to the log, in its order. */
export function deviceDrafts(home: AuthorityHome, now: Date, orderId: string, deviceId: string): Draft[] {
  const { line } = home.unlocked;
  const at = now.toISOString();
  const jobId = newId('j', now, line.entropy);
  const credentialId = newId('k', now, line.entropy);
  const serial = Buffer.from(makeSerial(now, line.entropy)).toString('hex');
  const certificate = randomBytes(certificateBytes);
  const certificate_sha256 = sha256Hex(certificate);
  const public_key_sha256 = hex(32);
  const station: Draft['actor'] = { kind: 'station', id: benchStation };
  const authority: Draft['actor'] = { kind: 'authority', id: line.processId };
  const opening = jobDrafts(home, now, orderId, deviceId, jobId);
  const opened = opening[0]!.data as EntryData<'job.opened'>;
  const sealed = { debug_lock: contract.lock_policy.debug, boot_flags: { ...contract.boot_flags } };
  const read_back = {
    device_id: deviceId,
    certificate_sha256,
    chain_sha256: home.issuerSha256,
    trust_anchor_sha256: line.rootSha256,
    factory_config_sha256: sha256Hex(Buffer.from(opened.factory_config)),
  };
  const seal: EntryData<'job.sealed'>['seal'] = {
    before: { debug_lock: 'open', boot_flags: {} },
    after: sealed,
    acts: ['write_boot_flags', 'finalize'],
  };
  const prove = signature();
  const completed: EntryData<'job.completed'> = {
    job_id: jobId,
    order_id: orderId,
    lot: 'lot-1',
    product: contract.product,
    sku: opened.sku,
    device_id: deviceId,
    hardware_uid: opened.hardware_uid,
    hw_rev: opened.hw_rev,
    site: benchSite,
    station_id: benchStation,
    where: { lane: 1, carrier: null, position: null },
    operator_id: null,
    contract_sha256: contractSha256,
    contract_revision: contract.revision,
    manifest_sha256: opened.manifest_sha256,
    log_id: line.logId,
    key_type: contract.credential.key_type,
    public_key_sha256,
    certificate_sha256,
    certificate_serial: serial,
    issuer_sha256: home.issuerSha256,
    assurance: 'proven-through-station',
    prove,
    attest: {
      ...signature(),
      state: {
        ...sealed,
        firmware_build_id: contract.firmware.build_id,
        firmware_sha256: contract.firmware.sha256,
        rollback_counter: contract.firmware.rollback_counter,
        boot_count: 2,
        trust_anchor_sha256: line.rootSha256,
        factory_config_sha256: read_back.factory_config_sha256,
        storage_map_sha256: mapSha256,
      },
    },
    reported: {
      read_back,
      seal,
      selftest: { passed: true, checks: ['storage'] },
      label: { mode: contract.label.mode, scanned_back: deviceId },
      station_version: stationVersion,
      station_configuration_sha256: noConfiguration,
      durations_ms: { identify: 40, open: 30, key: 520, write: 400, prove: 120, seal: 300, attest: 350 },
    },
  };
  return [
    ...opening,
    {
      type: 'credential.intended',
      actor: station,
      data: {
        credential_id: credentialId,
        job_id: jobId,
        device_id: deviceId,
        profile: 'idevid',
        profile_sha256: hex(32),
        issuer_sha256: home.issuerSha256,
        serial,
        tbs_sha256: hex(32),
        key_type: contract.credential.key_type,
        public_key_sha256,
        not_before: at,
        not_after: validForever,
        ignored: [],
        owner: line.processId,
        lease_expires_at: at,
      },
    },
    {
      type: 'credential.issued',
      actor: authority,
      data: {
        credential_id: credentialId,
        certificate_sha256,
        certificate_b64: certificate.toString('base64'),
      },
    },
    { type: 'job.written', actor: station, data: { job_id: jobId, attempt: 1, read_back } },
    { type: 'job.proven', actor: station, data: { job_id: jobId, certificate_sha256, prove } },
    { type: 'job.sealed', actor: station, data: { job_id: jobId, attempt: 1, seal } },
    { type: 'job.completed', actor: station, data: completed },
  ];
}

/** What the authority remembers of the device's requests, so that each may be repeated. */
export function rememberedRequests(at: string): RequestTable[] {
  const outcomes = [{ job_id: `j-${hex(10)}`, attempt: 1 }, {}, { nonce: hex(32), expires_at: at }];
  return [...outcomes, ...outcomes].map((outcome) => ({
    station_id: benchStation,
    request_id: newRequestId(),
    body_sha256: hex(32),
    outcome: JSON.stringify(outcome),
    at,
  }));
}

function signature() {
  return { attempt: 1, nonce: hex(32), signature_b64: randomBytes(signatureBytes).toString('base64') };
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
