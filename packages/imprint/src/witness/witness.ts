/**
 * What a witness promises: all notes that it ever cosigns are consistent with each other (C2SP tlog-witness). It trusts neither
 * the log nor who brings a note: the signature and the proof are verified here, and what it agreed to is on the disk first.
 */
import {
  type Checkpoint,
  signatureLine,
  type VerifierKey,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { cosign } from '@imprint/contract/audit/cosignature';
import { emptyRoot, verifyConsistency } from '@imprint/contract/audit/merkle';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { WitnessHome } from './witness-home.ts';

/**
 * `moved`: the proof begins at another size than what was agreed to; `shorter`, `forked`: the note contradicts it;
 * `unproven`: it may continue it, and the proof does not show that.
 */
export type Refused = 'moved' | 'shorter' | 'forked' | 'unproven';

export type Answer = { cosignature: string } | { refused: Refused };

export class Witness {
  readonly home: WitnessHome;
  readonly logKey: VerifierKey;
  readonly #nowSeconds: () => number;
  #agreed: Checkpoint | undefined;

  /** @throws file_invalid where the folder's note is not of the log of `logKey` */
  constructor(home: WitnessHome, logKey: VerifierKey, nowSeconds: () => number) {
    this.home = home;
    this.logKey = logKey;
    this.#nowSeconds = nowSeconds;
    const note = home.readAgreed();
    if (note !== undefined) this.#agreed = readOwnNote(note, logKey);
  }

  /** What the next note must continue. */
  get agreed(): Checkpoint | undefined {
    return this.#agreed;
  }

  /**
   * Cosigns the log's note where `proof` shows that it continues what was agreed to, at `oldSize` (0 before the first note).
   * @throws checkpoint_invalid, signature_wrong for a note that is not of this log
   */
  async submit(oldSize: number, text: string, proof: readonly Uint8Array[]): Promise<Answer> {
    const next = verifyCheckpoint(text, this.logKey);
    const refused = this.#judge(oldSize, next, proof);
    if (refused !== undefined) return { refused };
    const note = noteOfLog(next, this.logKey);
    // nothing is awaited since the comparison, so that no other note comes between it and the disk
    if (next.body !== this.#agreed?.body) this.home.writeAgreed(note);
    this.#agreed = next;
    const cosignature = await cosign(next.body, this.#nowSeconds(), this.home.key, this.home.sign);
    if (this.#agreed === next) this.home.writeCosigned(note + cosignature);
    return { cosignature };
  }

  #judge(oldSize: number, next: Checkpoint, proof: readonly Uint8Array[]): Refused | undefined {
    const { size, root } = this.#agreed ?? { size: 0, root: emptyRoot };
    if (next.size < size) return 'shorter';
    if (this.#agreed !== undefined && next.size === size && !equalBytes(next.root, root)) return 'forked';
    if (oldSize !== size) return 'moved';
    return verifyConsistency(size, next.size, root, next.root, proof) ? undefined : 'unproven';
  }
}

/** The note with the log's own signature alone: what others signed is not this witness's to pass on. */
export function noteOfLog(checkpoint: Checkpoint, logKey: VerifierKey): string {
  const own = checkpoint.signatures.find(
    ({ name, keyId }) => name === logKey.name && equalBytes(keyId, logKey.keyId),
  )!;
  return `${checkpoint.body}\n${signatureLine(own.name, own.keyId, own.signature)}`;
}

function readOwnNote(note: string, logKey: VerifierKey): Checkpoint {
  try {
    return verifyCheckpoint(note, logKey);
  } catch (cause) {
    throw new ImprintError('file_invalid', `this folder watches another log: ${(cause as Error).message}`, {
      hint: 'One folder watches one log. Give the right --log-key, or a new folder.',
      cause,
    });
  }
}
