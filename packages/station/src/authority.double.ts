/**
 * An authority in memory for the station's tests: it keeps the rules of the station API that a station can notice, and the
 * same contract suite judges it and the real one. Requests and replies can be lost on the way.
 */
import { randomBytes, verify, X509Certificate } from 'node:crypto';
import { toProblem } from '@imprint/contract/api/problem';
import type {
  JobView,
  StationRequest,
  StationResponse,
  StationRouteName,
} from '@imprint/contract/api/station';
import { stationRoutes } from '@imprint/contract/api/station';
import {
  checkpointBody,
  formatVerifierKey,
  signatureLine,
  verifierKey,
} from '@imprint/contract/audit/checkpoint';
import { encodeEntry } from '@imprint/contract/audit/entry';
import {
  appendLeaf,
  consistencyProof,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  inclusionProof,
  leafHash,
  type NodeRef,
} from '@imprint/contract/audit/merkle';
import { writeReceipt } from '@imprint/contract/audit/receipt';
import { fromBase64, toHex, toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { attestBytes, type ProveStatement, proveBytes } from '@imprint/contract/dut/statement';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import { factoryConfigText } from '@imprint/contract/factory-config';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import { sha256Hex } from '@imprint/contract/hash';
import { manifestFromContract, pinManifest } from '@imprint/contract/job-manifest';
import { type ParsedContract, parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import {
  altName,
  buildCertificate,
  ext,
  type KeyPair,
  newKeyPair,
  signWith,
} from '@imprint/contract/x509/chain-fixture.test-kit';
import { derExplicit, derInteger, derTime } from '@imprint/contract/x509/der-writer';
import { caSubject, encodeName } from '@imprint/contract/x509/name';
import { oid } from '@imprint/contract/x509/oid';
import { toPem } from '@imprint/contract/x509/pem';
import { type PublicKey, parsePublicKey, publicKeySha256 } from '@imprint/contract/x509/public-key';
import { deviceUri, realmPolicyOid } from '@imprint/contract/x509/realm';
import type { AuthorityClient } from './authority-client.ts';

type Realm = 'dev' | 'test' | 'prod';

interface Job {
  view: JobView;
  active: boolean;
  failed: number;
  spki: Uint8Array | null;
  readBack: StationRequest<'reportWritten'>['read_back'] | null;
  proof: StationRequest<'submitProof'> | null;
  seal: StationRequest<'reportSealed'>['seal'] | null;
}

export interface AuthorityDoubleOptions {
  contractText: string;
  deviceIds: string[];
  realm?: Realm;
  stationId?: string;
  samples?: StationResponse<'openSession'>['samples'];
}

/** Where a request may be lost: before it was carried out, or its answer after. */
export type Loss = (route: StationRouteName, count: number) => 'request' | 'reply' | undefined;

export class AuthorityDouble implements AuthorityClient {
  readonly contract: ParsedContract;
  readonly rootDer: Uint8Array;
  readonly calls: { route: StationRouteName; request: Record<string, unknown> }[] = [];
  readonly jobs = new Map<string, Job>();
  /** Hardware UIDs that were set aside. */
  readonly setAside = new Map<string, string>();
  readonly ended: StationRequest<'endAttempt'>[] = [];
  readonly quarantines: StationRequest<'quarantineJob'>[] = [];
  readonly checks: (StationRequest<'recordCheck'> & { outcome: string })[] = [];
  /** Devices whose debug port may stay open. */
  readonly excepted = new Set<string>();
  loss: Loss = () => undefined;
  /** Certificates that were signed, in order. */
  readonly issued: Uint8Array[] = [];
  readonly #options: Required<AuthorityDoubleOptions>;
  readonly #contractText: string;
  readonly #root: KeyPair = newKeyPair('ec-p384');
  readonly #issuing: KeyPair = newKeyPair('ec-p256');
  readonly #issuingDer: Uint8Array;
  readonly #logKey = newKeyPair('ed25519');
  readonly #answers = new Map<string, { body: string; answer: unknown }>();
  readonly #nonces = new Map<string, { purpose: string; subject: string; attempt: number }>();
  readonly #checks = new Map<string, { uid: HardwareUid; deviceId: string }>();
  readonly #keys = new Map<string, string>();
  readonly #shifts = new Set<string>();
  readonly #counts = new Map<string, number>();
  #frontier: Frontier = emptyFrontier;
  #nodes = new Map<string, Uint8Array>();

  constructor(options: AuthorityDoubleOptions) {
    this.#options = { realm: 'dev', stationId: 'station-1', samples: [], ...options };
    this.#contractText = options.contractText;
    this.contract = parseProvisioningContract(options.contractText, 'contract.yaml');
    this.rootDer = this.#ca('Device Root 1', this.#root, 'Device Root 1', this.#root);
    this.#issuingDer = this.#ca('Device CA 1', this.#issuing, 'Device Root 1', this.#root, 0);
    this.append('realm');
  }

  get realm(): Realm {
    return this.#options.realm;
  }

  get rootSha256(): string {
    return sha256Hex(this.rootDer);
  }

  get logId(): string {
    return sha256Hex(this.#logKey.publicKey.raw);
  }

  /** One more entry in the log. */
  append(text: string): void {
    this.#appendEntry(toUtf8(text));
  }

  #appendEntry(entry: Uint8Array): void {
    this.#frontier = appendLeaf(this.#frontier, leafHash(entry), (node, hash) => {
      this.#nodes.set(`${node.level}/${node.index}`, hash);
    });
  }

  /** An older log, or another one, as a restored backup shows it. */
  rewindLog(entries: string[]): void {
    this.#frontier = emptyFrontier;
    this.#nodes = new Map();
    for (const entry of entries) this.append(entry);
  }

  checkpoint(): string {
    const key = verifierKey('log.test/dev', this.#logKey.publicKey.raw);
    const body = checkpointBody(key.name, this.#frontier.size, frontierRoot(this.#frontier));
    return `${body}\n${signatureLine(key.name, key.keyId, signWith(this.#logKey, toUtf8(body)))}`;
  }

  job(deviceId: string): Job | undefined {
    return [...this.jobs.values()].find((job) => job.view.device_id === deviceId);
  }

  async call<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>> {
    const parsed = stationRoutes[route].request.parse(request) as StationRequest<N>;
    const count = (this.#counts.get(route) ?? 0) + 1;
    this.#counts.set(route, count);
    const loss = this.loss(route, count);
    if (loss === 'request') throw new ImprintError('unavailable', 'the request was lost');
    this.calls.push({ route, request: parsed as Record<string, unknown> });
    const answer = this.#once(route, params, parsed);
    if (loss === 'reply') throw new ImprintError('unavailable', 'the reply was lost');
    return stationRoutes[route].response.parse(answer) as StationResponse<N>;
  }

  #once(route: StationRouteName, params: Record<string, string>, request: Record<string, unknown>): unknown {
    const { request_id: id, ...body } = request;
    if (typeof id !== 'string') return this.#carryOut(route, params, request);
    const text = canonicalJson({ route, params, body });
    const known = this.#answers.get(id);
    if (known && known.body !== text) throw refuse('idempotency_conflict', 'another request had this ID');
    if (known) return known.answer;
    const answer = this.#carryOut(route, params, request);
    this.#answers.set(id, { body: text, answer });
    this.append(text);
    return answer;
  }

  #carryOut(route: StationRouteName, params: Record<string, string>, request: unknown): unknown {
    const act = (this.#acts as Partial<Record<StationRouteName, (request: never, params: never) => unknown>>)[
      route
    ];
    if (!act) throw refuse('unknown_route', `the double does not know ${route}`);
    return act(request as never, params as never);
  }

  readonly #acts = {
    openSession: (request: StationRequest<'openSession'>) => this.#openSession(request),
    contract: () => ({ text: this.#contractText }),
    openShift: ({ badge }: StationRequest<'openShift'>) => {
      const shift_id = `shift-${this.#shifts.size + 1}`;
      this.#shifts.add(shift_id);
      return { shift_id, operator_id: `op-${sha256Hex(toUtf8(badge)).slice(0, 8)}` };
    },
    closeShift: (_: unknown, { shift_id }: Record<string, string>) => {
      this.#shifts.delete(shift_id!);
      return {};
    },
    openJob: (request: StationRequest<'openJob'>) => this.#openJob(request),
    issueCredential: (request: StationRequest<'issueCredential'>, { job_id }: Record<string, string>) =>
      this.#issue(this.#live(job_id!, request.attempt, ['opened', 'keyed', 'issued', 'written']), request),
    issueCredentials: ({ units }: StationRequest<'issueCredentials'>) => ({
      chain_pem: toPem('CERTIFICATE', this.#issuingDer),
      outcomes: units.map(({ job_id, ...request }) => {
        try {
          const issued = this.#once('issueCredential', { job_id }, request);
          const { chain_pem: _, ...credential } = issued as StationResponse<'issueCredential'>;
          return { credential };
        } catch (error) {
          return { problem: toProblem(error) };
        }
      }),
    }),
    reportWritten: (request: StationRequest<'reportWritten'>, { job_id }: Record<string, string>) => {
      const job = this.#live(job_id!, request.attempt, ['issued', 'written', 'proven', 'sealed']);
      job.readBack = request.read_back;
      const certificate = sha256Hex(derOf(job.view.certificate!.device_cert_pem));
      if (request.read_back.certificate_sha256 !== certificate)
        throw refuse('evidence_wrong', 'another certificate was read back');
      if (job.view.state === 'issued') job.view = { ...job.view, state: 'written' };
      return this.#nonce('prove', job_id!, request.attempt);
    },
    submitProof: (request: StationRequest<'submitProof'>, { job_id }: Record<string, string>) => {
      const job = this.#live(job_id!, request.attempt, ['written', 'proven', 'sealed']);
      this.#needNonce(request.nonce, 'prove', job_id!, request.attempt);
      const statement = this.#statement(job, job_id!, request.attempt, request.nonce);
      needSignature(job.spki!, proveBytes(statement), request.signature_b64);
      this.#nonces.delete(request.nonce);
      job.proof = request;
      if (job.view.state === 'written') job.view = { ...job.view, state: 'proven' };
      return { state: job.view.state };
    },
    reportSealed: (request: StationRequest<'reportSealed'>, { job_id }: Record<string, string>) => {
      const job = this.#live(job_id!, request.attempt, ['proven', 'sealed']);
      if (!this.#isLockRight(job, request.seal.after.debug_lock))
        throw refuse('evidence_wrong', 'the lock is wrong');
      job.seal = request.seal;
      job.view = { ...job.view, state: 'sealed' };
      return this.#nonce('attest', job_id!, request.attempt);
    },
    completeJob: (request: StationRequest<'completeJob'>, { job_id }: Record<string, string>) => {
      const job = this.#live(job_id!, request.attempt, ['sealed']);
      this.#needNonce(request.nonce, 'attest', job_id!, request.attempt);
      const statement = this.#statement(job, job_id!, request.attempt, request.nonce);
      needSignature(job.spki!, attestBytes(statement, request.state), request.signature_b64);
      if (!this.#isLockRight(job, request.state.debug_lock))
        throw refuse('evidence_wrong', 'the lock is wrong');
      if (!request.selftest.passed || request.label.scanned_back !== job.view.device_id)
        throw refuse('evidence_wrong', 'label or self-test');
      this.#nonces.delete(request.nonce);
      job.view = { ...job.view, state: 'done', receipt: this.#receipt(job, request) };
      job.active = false;
      return { receipt: job.view.receipt, device_state: 'manufactured' };
    },
    endAttempt: (request: StationRequest<'endAttempt'>, { job_id }: Record<string, string>) => {
      const job = this.#find(job_id!);
      if (job.active && job.view.attempt === request.attempt) {
        job.active = false;
        this.ended.push(request);
        if (request.outcome === 'failed' && request.failure_code !== 'station_failed') job.failed++;
      }
      return {
        state: job.view.state,
        attempts_left: Math.max(0, this.contract.contract.rework.attempts_cap - job.failed),
      };
    },
    quarantineJob: (request: StationRequest<'quarantineJob'>, { job_id }: Record<string, string>) => {
      const job = this.#find(job_id!);
      if (job.view.state === 'done') throw refuse('device_already_done', 'it is done');
      this.quarantines.push(request);
      job.view = { ...job.view, state: 'quarantined' };
      job.active = false;
      this.setAside.set(hardwareUidText(job.view.hardware_uid), request.reason);
      if (request.other_unit) this.setAside.set(hardwareUidText(request.other_unit), request.reason);
      return { state: 'quarantined' };
    },
    openCheck: (request: StationRequest<'openCheck'>) => {
      const job = this.job(request.device_id);
      if (job?.view.state !== 'done') throw refuse('unknown_device', 'no finished device has this ID');
      const check_id = `c-${toHex(randomBytes(8))}`;
      this.#checks.set(check_id, { uid: request.hardware_uid, deviceId: request.device_id });
      const { nonce, expires_at } = this.#nonce('check', check_id, 1);
      return {
        check_id,
        nonce,
        expires_at,
        certificate_sha256: sha256Hex(derOf(job.view.certificate!.device_cert_pem)),
        contract_sha256: this.contract.sha256,
        ...(this.excepted.has(request.device_id) ? { debug_exception: true as const } : {}),
      };
    },
    recordCheck: (request: StationRequest<'recordCheck'>, { check_id }: Record<string, string>) => {
      const check = this.#checks.get(check_id!)!;
      const job = this.job(check.deviceId)!;
      this.#needNonce(request.nonce, 'check', check_id!, 1);
      let outcome: 'pass' | 'fail' = 'fail';
      if (request.signature_b64 && request.selftest_passed !== false) {
        const statement = { ...this.#statement(job, check_id!, 1, request.nonce), hardwareUid: check.uid };
        try {
          needSignature(job.spki!, proveBytes(statement), request.signature_b64);
          outcome = 'pass';
        } catch {
          outcome = 'fail';
        }
      }
      this.checks.push({ ...request, outcome });
      return { outcome, device_state: 'manufactured' };
    },
  };

  #openSession(request: StationRequest<'openSession'>): StationResponse<'openSession'> {
    const { realm, stationId, samples } = this.#options;
    const { contract, sha256 } = this.contract;
    let proof: Uint8Array[] = [];
    const last = request.last_checkpoint === null ? 0 : Number(request.last_checkpoint.split('\n')[1]);
    if (last > 0 && last <= this.#frontier.size) {
      const read = (node: NodeRef) => this.#nodes.get(`${node.level}/${node.index}`)!;
      proof = consistencyProof(last, this.#frontier.size, read);
    }
    return {
      session_id: `w-${toHex(randomBytes(6))}`,
      station_id: stationId,
      site: 'site-1',
      line: 'line-1',
      lanes: 4,
      realm,
      server_time: new Date().toISOString(),
      root_pem: toPem('CERTIFICATE', this.rootDer),
      log_verifier_key: formatVerifierKey(verifierKey('log.test/dev', this.#logKey.publicKey.raw)),
      checkpoint: this.checkpoint(),
      consistency_proof: proof.map(toHex),
      orders: [
        {
          order_id: 'order-1',
          product: contract.product,
          sku: contract.skus[0]!,
          lot: 'lot-1',
          contract_sha256: sha256,
          hardware_revisions: contract.hardware_revisions,
          id_source: 'generated',
          remaining: this.#options.deviceIds.length,
          closes_at: '2099-01-01T00:00:00.000Z',
        },
      ],
      samples,
      minimum_station_version: '0.1.0',
    };
  }

  #openJob(request: StationRequest<'openJob'>): JobView {
    if (request.shift_id === null || !this.#shifts.has(request.shift_id))
      throw refuse('shift_not_open', 'no shift is open');
    const uid = hardwareUidText(request.hardware_uid);
    if (this.setAside.has(uid)) throw refuse('device_quarantined', 'this unit is set aside');
    const ofUnit = [...this.jobs.values()].find((job) => hardwareUidText(job.view.hardware_uid) === uid);
    const free = this.#options.deviceIds.find((id) => !this.job(id));
    const deviceId = request.device_id ?? ofUnit?.view.device_id ?? free;
    if (deviceId === undefined) throw refuse('quota_exhausted', 'the order is full');
    if (!this.#options.deviceIds.includes(deviceId))
      throw refuse('not_allocated', `${deviceId} is in no order`);
    if (ofUnit && ofUnit.view.device_id !== deviceId) {
      throw refuse(
        'wrong_label',
        `this unit is ${ofUnit.view.device_id}, and the label says ${deviceId}`,
        `Scan the label ${ofUnit.view.device_id}.`,
      );
    }
    const { device_id: heldId, public_key_sha256: heldKey } = request.held;
    const foreign =
      (heldId !== null && heldId !== deviceId) ||
      (heldKey !== null && (this.#keys.get(heldKey) ?? deviceId) !== deviceId);
    const ofId = this.job(deviceId);
    if (foreign || (ofId && hardwareUidText(ofId.view.hardware_uid) !== uid)) {
      this.setAside.set(uid, 'foreign identity');
      throw refuse('unit_conflict', 'this unit was set aside: it presents another identity');
    }
    if (!ofId) return this.#newJob(request, deviceId);
    if (ofId.view.state === 'done') return ofId.view;
    if (ofId.view.state === 'quarantined') throw refuse('device_quarantined', `${deviceId} is quarantined`);
    if (ofId.failed >= this.contract.contract.rework.attempts_cap)
      throw refuse('attempt_cap_reached', 'failed too often');
    ofId.active = true;
    ofId.view = {
      ...ofId.view,
      attempt: ofId.view.attempt + 1,
      operation: request.operation,
      server_time: new Date().toISOString(),
    };
    return ofId.view;
  }

  #isLockRight({ view }: Job, lock: string): boolean {
    return (
      lock === this.contract.contract.lock_policy.debug ||
      (lock === 'open' && this.excepted.has(view.device_id))
    );
  }

  #newJob(request: StationRequest<'openJob'>, deviceId: string): JobView {
    const { contract, sha256 } = this.contract;
    const sku = contract.skus[0]!;
    const manifest = pinManifest(
      manifestFromContract(contract, sha256, { deviceId, hwRev: request.hw_rev, sku }),
    );
    const now = new Date().toISOString();
    const view: JobView = {
      job_id: `j-${toHex(randomBytes(6))}`,
      attempt: 1,
      state: 'opened',
      order_id: 'order-1',
      device_id: deviceId,
      hardware_uid: request.hardware_uid,
      sku,
      hw_rev: request.hw_rev,
      operation: request.operation,
      contract_sha256: sha256,
      manifest_sha256: manifest.sha256,
      manifest: manifest.text,
      factory_config: factoryConfigText({
        contract,
        contractSha256: sha256,
        logId: this.logId,
        realm: this.#options.realm,
        sku,
        hwRev: request.hw_rev,
      }),
      trust_anchor_pem: toPem('CERTIFICATE', this.rootDer),
      certificate: null,
      lease_expires_at: now,
      server_time: now,
      ...(this.excepted.has(deviceId) ? { debug_exception: true as const } : {}),
      receipt: null,
    };
    this.jobs.set(view.job_id, {
      view,
      active: true,
      failed: 0,
      spki: null,
      readBack: null,
      proof: null,
      seal: null,
    });
    return view;
  }

  #issue(job: Job, request: StationRequest<'issueCredential'>): StationResponse<'issueCredential'> {
    const spki = keyOfRequest(fromBase64(request.csr_b64)).spki;
    const keySha256 = publicKeySha256(spki);
    const owner = this.#keys.get(keySha256);
    if (owner !== undefined && owner !== job.view.device_id)
      throw refuse('key_reused', "this key is another device's");
    if (job.view.certificate?.public_key_sha256 !== keySha256) {
      this.#keys.set(keySha256, job.view.device_id);
      const leaf = this.#leaf(job.view.device_id, spki);
      this.issued.push(leaf);
      job.spki = spki;
      job.view = {
        ...job.view,
        state: 'issued',
        certificate: {
          device_cert_pem: toPem('CERTIFICATE', leaf),
          chain_pem: toPem('CERTIFICATE', this.#issuingDer),
          public_key_sha256: keySha256,
        },
      };
    }
    return {
      ...job.view.certificate!,
      serial: new X509Certificate(job.view.certificate!.device_cert_pem).serialNumber.toLowerCase(),
    };
  }

  /** Writes the completion into the log and proves that it is there. */
  #receipt(job: Job, request: StationRequest<'completeJob'>): string {
    const { view } = job;
    const { contract } = this.contract;
    const leaf = derOf(view.certificate!.device_cert_pem);
    const { attempt, nonce, signature_b64 } = job.proof!;
    const entry = encodeEntry({
      v: 1,
      type: 'job.completed',
      at: new Date().toISOString(),
      realm: this.#options.realm,
      actor: { kind: 'station', id: this.#options.stationId },
      salt: toHex(randomBytes(16)),
      data: {
        job_id: view.job_id,
        order_id: view.order_id,
        lot: 'lot-1',
        product: contract.product,
        sku: view.sku,
        device_id: view.device_id,
        hardware_uid: view.hardware_uid,
        hw_rev: view.hw_rev,
        site: 'site-1',
        station_id: this.#options.stationId,
        where: { lane: 1, carrier: null, position: null },
        operator_id: null,
        contract_sha256: this.contract.sha256,
        contract_revision: contract.revision,
        manifest_sha256: view.manifest_sha256,
        log_id: this.logId,
        key_type: contract.credential.key_type,
        public_key_sha256: view.certificate!.public_key_sha256,
        certificate_sha256: sha256Hex(leaf),
        certificate_serial: parseCertificate(leaf).serialHex,
        issuer_sha256: sha256Hex(this.#issuingDer),
        assurance: 'proven-through-station',
        prove: { attempt, nonce, signature_b64 },
        attest: {
          attempt: request.attempt,
          nonce: request.nonce,
          signature_b64: request.signature_b64,
          state: request.state,
        },
        reported: {
          read_back: job.readBack!,
          seal: job.seal!,
          selftest: request.selftest,
          label: request.label,
          station_version: '0.1.0',
          station_configuration_sha256: '00'.repeat(32),
          durations_ms: request.durations_ms,
        },
      },
    });
    const index = this.#frontier.size;
    this.#appendEntry(entry);
    return writeReceipt({
      realm: this.#options.realm,
      entry,
      index,
      inclusionProof: inclusionProof(
        index,
        this.#frontier.size,
        (node) => this.#nodes.get(`${node.level}/${node.index}`)!,
      ),
      checkpoint: this.checkpoint(),
      chain: [leaf, this.#issuingDer],
    });
  }

  #statement(job: Job, subject: string, attempt: number, nonce: string): ProveStatement {
    return {
      realm: this.#options.realm,
      logId: this.logId,
      jobId: subject,
      attempt,
      deviceId: job.view.device_id,
      hardwareUid: job.view.hardware_uid,
      certificateSha256: sha256Hex(derOf(job.view.certificate!.device_cert_pem)),
      contractSha256: this.contract.sha256,
      nonce,
    };
  }

  #nonce(purpose: string, subject: string, attempt: number): { nonce: string; expires_at: string } {
    const nonce = toHex(randomBytes(32));
    this.#nonces.set(nonce, { purpose, subject, attempt });
    return { nonce, expires_at: new Date(Date.now() + 120_000).toISOString() };
  }

  #needNonce(nonce: string, purpose: string, subject: string, attempt: number): void {
    const given = this.#nonces.get(nonce);
    if (given?.purpose !== purpose || given.subject !== subject || given.attempt !== attempt) {
      throw refuse('nonce_invalid', 'this nonce is not open for this');
    }
  }

  #find(jobId: string): Job {
    const job = this.jobs.get(jobId);
    if (!job) throw refuse('unknown_job', `there is no job ${jobId}`);
    return job;
  }

  #live(jobId: string, attempt: number, states: string[]): Job {
    const job = this.#find(jobId);
    if (!job.active || job.view.attempt !== attempt) throw refuse('job_not_open', 'this attempt is over');
    if (!states.includes(job.view.state)) throw refuse('job_state_wrong', `the job is ${job.view.state}`);
    return job;
  }

  #ca(name: string, key: KeyPair, issuerName: string, issuer: KeyPair, pathLength?: number): Uint8Array {
    const { realm } = this.#options;
    return buildCertificate({
      ...base(),
      issuer: encodeName(caSubject('Example Works', realm, issuerName)),
      subject: encodeName(caSubject('Example Works', realm, name)),
      spki: key.publicKey.spki,
      extensions: [
        ext.ca(pathLength),
        ext.keyUsage([5, 6]),
        ext.subjectKey(key.publicKey),
        ...(key === issuer ? [] : [ext.authorityKey(issuer.publicKey)]),
        ext.policies(realmPolicyOid(realm)),
      ],
      signer: issuer,
    });
  }

  #leaf(deviceId: string, spki: Uint8Array): Uint8Array {
    const { realm } = this.#options;
    return buildCertificate({
      ...base(),
      issuer: encodeName(caSubject('Example Works', realm, 'Device CA 1')),
      subject: encodeName([
        { type: 'serialNumber', value: deviceId },
        { type: 'commonName', value: deviceId },
      ]),
      spki,
      extensions: [
        ext.notCa(),
        ext.keyUsage([0]),
        ext.extendedKeyUsage(oid.clientAuth),
        ext.authorityKey(this.#issuing.publicKey),
        ext.policies(realmPolicyOid(realm)),
        ext.altNames(altName.uri(deviceUri(realm, deviceId))),
      ],
      signer: this.#issuing,
    });
  }
}

function base() {
  return {
    version: derExplicit(0, derInteger(2)),
    serial: derInteger(Uint8Array.of(1, ...randomBytes(9))),
    notBefore: derTime('2020-01-01T00:00:00Z'),
    notAfter: derTime('9999-12-31T23:59:59Z'),
    afterExtensions: new Uint8Array(0),
  };
}

/** The SubjectPublicKeyInfo in a request, found by the fixed bytes that each type begins with. */
export function keyOfRequest(csr: Uint8Array): PublicKey {
  const prefixes = [
    '3059301306072a8648ce3d020106082a8648ce3d030107034200',
    '3076301006072a8648ce3d020106052b81040022036200',
    '302a300506032b6570032100',
  ];
  const lengths = [91, 120, 44];
  const hex = toHex(csr);
  for (const [index, prefix] of prefixes.entries()) {
    const at = hex.indexOf(prefix);
    if (at >= 0 && at % 2 === 0) return parsePublicKey(csr.slice(at / 2, at / 2 + lengths[index]!));
  }
  throw refuse('csr_invalid', 'there is no key in this request');
}

function needSignature(spki: Uint8Array, message: Uint8Array, signature_b64: string): void {
  const key = { key: Buffer.from(spki), format: 'der', type: 'spki' } as const;
  const { type } = parsePublicKey(spki);
  const digest = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null }[type];
  if (!verify(digest, message, key, fromBase64(signature_b64)))
    throw refuse('proof_wrong', 'the signature does not verify');
}

function derOf(pem: string): Uint8Array {
  return new Uint8Array(new X509Certificate(pem).raw);
}

function refuse(code: ErrorCode, message: string, hint?: string): ImprintError {
  return new ImprintError(code, message, hint === undefined ? {} : { hint });
}
