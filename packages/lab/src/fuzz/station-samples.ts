/** A valid request of each route of the station API, to break. */
import type { StationRequest, StationRouteName } from '@imprint/contract/api/station';

const hash = 'ab'.repeat(32);
const request_id = '0123456789abcdef0123456789abcdef';
const at = { request_id, attempt: 1 };
const hardware_uid = [{ kind: 'mcu-uid', value: '0123ABCD' }];
const where = { lane: 1, carrier: null, position: null };
const open = { debug_lock: 'open' as const, boot_flags: { secure_boot: false } };
const sealed = { debug_lock: 'locked' as const, boot_flags: { secure_boot: true } };
const enrolment = { token: 'imprint-dev-0123456789abcdef', csr_b64: 'AAAA' };

export const stationSamples: { [N in StationRouteName]: StationRequest<N> } = {
  requestEnrolment: enrolment,
  collectEnrolment: enrolment,
  openSession: {
    station_version: '0.1.0',
    configuration_sha256: hash,
    station_time: '2026-01-09T08:00:00.000Z',
    last_checkpoint: null,
  },
  contract: {},
  openShift: { request_id, badge: 'OP-0001' },
  closeShift: { request_id },
  openJob: {
    request_id,
    order_id: 'order-1',
    device_id: 'SN-00012345',
    operation: 'provision',
    hardware_uid,
    hw_rev: 'B2',
    firmware: { build_id: 'fw-1', sha256: hash, rollback_counter: 1 },
    held: { device_id: null, public_key_sha256: hash, certificate_sha256: null },
    where,
    shift_id: null,
  },
  issueCredential: { ...at, csr_b64: 'AAAA' },
  issueCredentials: { units: [{ ...at, job_id: 'j-1', csr_b64: 'AAAA' }] },
  reportWritten: {
    ...at,
    read_back: {
      device_id: 'SN-00012345',
      certificate_sha256: hash,
      chain_sha256: hash,
      trust_anchor_sha256: hash,
      factory_config_sha256: hash,
    },
  },
  submitProof: { ...at, nonce: hash, signature_b64: 'AAAA' },
  reportSealed: { ...at, seal: { before: open, after: sealed, acts: ['write_boot_flags', 'finalize'] } },
  completeJob: {
    ...at,
    nonce: hash,
    state: {
      ...sealed,
      firmware_build_id: 'fw-1',
      firmware_sha256: hash,
      rollback_counter: 1,
      boot_count: 2,
      trust_anchor_sha256: hash,
      factory_config_sha256: hash,
      storage_map_sha256: hash,
    },
    signature_b64: 'AAAA',
    selftest: { passed: true, checks: ['clock'] },
    label: { mode: 'preprinted', scanned_back: 'SN-00012345' },
    durations_ms: { key: 12, write: 340 },
  },
  endAttempt: {
    ...at,
    outcome: 'failed',
    step: 'key',
    failure_code: 'key_failed',
    reason: 'no key',
    durations_ms: {},
  },
  quarantineJob: {
    ...at,
    step: 'prove',
    failure_code: 'proof_wrong',
    reason: 'another key',
    other_unit: hardware_uid,
  },
  reportOperation: {
    request_id,
    device_id: 'SN-00012345',
    operation: 'burn-in',
    outcome: 'pass',
    shift_id: 's-1',
    note: null,
  },
  openCheck: {
    request_id,
    purpose: 'pack',
    device_id: 'SN-00012345',
    hardware_uid,
    where,
    shift_id: null,
  },
  recordCheck: {
    request_id,
    nonce: hash,
    signature_b64: 'AAAA',
    selftest_passed: true,
    failure_code: null,
  },
};
