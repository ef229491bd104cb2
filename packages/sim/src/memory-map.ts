/**
 * Storage as flash gives it: items in partitions of limited size, each a record that carries its own length and
 * hash, so that a write which a power cut tore is found when it is read, and never believed.
 */
import { hash as digest } from 'node:crypto';
import type { StatusReply } from '@imprint/contract/dut/message';
import type { PowerRail } from './power-rail.ts';
import { PowerLost } from './power-rail.ts';

export type StoredItem = StatusReply['torn'][number];

export interface ItemPlace {
  item: StoredItem;
  partition: string;
  maxBytes: number;
}

/** `torn`: the record fails its own check. */
export type Stored = { kind: 'empty' } | { kind: 'whole'; bytes: Uint8Array } | { kind: 'torn' };

/** Places that serve any product, where no contract says otherwise. */
export const defaultPlaces: readonly ItemPlace[] = [
  { item: 'key', partition: 'cred', maxBytes: 256 },
  { item: 'device_cert', partition: 'cred', maxBytes: 8192 },
  { item: 'chain', partition: 'cred', maxBytes: 24_576 },
  { item: 'trust_anchor', partition: 'cred', maxBytes: 8192 },
  { item: 'device_id', partition: 'nvm', maxBytes: 128 },
  { item: 'factory_config', partition: 'nvm', maxBytes: 8192 },
  { item: 'reopened', partition: 'nvm', maxBytes: 128 },
];

const lengthBytes = 4;
const hashBytes = 16;
const headBytes = lengthBytes + hashBytes;
const erased = 0xff;

interface Region {
  flash: Uint8Array;
  offset: number;
  maxBytes: number;
  writes: number;
  /** What was read since the last write. */
  read: Stored | undefined;
}

export class MemoryMap {
  readonly #rail: PowerRail;
  readonly #regions = new Map<StoredItem, Region>();

  /** Items that `places` leaves out get their default place. */
  constructor(rail: PowerRail, places: readonly ItemPlace[] = []) {
    this.#rail = rail;
    const all = defaultPlaces.map((place) => places.find((given) => given.item === place.item) ?? place);
    for (const partition of new Set(all.map((place) => place.partition))) {
      const inside = all.filter((place) => place.partition === partition);
      const size = inside.reduce((sum, place) => sum + headBytes + place.maxBytes, 0);
      const flash = new Uint8Array(size).fill(erased);
      let offset = 0;
      for (const place of inside) {
        this.#regions.set(place.item, {
          flash,
          offset,
          maxBytes: place.maxBytes,
          writes: 0,
          read: undefined,
        });
        offset += headBytes + place.maxBytes;
      }
    }
  }

  fits(item: StoredItem, bytes: Uint8Array): boolean {
    return bytes.length <= this.#region(item).maxBytes;
  }

  /**
   * Writes the record. Where a power cut strikes, only its first bytes are written, and {@link PowerLost} is thrown.
   * Bytes that do not fit are a fault of the caller, who asks {@link fits} first.
   */
  write(item: StoredItem, bytes: Uint8Array): void {
    const region = this.#region(item);
    if (bytes.length > region.maxBytes) throw new RangeError(`${item} does not fit its place`);
    const record = new Uint8Array(headBytes + bytes.length);
    new DataView(record.buffer).setUint32(0, bytes.length);
    record.set(recordHash(bytes), lengthBytes);
    record.set(bytes, headBytes);
    const cut = this.#rail.strike();
    region.read = undefined;
    const written = cut ? Math.floor(cut.share * record.length) : record.length;
    region.flash.set(record.subarray(0, written), region.offset);
    region.writes++;
    if (cut) throw new PowerLost();
  }

  read(item: StoredItem): Stored {
    const region = this.#region(item);
    region.read ??= readRecord(region);
    return region.read;
  }

  /** The items whose records fail their own check. */
  torn(): StoredItem[] {
    return [...this.#regions.keys()].filter((item) => this.read(item).kind === 'torn');
  }

  /** How often the item's record was written, torn writes included. */
  writes(item: StoredItem): number {
    return this.#region(item).writes;
  }

  #region(item: StoredItem): Region {
    return this.#regions.get(item)!;
  }
}

function recordHash(bytes: Uint8Array): Uint8Array {
  return digest('sha256', bytes, 'buffer').subarray(0, hashBytes);
}

function readRecord({ flash, offset, maxBytes }: Region): Stored {
  const head = flash.subarray(offset, offset + headBytes);
  if (head.every((byte) => byte === erased)) return { kind: 'empty' };
  const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
  if (length > maxBytes) return { kind: 'torn' };
  const bytes = flash.slice(offset + headBytes, offset + headBytes + length);
  const hash = recordHash(bytes);
  const sound = hash.every((byte, at) => byte === head[lengthBytes + at]);
  return sound ? { kind: 'whole', bytes } : { kind: 'torn' };
}
