/**
 * The log's signed checkpoints: only ever of a committed head, and only of one that continues every head that this
 * process signed before (I-16). It trusts neither the head's row nor the tiles: the proof between the two is verified.
 */
import { signBackupManifest } from '@imprint/contract/audit/backup-signature';
import {
  formatVerifierKey,
  type NoteSigner,
  signCheckpoint,
  type VerifierKey,
} from '@imprint/contract/audit/checkpoint';
import { verifyConsistency } from '@imprint/contract/audit/merkle';
import { equalBytes, toBase64 } from '@imprint/contract/bytes';
import { type ReopenStatement, reopenBytes } from '@imprint/contract/dut/statement';
import { ImprintError } from '@imprint/contract/errors';
import type { Ledger, LogHead } from '../ledger/ledger.ts';
import { proveConsistency } from './tiles.ts';

export interface SignedHead extends LogHead {
  /** The signed note. */
  text: string;
}

export class Checkpoints {
  readonly #ledger: Ledger;
  readonly #key: VerifierKey;
  readonly #sign: NoteSigner;
  readonly #onSigned: (signed: SignedHead) => void;
  #last: SignedHead | undefined;
  #signing: Promise<SignedHead> | undefined;

  /** @param onSigned hears of every head that is signed, before anybody else does */
  constructor(
    ledger: Ledger,
    key: VerifierKey,
    sign: NoteSigner,
    onSigned: (signed: SignedHead) => void = () => undefined,
  ) {
    this.#ledger = ledger;
    this.#key = key;
    this.#sign = sign;
    this.#onSigned = onSigned;
  }

  /** The text form of the key under which the checkpoints verify. */
  get verifierKey(): string {
    return formatVerifierKey(this.#key);
  }

  /** The log's signature under its word for one unit, with the key to verify it by, both base64. @throws key_locked */
  async signReopen(statement: ReopenStatement): Promise<{ log_key_b64: string; signature_b64: string }> {
    const signature = await this.#sign(reopenBytes(statement));
    return { log_key_b64: toBase64(this.#key.publicKey), signature_b64: toBase64(signature) };
  }

  /** The log's signature under the manifest of a backup, as the backup keeps it. @throws key_locked */
  signBackup(manifest: string): Promise<string> {
    return signBackupManifest(manifest, this.#sign);
  }

  /**
   * The checkpoint of a head that was committed when this was called, or of a later one. Callers that come while one
   * is being made wait for the next, so that a receipt's entry is always within it.
   * @throws log_inconsistent where the log does not continue what was signed before; key_locked
   */
  async latest(): Promise<SignedHead> {
    // one that is under way may have read the head before the caller's entry was in it
    const underWay = this.#signing;
    if (underWay !== undefined) {
      await underWay.catch(() => undefined);
      if (this.#signing !== undefined && this.#signing !== underWay) return this.#signing;
    }
    const signing = this.#signNext().finally(() => {
      if (this.#signing === signing) this.#signing = undefined;
    });
    this.#signing = signing;
    return signing;
  }

  /**
   * The checkpoint of a head that a copy of this log has.
   * @throws log_inconsistent where this log does not continue that head; key_locked
   */
  async of({ size, root }: LogHead): Promise<SignedHead> {
    await this.#requireContinues({ size, root }, await this.latest());
    return {
      size,
      root,
      text: await signCheckpoint({ origin: this.#key.name, size, root }, this.#key, this.#sign),
    };
  }

  async #signNext(): Promise<SignedHead> {
    const { size, root } = await this.#ledger.head();
    const last = this.#last;
    if (last !== undefined) {
      if (last.size === size && equalBytes(last.root, root)) return last;
      await this.#requireContinues(last, { size, root });
    }
    const text = await signCheckpoint({ origin: this.#key.name, size, root }, this.#key, this.#sign);
    this.#last = { size, root: Uint8Array.from(root), text };
    this.#onSigned(this.#last);
    return this.#last;
  }

  async #requireContinues(last: LogHead, head: LogHead): Promise<void> {
    const proof =
      last.size < head.size ? await proveConsistency(this.#ledger.reader, last.size, head.size) : [];
    if (verifyConsistency(last.size, head.size, last.root, head.root, proof)) return;
    throw new ImprintError(
      'log_inconsistent',
      `the log of ${head.size} entries does not continue the one of ${last.size} that came before it`,
      {
        hint: 'No checkpoint is signed. Stop issuing, keep the database as it is, and run imprint audit verify.',
        context: { signed: last.size, size: head.size },
      },
    );
  }
}
