/**
 * What the log says happened, told once more by other code: it reads the entries that are committed, straight from the file,
 * and holds each against those before it. It knows none of the program's tables.
 */
import { beginning, type World } from '../world.ts';
import { sha256, tbsOf } from './certificate-bytes.ts';
import { LifeModel } from './life-model.ts';
import { MerkleRoots } from './merkle-roots.ts';
import { ReachModel } from './reach-model.ts';
import { StoredLog } from './stored-log.ts';
import type { Violations } from './violation.ts';

export interface LoggedEntry {
  type: string;
  at: string;
  actor: { kind: string; id: string };
  // biome-ignore lint/suspicious/noExplicitAny: the model reads what was written, whatever it is
  data: any;
}

export interface LoggedCredential {
  id: string;
  jobId: string;
  deviceId: string;
  profile: string;
  serial: string;
  tbsSha256: string;
  keySha256: string;
  issuerSha256: string;
  /** On the factory's own clock. */
  revokedAtMs: number | undefined;
  status: 'intended' | 'active' | 'revoked' | 'superseded';
  certificate: Buffer | undefined;
}

export interface LoggedJob {
  id: string;
  deviceId: string;
  uid: string;
  state: 'opened' | 'written' | 'proven' | 'sealed' | 'done' | 'quarantined' | 'abandoned';
  /** The key that the last proof and the completion were made with. */
  provenCertificate: string | undefined;
  failedAttempts: number;
}

export interface LoggedOrder {
  quota: number;
  issued: Set<string>;
}

export type Uid = readonly { kind: string; value: string }[];

export function uidText(uid: Uid): string {
  return uid.map(({ kind, value }) => `${kind}=${value}`).join(';');
}

export class LogModel {
  readonly roots = new MerkleRoots();
  readonly entries: Buffer[] = [];
  readonly credentials = new Map<string, LoggedCredential>();
  readonly byTbs = new Map<string, LoggedCredential>();
  readonly jobs = new Map<string, LoggedJob>();
  readonly jobOfUid = new Map<string, LoggedJob>();
  readonly orders = new Map<string, LoggedOrder>();
  readonly deviceOrder = new Map<string, string>();
  readonly deviceState = new Map<string, string>();
  /** By device ID: the job.completed entry. */
  readonly completed = new Map<string, LoggedEntry>();
  /** Of single acts, by their subject: their indexes. */
  readonly placesOf = new Map<string, number[]>();
  readonly quarantinedUids = new Set<string>();
  readonly revokedStations = new Map<string, number>();
  readonly #world: World;
  readonly #violations: Violations;
  readonly #reach: ReachModel;
  readonly #lives: LifeModel;
  /** What else reads each entry, after this model has taken it. */
  readonly alsoRead: ((entry: LoggedEntry) => void)[] = [];
  readonly #serials = new Map<string, string>();
  readonly #deviceOfKey = new Map<string, string>();
  #log: StoredLog | undefined;
  /** How far the authority's clock may be off what is true, in milliseconds: more while a fault has it wrong. */
  clockSlackMs = 61_000;

  constructor(world: World, violations: Violations) {
    this.#world = world;
    this.#violations = violations;
    this.#reach = new ReachModel(this, violations);
    this.#lives = new LifeModel(this, violations);
  }

  open(file: string): void {
    this.#log = new StoredLog(file);
  }

  close(): void {
    this.#log?.close();
    this.#log = undefined;
  }

  /** Reads what was committed since. */
  pull(): void {
    for (const { log_index, bytes } of this.#log?.from(this.entries.length) ?? []) {
      this.#violations.unless(
        log_index === this.entries.length,
        'I-16',
        () => `entry ${this.entries.length} is missing: ${log_index} follows`,
      );
      this.entries.push(bytes);
      this.roots.append(bytes);
      this.#take(JSON.parse(bytes.toString('utf8')) as LoggedEntry);
    }
  }

  #take(entry: LoggedEntry): void {
    const trueMs = beginning + this.#world.nowMs;
    if (Math.abs(Date.parse(entry.at) - trueMs) > this.clockSlackMs && entry.type !== 'alarm.raised') {
      this.#violations.add('I-8', `${entry.type} bears ${entry.at} at ${new Date(trueMs).toISOString()}`);
    }
    this.#takers[entry.type]?.(entry);
    this.#reach.take(entry);
    for (const read of this.alsoRead) read(entry);
  }

  readonly #takers: Record<string, (entry: LoggedEntry) => void> = {
    'alarm.raised': ({ data }) => {
      if (!data.subject.startsWith('act-')) return;
      const places = this.placesOf.get(data.subject) ?? [];
      this.placesOf.set(data.subject, [...places, this.entries.length - 1]);
    },
    'order.created': ({ data }) => {
      this.orders.set(data.order_id, { quota: data.quantity + data.scrap_allowance, issued: new Set() });
    },
    'order.ids-allocated': ({ data }) => {
      for (const id of data.device_ids as string[]) {
        this.#violations.unless(!this.deviceOrder.has(id), 'I-23', () => `${id} is allocated twice`);
        this.deviceOrder.set(id, data.order_id);
        this.deviceState.set(id, 'allocated');
      }
    },
    'job.opened': ({ data }) => {
      const uid = uidText(data.hardware_uid);
      const before = this.jobOfUid.get(uid);
      this.#violations.unless(
        before === undefined || before.deviceId === data.device_id,
        'I-7',
        () => `board ${uid} has the job of ${before!.deviceId} and is given ${data.device_id}`,
      );
      this.#lives.opened(data.device_id, uid);
      const job: LoggedJob = {
        id: data.job_id,
        deviceId: data.device_id,
        uid,
        state: 'opened',
        provenCertificate: undefined,
        failedAttempts: 0,
      };
      this.jobs.set(job.id, job);
      this.jobOfUid.set(uid, job);
    },
    'attempt.ended': ({ data }) => {
      const counts = !['station_failed', 'authority_unreachable'].includes(data.failure_code);
      if (data.outcome === 'failed' && counts) this.#job(data.job_id).failedAttempts++;
    },
    'credential.intended': (entry) => this.#intended(entry),
    'credential.issued': ({ data }) => this.#issued(data),
    'credential.revoked': ({ data }) => {
      const credential = this.credentials.get(data.credential_id);
      this.#violations.unless(
        credential !== undefined && credential.serial === data.serial,
        'I-5',
        () => `${data.serial} is revoked, which no intent has`,
      );
      if (credential === undefined) return;
      credential.status = 'revoked';
      credential.revokedAtMs ??= this.#world.nowMs;
    },
    'job.written': ({ data }) => {
      const job = this.#job(data.job_id);
      this.#requireState(job, ['opened', 'written'], 'written');
      this.#violations.unless(
        this.active(job.deviceId) !== undefined,
        'I-25',
        () => `${job.deviceId} is written and has no certificate`,
      );
      job.state = 'written';
    },
    'job.proven': ({ data }) => {
      const job = this.#job(data.job_id);
      this.#requireState(job, ['written', 'proven'], 'proven');
      const active = this.active(job.deviceId);
      this.#violations.unless(
        active?.certificate !== undefined && sha256(active.certificate) === data.certificate_sha256,
        'I-26',
        () => `${job.deviceId} is proven under a certificate that is not its active one`,
      );
      job.state = 'proven';
      job.provenCertificate = data.certificate_sha256;
    },
    'job.sealed': ({ data }) => {
      const job = this.#job(data.job_id);
      this.#requireState(job, ['proven', 'sealed'], 'sealed');
      job.state = 'sealed';
    },
    'job.completed': (entry) => {
      const { data } = entry;
      const job = this.#job(data.job_id);
      this.#requireState(job, ['sealed'], 'done');
      const active = this.active(job.deviceId);
      this.#violations.unless(
        active?.keySha256 === data.public_key_sha256 &&
          job.provenCertificate === data.certificate_sha256 &&
          uidText(data.hardware_uid) === job.uid &&
          data.device_id === job.deviceId,
        'I-27',
        () => `${job.deviceId} is done with another key, certificate or board than were proven`,
      );
      job.state = 'done';
      this.completed.set(job.deviceId, entry);
    },
    'job.quarantined': ({ data }) => {
      const job = this.#job(data.job_id);
      this.#violations.unless(job.state !== 'done', 'I-24', () => `${job.deviceId} is done and is set aside`);
      job.state = 'quarantined';
    },
    'job.abandoned': ({ data }) => {
      this.#job(data.job_id).state = 'abandoned';
    },
    'unit.quarantined': ({ data }) => void this.quarantinedUids.add(uidText(data.hardware_uid)),
    'device.transitioned': (entry) => this.#lives.transitioned(entry),
    'station.revoked': ({ data }) => void this.revokedStations.set(data.station_id, this.#world.nowMs),
  };

  /** The one credential of a device that is active. */
  active(deviceId: string): LoggedCredential | undefined {
    return this.#byDevice.get(deviceId)?.find(({ status }) => status === 'active');
  }

  bySerial(serial: string): LoggedCredential | undefined {
    return this.credentials.get(this.#serials.get(serial) ?? '');
  }

  readonly #byDevice = new Map<string, LoggedCredential[]>();

  #intended({ at, data }: LoggedEntry): void {
    const violations = this.#violations;
    const { device_id: deviceId, public_key_sha256: keySha256, serial, tbs_sha256: tbsSha256 } = data;
    violations.unless(!this.#serials.has(serial), 'I-4', () => `serial ${serial} is used twice`);
    violations.unless(
      /^[0-7][0-9a-f]{17,39}$/.test(serial),
      'I-4',
      () => `serial ${serial} is short or negative`,
    );
    this.#serials.set(serial, data.credential_id);
    const owner = this.#deviceOfKey.get(keySha256);
    violations.unless(
      owner === undefined || owner === deviceId,
      'I-7',
      () => `the key of ${owner} is certified for ${deviceId}`,
    );
    this.#deviceOfKey.set(keySha256, deviceId);
    this.#lives.intended({ data });
    const order = this.orders.get(this.deviceOrder.get(deviceId) ?? '');
    if (order === undefined) violations.add('I-21', `${deviceId} is in no order and gets a certificate`);
    else {
      order.issued.add(deviceId);
      violations.unless(order.issued.size <= order.quota, 'I-23', () => `over quota with ${deviceId}`);
    }
    const job = this.jobs.get(data.job_id);
    violations.unless(
      job !== undefined && job.deviceId === deviceId && ['opened', 'written'].includes(job.state),
      'I-6',
      () =>
        `${deviceId} gets a certificate for job ${data.job_id}, which is ${job?.state} for ${job?.deviceId}`,
    );
    // against what is true, and not against the authority's clock
    const trueMs = beginning + this.#world.nowMs;
    const notBeforeMs = Date.parse(data.not_before);
    violations.unless(
      notBeforeMs <= trueMs + 60_000 && notBeforeMs >= trueMs - 60_000 - skewMs && data.not_after > at,
      'I-8',
      () => `${deviceId} is valid from ${data.not_before} at ${new Date(trueMs).toISOString()}`,
    );
    const others = this.#byDevice.get(deviceId) ?? [];
    violations.unless(
      others.every(({ status }) => status === 'revoked'),
      'I-7',
      () => `${deviceId} gets a second certificate while the first is ${others.at(-1)?.status}`,
    );
    const credential: LoggedCredential = {
      id: data.credential_id,
      jobId: data.job_id,
      deviceId,
      profile: data.profile,
      serial,
      tbsSha256,
      keySha256,
      issuerSha256: data.issuer_sha256,
      revokedAtMs: undefined,
      status: 'intended',
      certificate: undefined,
    };
    violations.unless(!this.byTbs.has(tbsSha256), 'I-2', () => `two intents have the TBS ${tbsSha256}`);
    this.credentials.set(credential.id, credential);
    this.byTbs.set(tbsSha256, credential);
    this.#byDevice.set(deviceId, [...others, credential]);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  #issued(data: any): void {
    const credential = this.credentials.get(data.credential_id);
    if (credential === undefined) {
      this.#violations.add('I-2', `${data.credential_id} has no intent`);
      return;
    }
    this.#violations.unless(
      credential.status === 'intended',
      'I-2',
      () => `the certificate of ${credential.deviceId} is released, and its intent is ${credential.status}`,
    );
    credential.status = 'active';
    credential.certificate = Buffer.from(data.certificate_b64, 'base64');
    this.#violations.unless(
      sha256(tbsOf(credential.certificate)) === credential.tbsSha256,
      'I-3',
      () => `the certificate of ${credential.deviceId} is not what was intended`,
    );
  }

  #job(id: string): LoggedJob {
    const job = this.jobs.get(id);
    if (job !== undefined) return job;
    this.#violations.add('I-15', `job ${id} was never opened`);
    throw new Error(`job ${id} was never opened`);
  }

  #requireState(job: LoggedJob, states: readonly string[], next: string): void {
    this.#violations.unless(
      states.includes(job.state),
      'I-25',
      () => `${job.deviceId} is ${next} after it was ${job.state}`,
    );
  }
}

/** Of both example contracts, with room. */
const skewMs = 61 * 60_000;
