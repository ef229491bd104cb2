/**
 * A device in the field, one contact after another: it says that it lives, takes what is newer, and has its credentials renewed. Each
 * contact reads the record anew and does what is due, so that it may be broken off anywhere and called again. It trusts the roots in its
 * record, and of the authority nothing that those do not cover.
 */
import type { DeviceReport } from '@imprint/contract/api/device';
import { fromBase64, toBase64 } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { KeyType } from '@imprint/contract/x509/public-key';
import { acceptCertificate } from './accept-certificate.ts';
import { type Connection, connectTo } from './authority-connection.ts';
import { BelievedTime } from './believed-time.ts';
import { makeCertificationRequest } from './certification-request.ts';
import { type ApplyConfiguration, configure } from './configure.ts';
import {
  type DeviceProfile,
  type DeviceState,
  readState,
  type StateStore,
  type StoredCredential,
  writeState,
} from './device-state.ts';
import { caCertificates, enroll } from './est-client.ts';
import type { DeviceKey, KeySlot } from './key-slot.ts';
import { renewAtMs } from './renewal.ts';
import { sayHello } from './say-hello.ts';
import { takeBundle } from './take-bundle.ts';

export interface DeviceOptions {
  store: StateStore;
  slot: KeySlot;
  /** The authority's listener for devices. */
  url: URL;
  /** Where bundles of trust anchors are published; absent: none is looked for. */
  bundleUrl?: URL;
  clock: () => Date;
  /** In [0, 1), the device's own and always the same: it spreads the devices of one day. */
  fraction: number;
  /** What the device says of itself. */
  report: () => Omit<DeviceReport, 'configuration'>;
  /** Whether it has an operational certificate beside its birth certificate, and of which key type. */
  operational: KeyType | null;
  /** Absent: the device asks for no configuration. */
  applyConfiguration?: ApplyConfiguration;
  connect?: typeof connectTo;
}

export interface Contact {
  /** Milliseconds since 1970. */
  nextAtMs: number;
  /** What this contact did, in the order of doing. */
  did: (
    | 'hello'
    | 'heartbeat'
    | 'bundle'
    | 'enrolled'
    | 'renewed'
    | 'pending'
    | 'configured'
    | 'not-configured'
  )[];
}

interface Greeted {
  state: DeviceState;
  connection: Connection;
  nextAtMs: number;
}

/** The floor of time is written now and then: a device that is switched off forgets so much of it at most. */
const floorEveryMs = 3_600_000;

export class Device {
  readonly #options: DeviceOptions;
  #time: BelievedTime | undefined;
  #isStarted = false;

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  /**
   * One contact, with everything that is due at it.
   * @throws unavailable (call again later), home_missing, key_locked, storage_failed, certificate_refused; what the authority refuses under its code
   */
  async contact(): Promise<Contact> {
    const { store } = this.#options;
    const did: Contact['did'] = [];
    let state = await readState(store);
    this.#time ??= new BelievedTime(this.#options.clock, state.clock_floor);
    const greeted = await this.#greet(state);
    state = greeted.state;
    try {
      did.push(this.#isStarted ? 'heartbeat' : 'hello');
      this.#isStarted = true;
      state = await this.#takeBundle(state, did);
      state = await this.#enroll(state, greeted.connection, did);
      state = await this.#configure(state, greeted.connection, did);
    } finally {
      greeted.connection.close();
    }
    await this.#forgetSpentKeys(state);
    const renewal = this.#renewalOf(state)?.atMs ?? Number.POSITIVE_INFINITY;
    return { did, nextAtMs: Math.min(greeted.nextAtMs, renewal) };
  }

  /**
   * Shows the newest credential, and where that is refused what it has besides: the one before it, which the authority accepts until the
   * newest was used, and its birth certificate. Where the key of the CA of that was stolen, it is certified anew first.
   */
  async #greet(state: DeviceState): Promise<Greeted> {
    const { former } = state;
    const ways: DeviceState[] = [state];
    if (former !== null) ways.push({ ...state, [former.profile]: former.credential });
    if (state.ldevid !== null) ways.push({ ...state, ldevid: null });
    let refused: unknown;
    for (const way of ways) {
      try {
        return await this.#greetAs(way, way.ldevid ?? way.idevid!, way !== state);
      } catch (error) {
        if (isImprintError(error, 'certify_anew')) return this.#greetAnew(way);
        if (!isImprintError(error, 'not_authenticated', 'credential_revoked')) throw error;
        refused = error;
      }
    }
    throw refused;
  }

  /** Another birth certificate for the key that the device has, and a hello with it. */
  async #greetAnew(state: DeviceState): Promise<Greeted> {
    const { store, slot } = this.#options;
    const connection = await this.#connect(state, state.idevid!);
    let next: DeviceState;
    try {
      const key = await slot.open(state.idevid!.key);
      const answer = await enroll(
        connection,
        'reenroll',
        await makeCertificationRequest(key, state.device_id),
      );
      if (answer.kind === 'pending') {
        throw new ImprintError('unavailable', 'a person has to agree to another certificate first', {
          context: { retryAfterMs: answer.retryAfterMs },
        });
      }
      next = await this.#accepted(state, 'idevid', key, answer.certificates, connection);
    } finally {
      connection.close();
    }
    await writeState(store, next);
    return this.#greetAs(next, next.idevid!);
  }

  /** `isOther`: the record names what is refused, and is written before any key of that is forgotten. */
  async #greetAs(state: DeviceState, shown: StoredCredential, isOther = false): Promise<Greeted> {
    const { store, report } = this.#options;
    const time = this.#time!;
    const connection = await this.#connect(state, shown);
    try {
      const said = await sayHello(connection, { ...report(), configuration: null }, this.#isStarted);
      time.learn(said.serverTime, connection.serverLife()!);
      const next = { ...state, former: null, clock_floor: time.now().toISOString() };
      const isOld = Date.parse(next.clock_floor) - Date.parse(state.clock_floor) > floorEveryMs;
      if (state.former !== null || isOther || isOld) await writeState(store, next);
      return { state: next, connection, nextAtMs: time.now().getTime() + said.nextContactMs };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #connect(state: DeviceState, shown: StoredCredential): Promise<Connection> {
    const { connect = connectTo, slot, url } = this.#options;
    const { tls } = await slot.open(shown.key);
    const { realm, anchors_b64 } = state;
    const chain = ders(shown.chain_b64);
    return connect(url, { realm, anchors: ders(anchors_b64), chain, key: tls, time: this.#time! });
  }

  async #takeBundle(state: DeviceState, did: Contact['did']): Promise<DeviceState> {
    const { bundleUrl, store } = this.#options;
    if (bundleUrl === undefined) return state;
    const taken = await takeBundle(bundleUrl, state);
    if (taken === undefined) return state;
    await writeState(store, taken);
    did.push('bundle');
    return taken;
  }

  /** What could not be applied is offered again at the next contact. */
  async #configure(state: DeviceState, connection: Connection, did: Contact['did']): Promise<DeviceState> {
    const { applyConfiguration, store } = this.#options;
    if (applyConfiguration === undefined) return state;
    const configured = await configure(connection, state.configuration?.etag, applyConfiguration);
    if (configured === undefined) return state;
    did.push(configured.outcome === 'applied' ? 'configured' : 'not-configured');
    if (configured.outcome === 'failed') return state;
    const next = { ...state, configuration: { etag: configured.etag } };
    await writeState(store, next);
    return next;
  }

  /** Which credential is to be made anew, if any, and when. */
  #renewalOf(state: DeviceState): { profile: DeviceProfile; atMs: number } | undefined {
    const { operational, fraction } = this.#options;
    if (operational !== null && state.ldevid === null) return { profile: 'ldevid', atMs: 0 };
    const profile = state.ldevid === null ? 'idevid' : 'ldevid';
    const { notBefore, notAfter } = parseCertificate(fromBase64(state[profile]!.chain_b64[0]!));
    const atMs = renewAtMs({ notBefore, notAfter }, fraction);
    return atMs === null ? undefined : { profile, atMs };
  }

  /** The key is in the record before it is asked with, so that a device that is broken off asks again with the same one. */
  async #enroll(state: DeviceState, connection: Connection, did: Contact['did']): Promise<DeviceState> {
    const { store, slot } = this.#options;
    const due = this.#renewalOf(state);
    const profile = state.asked?.profile ?? due?.profile;
    if (profile === undefined || (state.asked === null && due!.atMs > this.#time!.now().getTime()))
      return state;
    const key = state.asked === null ? await this.#newKey(state, profile) : await slot.open(state.asked.key);
    const asking = { ...state, asked: { profile, key: key.handle } };
    if (state.asked === null) await writeState(store, asking);
    const isRenewal = state[profile] !== null;
    const request = await makeCertificationRequest(key, state.device_id);
    const answer = await enroll(connection, isRenewal ? 'reenroll' : 'enroll', request);
    if (answer.kind === 'pending') {
      did.push('pending');
      return asking;
    }
    const next = await this.#accepted(asking, profile, key, answer.certificates, connection);
    await writeState(store, next);
    did.push(isRenewal ? 'renewed' : 'enrolled');
    return next;
  }

  async #newKey(state: DeviceState, profile: DeviceProfile): Promise<DeviceKey> {
    const { slot, operational } = this.#options;
    const of = state[profile] ?? state.idevid!;
    const { type } = parseCertificate(fromBase64(of.chain_b64[0]!)).publicKey;
    return slot.makeKey(profile === 'ldevid' ? (operational ?? type) : type);
  }

  /** The record in which the new credential stands, and what it stands in the place of is kept until it was used. */
  async #accepted(
    state: DeviceState,
    profile: DeviceProfile,
    key: DeviceKey,
    certificates: readonly Uint8Array[],
    connection: Connection,
  ): Promise<DeviceState> {
    const anchors = ders(state.anchors_b64);
    // the answer has the certificate alone, and it may be another CA's than the last one
    const known = await caCertificates(connection);
    const { realm, device_id: deviceId } = state;
    const at = this.#time!.now();
    const chain = acceptCertificate(certificates, known, {
      ...{ deviceId, profile, realm, spki: key.spki, anchors, at },
    });
    const before = state[profile];
    return {
      ...state,
      [profile]: { key: key.handle, chain_b64: chain.map(toBase64) },
      former: before === null || before.key === key.handle ? null : { profile, credential: before },
      asked: null,
      clock_floor: at.toISOString(),
    };
  }

  /** Keys that no credential and no request names, as what a stop between two writes left. */
  async #forgetSpentKeys(state: DeviceState): Promise<void> {
    const { slot } = this.#options;
    const used = [state.idevid?.key, state.ldevid?.key, state.former?.credential.key, state.asked?.key];
    for (const handle of await slot.handles()) {
      if (!used.includes(handle)) await slot.forget(handle);
    }
  }
}

const ders = (texts: readonly string[]) => texts.map((text) => fromBase64(text));
