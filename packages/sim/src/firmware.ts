/**
 * The program of a simulated unit: what each command does to the board. It composes what it signs from what it
 * holds, takes nothing that is not signed under its pinned root, and writes nothing once it is sealed.
 */
import {
  type DutCommand,
  type DutErrorCode,
  type DutPayload,
  type DutReply,
  dutCommands,
} from '@imprint/contract/dut/message';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
} from '@imprint/contract/dut/statement';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import type { Board } from './board.ts';
import { chainsTo, readCertificates, subjectPublicKey, subjectSerialNumbers } from './certificate-check.ts';
import { sha256Hex } from './key-slot.ts';
import { Refusal } from './refusal.ts';
import { Reopening } from './reopening.ts';
import { selfTest } from './self-test.ts';
import { type KeyRecord, readConfig, StoredItems } from './stored-items.ts';

export interface FirmwareImage {
  product: string;
  buildId: string;
  /** SHA-256 of the image, hex. */
  sha256: string;
  rollbackCounter: number;
  realm: 'dev' | 'test' | 'prod';
  /** SHA-256 of the root certificate, DER, hex: what the build pins. */
  rootSha256: string;
  storageMapSha256: string;
  features: readonly 'sign-challenge'[];
  keySlot: number;
  keyTypes: readonly KeyType[];
}

/** A command's answer: the fields beside `ok`, or a refusal. `reboot`: the unit starts anew once it is sent. */
export type Outcome =
  | { ok: true; body: Record<string, unknown>; reboot?: boolean }
  | { ok: false; error: DutErrorCode; detail?: string };

/** The commands that the session answers itself. */
type Spoken = Exclude<DutCommand, 'hello' | 'put_chunk' | 'get_chunk'>;

export class Firmware {
  readonly image: FirmwareImage;
  protected readonly board: Board;
  readonly #items: StoredItems;
  readonly #reopening: Reopening;
  /** Why the unit does not leave its boot loader, if it does not. */
  readonly bootRefusal: string | undefined;

  /** Boots: what is stored is held against what the build pins. */
  constructor(board: Board, image: FirmwareImage) {
    this.board = board;
    this.#items = new StoredItems(board);
    this.image = image;
    this.#reopening = new Reopening(board, this.#items, image.realm);
    this.bootRefusal = this.#findBootRefusal();
  }

  /** Carries out a command whose payload was not looked at yet. Only a lost supply is thrown. */
  async execute(name: string, payload: unknown): Promise<Outcome> {
    if (!isSpoken(name)) return { ok: false, error: 'unknown_command' };
    if (this.bootRefusal && name !== 'status' && name !== 'reboot') {
      return { ok: false, error: 'refused', detail: this.bootRefusal };
    }
    const parsed = dutCommands[name].payload.safeParse(payload ?? {});
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      const detail = `${issue.path.join('.') || 'payload'}: ${issue.message}`.slice(0, 200);
      return { ok: false, error: 'bad_payload', detail };
    }
    try {
      const body = await this.#act[name](parsed.data as never);
      return { ok: true, body, ...(name === 'reboot' && { reboot: true }) };
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, error: error.code, detail: error.message };
      throw error;
    }
  }

  readonly #act: { [C in Spoken]: (payload: DutPayload<C>) => DutReply<C> | Promise<DutReply<C>> } = {
    status: () => this.status(),
    generate_key: (payload) => this.generateKey(payload),
    write_trust_anchor: ({ trust_anchor_pem }) => {
      this.#refuseIfSealed();
      const [certificate, ...others] = readCertificates(trust_anchor_pem) ?? [];
      if (!certificate || others.length > 0) throw new Refusal('bad_payload', 'not one certificate in PEM');
      if (sha256Hex(certificate.raw) !== this.image.rootSha256) {
        throw new Refusal('wrong_root', 'this is not the root that the firmware pins');
      }
      this.#items.write('trust_anchor', trust_anchor_pem);
      return {};
    },
    set_device_id: ({ device_id }) => {
      this.#refuseIfSealed();
      this.#items.write('device_id', device_id);
      return {};
    },
    write_factory_config: ({ config }) => {
      this.#refuseIfSealed();
      const { realm } = readConfig(config) ?? {};
      if (realm === undefined)
        throw new Refusal('bad_payload', 'no JSON with log_id, contract_sha256 and realm');
      if (realm !== this.image.realm) throw new Refusal('refused', 'the configuration is for another realm');
      this.#items.write('factory_config', config);
      return {};
    },
    write_certs: (payload) => this.writeCerts(payload),
    read_trust_anchor: () => ({ trust_anchor_pem: this.#items.read('trust_anchor') }),
    read_device_id: () => ({ device_id: this.deviceId() }),
    read_factory_config: () => ({ config: this.#items.read('factory_config') }),
    read_certs: () => ({
      device_cert_pem: this.#items.read('device_cert'),
      chain_pem: this.#items.read('chain'),
    }),
    prove: (payload) => this.prove(payload),
    attest: (payload) => this.attest(payload),
    write_boot_flags: ({ boot_flags }) => {
      this.#refuseIfLocked();
      const wanted = Object.keys(boot_flags).filter((flag) => boot_flags[flag]);
      const unknown = Object.keys(boot_flags).find((flag) => !this.board.fuses.hasFlag(flag));
      if (unknown !== undefined) throw new Refusal('bad_payload', `there is no boot flag ${unknown}`);
      for (const flag of wanted) this.board.fuses.burnFlag(flag);
      return {};
    },
    reopen: (payload) => {
      this.#reopening.open(payload);
      return { reopened: payload.job };
    },
    finalize: (payload) => this.finalize(payload),
    selftest: () => selfTest(this.board, this.#items),
    reboot: () => ({}),
    sign_challenge: ({ challenge_b64 }) => {
      if (!this.signsChallenges())
        throw new Refusal('refused', 'this build signs only what it composes itself');
      return this.signedReply(Buffer.from(challenge_b64, 'base64'));
    },
  };

  protected status(): DutReply<'status'> {
    const key = this.#items.key();
    const certificate = this.#items.certificate();
    const anchor = this.#items.trustAnchor();
    return {
      boot_count: this.board.bootCount,
      debug_lock: this.board.fuses.debugLock,
      boot_flags: this.board.fuses.bootFlags,
      device_id: this.#items.peek('device_id') ?? null,
      key: key ?? null,
      certificate_sha256: certificate ? sha256Hex(certificate.raw) : null,
      chain_sha256: hashOrNull(this.#items.peek('chain')),
      trust_anchor_sha256: anchor ? sha256Hex(anchor.raw) : null,
      factory_config_sha256: hashOrNull(this.#items.peek('factory_config')),
      torn: this.board.memory.torn(),
      ...(this.#reopening.job !== undefined && { reopened: this.#reopening.job }),
    };
  }

  protected async generateKey(payload: DutPayload<'generate_key'>): Promise<DutReply<'generate_key'>> {
    const { keySlot } = this.board;
    if (payload.slot !== this.image.keySlot)
      throw new Refusal('bad_payload', `there is no slot ${payload.slot}`);
    if (!this.image.keyTypes.includes(payload.type)) {
      throw new Refusal('refused', `the slot makes no key of type ${payload.type}`);
    }
    const held = this.#items.key();
    if (!held || payload.replace) {
      this.#refuseIfSealed();
      keySlot.generate(payload.type);
      const { spki } = keySlot.publicKey()!;
      const record: KeyRecord = {
        slot: payload.slot,
        type: payload.type,
        public_key_sha256: sha256Hex(spki),
      };
      this.#items.write('key', JSON.stringify(record));
    } else if (held.type !== payload.type) {
      throw new Refusal('key_exists', `the slot holds a key of type ${held.type}`);
    }
    const { spki } = keySlot.publicKey()!;
    const csr = await this.certificationRequest();
    return { csr_b64: Buffer.from(csr).toString('base64'), public_key_sha256: sha256Hex(spki) };
  }

  protected certificationRequest(): Promise<Uint8Array> {
    return this.board.keySlot.certificationRequest(commonName(this.board));
  }

  protected writeCerts(payload: DutPayload<'write_certs'>): DutReply<'write_certs'> {
    this.#refuseIfSealed();
    const [leaf, ...others] = readCertificates(payload.device_cert_pem) ?? [];
    const chain = readCertificates(payload.chain_pem);
    if (!leaf || others.length > 0 || !chain) throw new Refusal('bad_payload', 'not certificates in PEM');
    const anchor = this.#items.trustAnchor();
    if (!anchor) throw new Refusal('not_written', 'the trust anchor comes first');
    const key = this.#items.key();
    if (!key) throw new Refusal('no_key', 'the key comes first');
    if (!chainsTo(anchor, leaf, chain))
      throw new Refusal('wrong_root', 'the chain does not lead to the anchor');
    if (sha256Hex(subjectPublicKey(leaf)) !== key.public_key_sha256) {
      throw new Refusal('wrong_device', 'the certificate is for another key');
    }
    const id = this.#items.peek('device_id');
    const named = subjectSerialNumbers(leaf);
    if (id !== undefined && (named.length !== 1 || named[0] !== id)) {
      throw new Refusal('wrong_device', 'the certificate names another device ID');
    }
    this.#items.refuseIfTooLong('chain', payload.chain_pem);
    this.#items.write('device_cert', payload.device_cert_pem);
    this.#items.write('chain', payload.chain_pem);
    return {};
  }

  protected prove(payload: DutPayload<'prove'>): DutReply<'prove'> {
    return this.signedReply(proveBytes(this.statement(payload)));
  }

  protected attest(payload: DutPayload<'attest'>): DutReply<'attest'> {
    if (this.#reopening.job !== undefined)
      throw new Refusal('refused', 'the unit is reopened: close it first');
    const statement = this.statement(payload);
    const state = this.attestedState();
    return { ...this.signedReply(attestBytes(statement, state)), state };
  }

  /** What a proof says, from the unit's own storage; of the asker come job, attempt and nonce only. */
  protected statement(asked: DutPayload<'prove'>): ProveStatement {
    const config = readConfig(this.#items.read('factory_config'));
    const certificate = this.#items.certificate();
    if (!config || !certificate) throw new Refusal('not_written', 'configuration or certificate is missing');
    return {
      realm: this.image.realm,
      logId: config.log_id,
      jobId: asked.job,
      attempt: asked.attempt,
      deviceId: this.deviceId(),
      hardwareUid: this.board.hardwareUid,
      certificateSha256: sha256Hex(certificate.raw),
      contractSha256: config.contract_sha256,
      nonce: asked.nonce,
    };
  }

  protected attestedState(): AttestedState {
    const anchor = this.#items.trustAnchor();
    if (!anchor) throw new Refusal('not_written', 'the trust anchor was not written');
    return {
      debug_lock: this.board.fuses.debugLock,
      boot_flags: this.board.fuses.bootFlags,
      firmware_build_id: this.image.buildId,
      firmware_sha256: this.image.sha256,
      rollback_counter: this.image.rollbackCounter,
      boot_count: this.board.bootCount,
      trust_anchor_sha256: sha256Hex(anchor.raw),
      factory_config_sha256: sha256Hex(this.#items.read('factory_config')),
      storage_map_sha256: this.image.storageMapSha256,
    };
  }

  protected signedReply(bytes: Uint8Array): { signed_by: string; signature_b64: string } {
    const signedBy = this.deviceId();
    if (!this.#items.key()) throw new Refusal('no_key', 'the slot holds no key');
    return { signed_by: signedBy, signature_b64: Buffer.from(this.sign(bytes)).toString('base64') };
  }

  protected signsChallenges(): boolean {
    return this.image.realm === 'dev' && this.image.features.includes('sign-challenge');
  }

  protected sign(bytes: Uint8Array): Uint8Array {
    return this.board.keySlot.sign(bytes);
  }

  protected deviceId(): string {
    return this.#items.read('device_id');
  }

  protected finalize(payload: DutPayload<'finalize'>): DutReply<'finalize'> {
    if (payload.lock_debug) this.board.fuses.closeDebug(payload.permanent ?? false);
    this.#reopening.close();
    return { debug_lock: this.board.fuses.debugLock };
  }

  #findBootRefusal(): string | undefined {
    const anchor = this.#items.trustAnchor();
    if (anchor && sha256Hex(anchor.raw) !== this.image.rootSha256) {
      return 'boot refused: the stored trust anchor is not the root that the firmware pins';
    }
    const config = this.#items.peek('factory_config');
    const realm = config === undefined ? undefined : readConfig(config)?.realm;
    if (realm !== undefined && realm !== this.image.realm) {
      return 'boot refused: the stored configuration is of another realm';
    }
    return undefined;
  }

  #refuseIfSealed(): void {
    if (this.#reopening.job === undefined) this.#refuseIfLocked();
  }

  /** Fuses are not reopened with the storage. */
  #refuseIfLocked(): void {
    if (this.board.fuses.debugLock !== 'open') throw new Refusal('sealed', 'the debug lock is closed');
  }
}

/** The subject that a unit's request carries; nobody reads it (I-6), and X.520 gives a common name 64 characters. */
export function commonName(board: Board): string {
  const first = board.hardwareUid[0]!;
  return `${first.kind}=${first.value}`.slice(0, 64);
}

function isSpoken(name: string): name is Spoken {
  return Object.hasOwn(dutCommands, name) && !['hello', 'put_chunk', 'get_chunk'].includes(name);
}

function hashOrNull(text: string | undefined): string | null {
  return text === undefined ? null : sha256Hex(text);
}
