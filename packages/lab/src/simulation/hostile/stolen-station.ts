/**
 * What a thief has who took a station: its identity, a badge, the labels of its order, whatever went over the wires, and keys in
 * software that pass for units. It speaks the API by hand; nothing of the real procedure restrains it.
 */
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
} from '@imprint/contract/dut/statement';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import type { Answer } from '@imprint/station/read-answer';
import { readAnswer } from '@imprint/station/read-answer';
import { Life } from '../life.ts';
import type { Message, Network } from '../network.ts';
import { gateways } from '../products.ts';
import { SeededKeySlot } from '../seeded-keys.ts';
import { beginning, type Chance, chance, type World } from '../world.ts';

export const stolenStation = 'th-1';
export const stolenLanes = 2;
export const stolenOrder = 'stolen-1';

/** The labels of the orders that the station works on. */
export interface StolenLabels {
  labels: readonly string[];
  /** Of an order of which it may make no more than its share. */
  shared: { share: number; labels: readonly string[] };
  /** Of an order that is not open yet. */
  laterLabel: string;
}

/** What the authority said: an answer, or the code of its refusal; undefined where nobody answered. */
export type Said<N extends StationRouteName> = { answer: StationResponse<N> } | { code: string } | undefined;

export interface Loot {
  world: World;
  network: Network;
  badge: string;
  stolen: StolenLabels;
  /** Absent, the one that was stolen. */
  stationId?: string;
}

export class StolenStation {
  readonly draw: Chance;
  readonly world: World;
  readonly network: Network;
  /** Those that it used no unit with yet. */
  readonly labels: string[];
  readonly shared: StolenLabels['shared'];
  /** One for each of its share, the same whenever it tries. */
  readonly sharedUnits: readonly ForgedUnit[];
  readonly laterLabel: string;
  readonly #badge: string;
  readonly #stationId: string;
  readonly #life: Life;
  readonly #entropy;
  /** By route: the last request of it that was carried out. */
  readonly accepted = new Map<StationRouteName, Message>();
  sessionId: string | undefined;
  shiftId: string | null = null;

  constructor({ world, network, badge, stolen, stationId = stolenStation }: Loot) {
    this.#stationId = stationId;
    this.world = world;
    this.network = network;
    this.labels = [...stolen.labels];
    this.shared = stolen.shared;
    this.laterLabel = stolen.laterLabel;
    this.#badge = badge;
    this.#life = new Life(world);
    this.#entropy = world.entropy(`thief ${stationId}`);
    this.sharedUnits = stolen.shared.labels.map(() => this.newUnit());
    this.draw = chance(world.entropy('what the thief does'));
  }

  requestId(): string {
    return Buffer.from(this.#entropy(16)).toString('hex');
  }

  async say<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: unknown,
    sessionId = this.sessionId,
  ): Promise<Said<N>> {
    const { answer } = await this.sayRaw({
      stationId: this.#stationId,
      sessionId,
      route,
      params,
      body: JSON.stringify(request),
    });
    if (answer === undefined) return undefined;
    if (answer.status !== 200) return { code: JSON.parse(answer.text).code };
    return { answer: readAnswer(route, answer) };
  }

  /** Also what is no request at all. */
  async sayRaw(message: Message): Promise<{ answer: Answer | undefined }> {
    try {
      const answer = await this.network.send(this.#life, message);
      if (answer.status === 200) this.accepted.set(message.route, message);
      return { answer };
    } catch {
      return { answer: undefined };
    }
  }

  async signIn(): Promise<boolean> {
    const opened = await this.say('openSession', {}, {
      station_version: '0.1.0',
      configuration_sha256: '0'.repeat(64),
      station_time: new Date(beginning + this.world.nowMs).toISOString(),
      last_checkpoint: null,
    } satisfies StationRequest<'openSession'>);
    if (opened === undefined || 'code' in opened) return false;
    this.sessionId = opened.answer.session_id;
    const shift = await this.say('openShift', {}, { request_id: this.requestId(), badge: this.#badge });
    if (shift === undefined || 'code' in shift) return false;
    this.shiftId = shift.answer.shift_id;
    return true;
  }

  newUnit(): ForgedUnit {
    return new ForgedUnit(this.#entropy);
  }

  open(
    unit: ForgedUnit,
    deviceId: string | null,
    lane = 1,
    orderId: string | null = null,
  ): Promise<Said<'openJob'>> {
    const { contract } = gateways.checked;
    return this.say('openJob', {}, {
      request_id: this.requestId(),
      order_id: orderId,
      device_id: deviceId,
      operation: 'provision',
      hardware_uid: unit.hardwareUid,
      hw_rev: contract.hardware_revisions[0]!,
      firmware: { ...contract.firmware },
      held: { device_id: null, public_key_sha256: null, certificate_sha256: null },
      where: { lane, carrier: null, position: null },
      shift_id: this.shiftId,
    } satisfies StationRequest<'openJob'>);
  }
}

type Job = StationResponse<'openJob'>;

/** A key in software that says it is a unit. */
export class ForgedUnit {
  readonly slot: SeededKeySlot;
  readonly hardwareUid: HardwareUid;
  certificateSha256 = '0'.repeat(64);
  chainSha256 = '0'.repeat(64);

  constructor(entropy: (length: number) => Uint8Array) {
    this.slot = new SeededKeySlot(entropy);
    this.slot.generate('ec-p256');
    const serial = () => Buffer.from(entropy(9)).toString('hex').toUpperCase();
    this.hardwareUid = [
      { kind: 'mcu-uid', value: serial() },
      { kind: 'secure-element-serial', value: serial() },
    ];
  }

  async csr(): Promise<string> {
    return Buffer.from(await this.slot.certificationRequest('forged')).toString('base64');
  }

  take({ device_cert_pem, chain_pem }: { device_cert_pem: string; chain_pem: string }): void {
    this.certificateSha256 = sha256Hex(fromPem('CERTIFICATE', device_cert_pem)[0]!);
    this.chainSha256 = sha256Hex(Buffer.concat(fromPem('CERTIFICATE', chain_pem)));
  }

  readBack(job: Job) {
    return {
      device_id: job.device_id,
      certificate_sha256: this.certificateSha256,
      chain_sha256: this.chainSha256,
      trust_anchor_sha256: sha256Hex(fromPem('CERTIFICATE', job.trust_anchor_pem)[0]!),
      factory_config_sha256: sha256Hex(Buffer.from(job.factory_config)),
    };
  }

  statement(job: Job, nonce: string): ProveStatement {
    const { log_id } = JSON.parse(job.factory_config) as { log_id: string };
    return {
      realm: 'dev',
      logId: log_id,
      jobId: job.job_id,
      attempt: job.attempt,
      deviceId: job.device_id,
      hardwareUid: this.hardwareUid,
      certificateSha256: this.certificateSha256,
      contractSha256: job.contract_sha256,
      nonce,
    };
  }

  prove(job: Job, nonce: string): string {
    return Buffer.from(this.slot.sign(proveBytes(this.statement(job, nonce)))).toString('base64');
  }

  /** All that the contract asks for, made up. */
  state(job: Job): AttestedState {
    const { contract } = gateways.checked;
    const { trust_anchor_sha256, factory_config_sha256 } = this.readBack(job);
    return {
      debug_lock: contract.lock_policy.debug as AttestedState['debug_lock'],
      boot_flags: { ...contract.boot_flags },
      firmware_build_id: contract.firmware.build_id,
      firmware_sha256: contract.firmware.sha256,
      rollback_counter: contract.firmware.rollback_counter,
      boot_count: 2,
      trust_anchor_sha256,
      factory_config_sha256,
      storage_map_sha256: storageMapSha256(contract),
    };
  }

  attest(job: Job, nonce: string, state: AttestedState): string {
    return Buffer.from(this.slot.sign(attestBytes(this.statement(job, nonce), state))).toString('base64');
  }
}
