/**
 * The unit's storage as its firmware sees it: texts, certificates and the key's record, none of them believed where
 * the record below fails its own check.
 */
import type { X509Certificate } from 'node:crypto';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import type { Board } from './board.ts';
import { readCertificates } from './certificate-check.ts';
import { sha256Hex } from './key-slot.ts';
import type { StoredItem } from './memory-map.ts';
import { Refusal } from './refusal.ts';

export interface KeyRecord {
  slot: number;
  type: KeyType;
  public_key_sha256: string;
}

/** What the firmware reads in a factory configuration; the rest is the application's. */
export interface BoundConfig {
  log_id: string;
  contract_sha256: string;
  realm: string;
}

export class StoredItems {
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  /** Refuses `too_long` where the text does not fit its place. */
  write(item: StoredItem, text: string): void {
    this.refuseIfTooLong(item, text);
    this.#board.memory.write(item, Buffer.from(text));
  }

  refuseIfTooLong(item: StoredItem, text: string): void {
    if (!this.#board.memory.fits(item, Buffer.from(text))) {
      throw new Refusal('too_long', `${item} is longer than its place in the storage map`);
    }
  }

  /** The item's text; refuses `not_written` or, where its record is torn, `storage_failed`. */
  read(item: StoredItem): string {
    const stored = this.#board.memory.read(item);
    if (stored.kind === 'torn')
      throw new Refusal('storage_failed', `the record of ${item} fails its own check`);
    if (stored.kind === 'empty') throw new Refusal('not_written', `${item} was not written`);
    return Buffer.from(stored.bytes).toString('utf8');
  }

  /** The item's text; undefined where it is not there whole. */
  peek(item: StoredItem): string | undefined {
    const stored = this.#board.memory.read(item);
    return stored.kind === 'whole' ? Buffer.from(stored.bytes).toString('utf8') : undefined;
  }

  /** The key's record, if it is for the key that the slot holds. */
  key(): KeyRecord | undefined {
    const text = this.peek('key');
    const record = text === undefined ? undefined : (JSON.parse(text) as KeyRecord);
    const held = this.#board.keySlot.publicKey();
    return record && held && sha256Hex(held.spki) === record.public_key_sha256 ? record : undefined;
  }

  certificate(): X509Certificate | undefined {
    return this.#firstCertificate('device_cert');
  }

  trustAnchor(): X509Certificate | undefined {
    return this.#firstCertificate('trust_anchor');
  }

  #firstCertificate(item: StoredItem): X509Certificate | undefined {
    const text = this.peek(item);
    return text === undefined ? undefined : readCertificates(text)?.[0];
  }
}

/** Undefined where the text is not JSON that names log, contract and realm. */
export function readConfig(text: string): BoundConfig | undefined {
  try {
    const { log_id, contract_sha256, realm } = JSON.parse(text) as Record<string, unknown>;
    const isHash = (value: unknown): value is string =>
      typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
    if (!isHash(log_id) || !isHash(contract_sha256) || typeof realm !== 'string') return undefined;
    return { log_id, contract_sha256, realm };
  } catch {
    return undefined;
  }
}
