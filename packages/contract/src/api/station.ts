/**
 * The station API: what a factory PC may ask of the authority. Every request that changes something carries a
 * `request_id`; the same one with the same body gets the same answer, with another body it is refused.
 */
import { z } from 'zod';
import {
  deviceIdText,
  durations,
  firmware,
  hash,
  instant,
  labelReport,
  name,
  position,
  readBack,
  realmName,
  sealReport,
  selftestReport,
} from '../audit/entry.ts';
import { attestedState } from '../dut/statement.ts';
import { failureCode } from '../failure-code.ts';
import { hardwareUid } from '../hardware-uid.ts';
import { jobState } from '../job-state.ts';
import { lifecycleState } from '../lifecycle.ts';
import { limits } from '../limits.ts';
import { problem } from './problem.ts';
import { reworkView } from './rework-view.ts';
import { route } from './route.ts';

/** The header that carries the live session's ID; one session a station key, the newest wins and an older one that still speaks raises an alarm. */
export const sessionHeader = 'imprint-session';

const requestId = z.string().regex(/^[0-9a-f]{32}$/);
const base64 = z.base64();
const pem = z.string().max(limits.requestBytes);
const sentence = z.string().min(1).max(500);
const attempt = z.int().min(1);
const nothing = z.strictObject({});

const checkpointText = z.string().max(limits.noteBytes);

const orderView = z.strictObject({
  order_id: name,
  product: name,
  sku: name,
  lot: name,
  contract_sha256: hash,
  hardware_revisions: z.array(name),
  id_source: z.enum(['generated', 'imported']),
  remaining: z.int().min(0),
  closes_at: instant,
});

const sampleView = z.strictObject({
  device_id: deviceIdText,
  kind: z.enum(['golden', 'must-fail']),
  due_at: instant,
});

const sessionView = z.strictObject({
  session_id: name,
  station_id: name,
  site: name,
  line: name,
  lanes: z.int().min(1),
  realm: realmName,
  server_time: instant,
  root_pem: pem,
  log_verifier_key: z.string().max(300),
  checkpoint: checkpointText,
  /** From the checkpoint that the station named to this one (RFC 9162 2.1.4), hex. */
  consistency_proof: z.array(hash).max(64),
  orders: z.array(orderView).max(256),
  samples: z.array(sampleView).max(64),
  minimum_station_version: z.string().max(64),
});

/** All that a station needs to go on with a job, wherever it stands: the same answer after any number of retries. */
const jobView = z.strictObject({
  job_id: name,
  attempt,
  state: jobState,
  order_id: name,
  device_id: deviceIdText,
  hardware_uid: hardwareUid,
  sku: name,
  hw_rev: name,
  operation: name,
  contract_sha256: hash,
  manifest_sha256: hash,
  /** Canonical JSON of the job manifest that this job is pinned to. */
  manifest: z.string(),
  /** The exact text to write as factory configuration. */
  factory_config: z.string(),
  trust_anchor_pem: pem,
  /** Leaf first; null until issued. */
  certificate: z.nullable(z.strictObject({ device_cert_pem: pem, chain_pem: pem, public_key_sha256: hash })),
  /** Left out for a device's first job. */
  rework: z.optional(reworkView),
  lease_expires_at: instant,
  server_time: instant,
  /** The debug port of this device stays as it is, though the contract wants it closed; absent for every other. */
  debug_exception: z.optional(z.literal(true)),
  /** The receipt (JSON text) of a job that is done. */
  receipt: z.nullable(z.string().max(limits.receiptBytes)),
});

const leafView = z.strictObject({ device_cert_pem: pem, public_key_sha256: hash, serial: z.string() });
const credentialView = leafView.extend({ chain_pem: pem });

const nonceView = z.strictObject({ nonce: hash, expires_at: instant });

export const stationRoutes = {
  requestEnrolment: route(
    'POST',
    '/station/v1/enrolment',
    'A newcomer presents its one-time token and the key that it made (CSR).',
    z.strictObject({ token: z.string().min(16).max(200), csr_b64: base64 }),
    z.strictObject({ station_id: name, public_key_sha256: hash, status: z.enum(['pending', 'confirmed']) }),
  ),
  collectEnrolment: route(
    'POST',
    '/station/v1/enrolment/certificate',
    'The newcomer asks, with token and key proof, whether a person has confirmed its fingerprint.',
    z.strictObject({ token: z.string().min(16).max(200), csr_b64: base64 }),
    z.strictObject({
      status: z.enum(['pending', 'confirmed']),
      certificate_pem: z.nullable(pem),
      chain_pem: z.nullable(pem),
    }),
  ),
  openSession: route(
    'POST',
    '/station/v1/session',
    'Begins the live session: versions out, assignments, log key and checkpoint in.',
    z.strictObject({
      station_version: z.string().regex(/^[\x21-\x7e]{1,128}$/),
      configuration_sha256: hash,
      station_time: instant,
      /** The last checkpoint that the station saw, so that an older or forked log shows. */
      last_checkpoint: z.nullable(checkpointText),
    }),
    sessionView,
  ),
  contract: route(
    'GET',
    '/station/v1/contracts/:contract_sha256',
    'The exact text of a provisioning contract; the station checks its hash.',
    nothing,
    z.strictObject({ text: z.string().max(limits.yamlBytes) }),
  ),
  openShift: route(
    'POST',
    '/station/v1/shifts',
    'A badge scan opens a shift.',
    z.strictObject({ request_id: requestId, badge: z.string().min(4).max(128) }),
    z.strictObject({ shift_id: name, operator_id: name }),
  ),
  closeShift: route(
    'POST',
    '/station/v1/shifts/:shift_id/close',
    'A badge scan closes a shift.',
    z.strictObject({ request_id: requestId }),
    nothing,
  ),
  openJob: route(
    'POST',
    '/station/v1/jobs',
    'Opens a job for a unit, or an attempt of the one that the unit already has.',
    z.strictObject({
      request_id: requestId,
      /** Null: the order that this device ID is allocated to, or the station's one open order where `device_id` is null too. */
      order_id: z.nullable(name),
      /** Null asks for the order's next free ID (labels printed later). */
      device_id: z.nullable(deviceIdText),
      /** `provision` or `seal`: which visit this is. */
      operation: z.enum(['provision', 'seal']),
      hardware_uid: hardwareUid,
      hw_rev: name,
      firmware,
      /** What the unit holds, as read: the authority recognises a unit that presents another's ID or key by it. */
      held: z.strictObject({
        device_id: z.nullable(deviceIdText),
        public_key_sha256: z.nullable(hash),
        certificate_sha256: z.nullable(hash),
      }),
      where: position,
      shift_id: z.nullable(name),
    }),
    jobView,
  ),
  issueCredential: route(
    'POST',
    '/station/v1/jobs/:job_id/credential',
    'The CSR of the key that the unit made, against its certificate.',
    z.strictObject({ request_id: requestId, attempt, csr_b64: base64 }),
    credentialView,
  ),
  issueCredentials: route(
    'POST',
    '/station/v1/credentials',
    'The CSRs of many units, as of a gang fixture: each is taken as by issueCredential, under its own request ID, with an outcome of its own.',
    z.strictObject({
      units: z
        .array(z.strictObject({ job_id: name, request_id: requestId, attempt, csr_b64: base64 }))
        .min(1)
        .max(limits.unitsPerRequest),
    }),
    z.strictObject({
      /** Of every credential that names no other; empty where there is none. */
      chain_pem: pem,
      /** In the order of the units: a credential, or the problem that stands against it. */
      outcomes: z.array(
        z.union([
          z.strictObject({ credential: leafView.extend({ chain_pem: z.optional(pem) }) }),
          z.strictObject({ problem }),
        ]),
      ),
    }),
  ),
  reportWritten: route(
    'POST',
    '/station/v1/jobs/:job_id/written',
    'All items were written and read back; answers with the nonce for Prove.',
    z.strictObject({ request_id: requestId, attempt, read_back: readBack }),
    nonceView,
  ),
  submitProof: route(
    'POST',
    '/station/v1/jobs/:job_id/proof',
    'The signature of the unit over the Prove statement.',
    z.strictObject({ request_id: requestId, attempt, nonce: hash, signature_b64: base64 }),
    z.strictObject({ state: jobState }),
  ),
  reportSealed: route(
    'POST',
    '/station/v1/jobs/:job_id/sealed',
    'Lock and fuses were read, set and read again; answers with the nonce for Attest.',
    z.strictObject({ request_id: requestId, attempt, seal: sealReport }),
    nonceView,
  ),
  completeJob: route(
    'POST',
    '/station/v1/jobs/:job_id/completion',
    'The signature over the Attest statement, self-test and label; answers with the receipt.',
    z.strictObject({
      request_id: requestId,
      attempt,
      nonce: hash,
      state: attestedState,
      signature_b64: base64,
      selftest: selftestReport,
      label: labelReport,
      durations_ms: durations,
    }),
    z.strictObject({ receipt: z.string().max(limits.receiptBytes), device_state: lifecycleState }),
  ),
  endAttempt: route(
    'POST',
    '/station/v1/jobs/:job_id/attempts/end',
    'An attempt ended before completion: it failed, or its visit is over.',
    z.strictObject({
      request_id: requestId,
      attempt,
      outcome: z.enum(['passed', 'failed']),
      step: z.nullable(name),
      failure_code: z.nullable(failureCode),
      reason: z.nullable(sentence),
      durations_ms: durations,
    }),
    z.strictObject({ state: jobState, attempts_left: z.int().min(0) }),
  ),
  quarantineJob: route(
    'POST',
    '/station/v1/jobs/:job_id/quarantine',
    'Sets the unit aside, and the other one where two were mixed up.',
    z.strictObject({
      request_id: requestId,
      attempt,
      step: name,
      failure_code: failureCode,
      reason: sentence,
      other_unit: z.nullable(hardwareUid),
    }),
    z.strictObject({ state: jobState }),
  ),
  reportOperation: route(
    'POST',
    '/station/v1/operations',
    'An external operation of the route passed or failed.',
    z.strictObject({
      request_id: requestId,
      device_id: deviceIdText,
      operation: name,
      outcome: z.enum(['pass', 'fail']),
      shift_id: z.nullable(name),
      note: z.nullable(sentence),
    }),
    z.strictObject({ device_state: lifecycleState }),
  ),
  openCheck: route(
    'POST',
    '/station/v1/checks',
    'Begins a check of a finished unit: at pack, or as a golden or must-fail sample.',
    z.strictObject({
      request_id: requestId,
      purpose: z.enum(['pack', 'golden', 'must-fail']),
      device_id: deviceIdText,
      hardware_uid: hardwareUid,
      where: position,
      shift_id: z.nullable(name),
    }),
    z.strictObject({
      check_id: name,
      nonce: hash,
      expires_at: instant,
      certificate_sha256: hash,
      contract_sha256: hash,
      debug_exception: z.optional(z.literal(true)),
    }),
  ),
  recordCheck: route(
    'POST',
    '/station/v1/checks/:check_id/result',
    'What the unit answered: its signature over the Prove statement (job = the check), or why there is none.',
    z.strictObject({
      request_id: requestId,
      nonce: hash,
      signature_b64: z.nullable(base64),
      selftest_passed: z.nullable(z.boolean()),
      failure_code: z.nullable(failureCode),
    }),
    z.strictObject({ outcome: z.enum(['pass', 'fail']), device_state: lifecycleState }),
  ),
} as const;

export type StationRoutes = typeof stationRoutes;
export type StationRouteName = keyof StationRoutes;
export type StationRequest<N extends StationRouteName> = z.infer<StationRoutes[N]['request']>;
export type StationResponse<N extends StationRouteName> = z.infer<StationRoutes[N]['response']>;
export type SessionView = z.infer<typeof sessionView>;
export type JobView = z.infer<typeof jobView>;
