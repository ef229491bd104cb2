/**
 * A sealed unit that takes writes again. It believes the log alone whose ID its own configuration bears, for the certificate that
 * it holds now; what was opened stays so over any power cut, and a torn record counts as closed.
 */
import { createPublicKey, verify } from 'node:crypto';
import type { DutPayload } from '@imprint/contract/dut/message';
import { reopenBytes } from '@imprint/contract/dut/statement';
import type { Board } from './board.ts';
import { sha256Hex } from './key-slot.ts';
import { Refusal } from './refusal.ts';
import { readConfig, type StoredItems } from './stored-items.ts';

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 section 4). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex');

export class Reopening {
  readonly #board: Board;
  readonly #items: StoredItems;
  readonly #realm: string;

  constructor(board: Board, items: StoredItems, realm: string) {
    this.#board = board;
    this.#items = items;
    this.#realm = realm;
  }

  /** The job for which the unit takes writes though it is sealed. */
  get job(): string | undefined {
    return this.#items.peek('reopened') || undefined;
  }

  /** Refuses `refused` unless the log said so for this very unit, and `not_written` where it holds no identity. */
  open({ job, log_key_b64, signature_b64 }: DutPayload<'reopen'>): void {
    if (this.#board.fuses.debugLock === 'open') throw new Refusal('refused', 'the unit is not sealed');
    const config = readConfig(this.#items.read('factory_config'));
    const certificate = this.#items.certificate();
    if (!config || !certificate) throw new Refusal('not_written', 'configuration or certificate is missing');
    const logKey = Buffer.from(log_key_b64, 'base64');
    if (logKey.length !== 32 || sha256Hex(logKey) !== config.log_id) {
      throw new Refusal('refused', 'this is not the key of the log that the unit knows');
    }
    const said = reopenBytes({
      realm: this.#realm,
      logId: config.log_id,
      jobId: job,
      deviceId: this.#items.read('device_id'),
      hardwareUid: this.#board.hardwareUid,
      certificateSha256: sha256Hex(certificate.raw),
    });
    const key = createPublicKey({
      key: Buffer.concat([ed25519Prefix, logKey]),
      format: 'der',
      type: 'spki',
    });
    if (!verify(null, said, key, Buffer.from(signature_b64, 'base64'))) {
      throw new Refusal('refused', 'the log did not say so for this unit, job and certificate');
    }
    this.#items.write('reopened', job);
  }

  /** Closes, and mends the record where a power cut tore it as it was closed before. */
  close(): void {
    const isTorn = this.#board.memory.read('reopened').kind === 'torn';
    if (isTorn || this.job !== undefined) this.#items.write('reopened', '');
  }
}
