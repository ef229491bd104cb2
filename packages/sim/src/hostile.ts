/** Units that lie, for tests of whoever must not believe them; nothing of the ordinary unit depends on this file. */
import 'reflect-metadata';
import type { DutPayload, DutReply } from '@imprint/contract/dut/message';
import { type AttestedState, type ProveStatement, proveBytes } from '@imprint/contract/dut/statement';
import { BasicConstraintsExtension, SubjectAlternativeNameExtension } from '@peculiar/x509';
import type { Board } from './board.ts';
import { commonName, Firmware, type FirmwareImage } from './firmware.ts';
import { type KeySlot, sha256Hex } from './key-slot.ts';

export const hostileModes = {
  'foreign-id': 'gives a device ID that is not the one written to it',
  'wrong-key': 'signs with another key than its certificate is for',
  replay: 'answers every nonce with a proof made for an old one',
  'lies-in-status': 'never locks and says in status that it did; attest tells the truth',
  'lies-in-attest': 'never locks and attests that it did; status tells the truth',
  'oracle-bait': 'signs whatever it is given',
  'endless-output': 'sends without end',
  'huge-line': 'answers with lines longer than anybody takes',
  'wrong-root': 'pins another root',
  'wrong-realm': 'was built for another realm',
  'old-rollback': 'runs firmware with an older roll-back counter',
  'bad-csr': 'gives a request whose signature is wrong',
  'ca-csr': 'asks for a CA certificate with further names',
} as const;

export type HostileMode = keyof typeof hostileModes;

export function isHostileMode(text: string): text is HostileMode {
  return Object.hasOwn(hostileModes, text);
}

/** The image that a hostile unit runs. */
export function hostileImage(mode: HostileMode, image: FirmwareImage): FirmwareImage {
  switch (mode) {
    case 'wrong-root':
      return { ...image, rootSha256: sha256Hex(`not ${image.rootSha256}`) };
    case 'wrong-realm':
      return { ...image, realm: image.realm === 'prod' ? 'test' : 'prod' };
    case 'old-rollback':
      return { ...image, rollbackCounter: Math.max(0, image.rollbackCounter - 1) };
    case 'oracle-bait':
      return { ...image, features: ['sign-challenge'] };
    default:
      return image;
  }
}

/** What a hostile unit has at hand beside its board. */
export interface HostileMeans {
  /** A slot with a key of its own, for `wrong-key`. */
  otherKey: KeySlot;
  /** The ID that `foreign-id` gives. */
  foreignId: string;
}

export class HostileFirmware extends Firmware {
  readonly #mode: HostileMode;
  readonly #means: HostileMeans;

  constructor(board: Board, image: FirmwareImage, mode: HostileMode, means: HostileMeans) {
    super(board, hostileImage(mode, image));
    this.#mode = mode;
    this.#means = means;
  }

  protected override status(): DutReply<'status'> {
    const status = super.status();
    if (this.#mode === 'lies-in-status')
      return { ...status, debug_lock: 'locked', boot_flags: allSet(status.boot_flags) };
    if (this.#mode === 'foreign-id' && status.device_id)
      return { ...status, device_id: this.#means.foreignId };
    return status;
  }

  protected override attestedState(): AttestedState {
    const state = super.attestedState();
    if (this.#mode !== 'lies-in-attest') return state;
    return { ...state, debug_lock: 'locked', boot_flags: allSet(state.boot_flags) };
  }

  protected override finalize(payload: DutPayload<'finalize'>): DutReply<'finalize'> {
    if (this.#mode === 'lies-in-status') return { debug_lock: 'locked' };
    if (this.#mode === 'lies-in-attest') return { debug_lock: this.board.fuses.debugLock };
    return super.finalize(payload);
  }

  protected override deviceId(): string {
    const stored = super.deviceId();
    return this.#mode === 'foreign-id' ? this.#means.foreignId : stored;
  }

  protected override prove(payload: DutPayload<'prove'>): DutReply<'prove'> {
    if (this.#mode !== 'replay') return super.prove(payload);
    const old: ProveStatement = { ...this.statement(payload), nonce: '0'.repeat(64) };
    return this.signedReply(proveBytes(old));
  }

  protected override sign(bytes: Uint8Array): Uint8Array {
    if (this.#mode !== 'wrong-key') return super.sign(bytes);
    const { otherKey } = this.#means;
    const type = this.board.keySlot.publicKey()!.type;
    if (otherKey.publicKey()?.type !== type) otherKey.generate(type);
    return otherKey.sign(bytes);
  }

  protected override signsChallenges(): boolean {
    return this.#mode === 'oracle-bait' || super.signsChallenges();
  }

  protected override async certificationRequest(): Promise<Uint8Array> {
    if (this.#mode === 'ca-csr') {
      return this.board.keySlot.certificationRequest(commonName(this.board), [
        new BasicConstraintsExtension(true, undefined, true),
        new SubjectAlternativeNameExtension([{ type: 'dns', value: 'backend.example' }]),
      ]);
    }
    const request = await super.certificationRequest();
    // The last byte lies in the signature for every type of key: the encoding stays whole, the proof does not.
    if (this.#mode === 'bad-csr') request[request.length - 1]! ^= 1;
    return request;
  }
}

function allSet(flags: Record<string, boolean>): Record<string, boolean> {
  return Object.fromEntries(Object.keys(flags).map((name) => [name, true]));
}
