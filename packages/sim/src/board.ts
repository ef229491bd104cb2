/** What of a unit survives a power cut: identifiers, storage, fuses, key slot and boot counter. It holds no session. */
import type { BootFlags, DebugLock } from '@imprint/contract/dut/statement';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { Fuses } from './fuses.ts';
import type { KeySlot } from './key-slot.ts';
import { sha256Hex } from './key-slot.ts';
import { type ItemPlace, MemoryMap, type StoredItem } from './memory-map.ts';
import { PowerRail } from './power-rail.ts';

export interface BoardOptions {
  hardwareUid: HardwareUid;
  hwRev: string;
  keySlot: KeySlot;
  bootFlagNames?: readonly string[];
  places?: readonly ItemPlace[];
}

/** What anybody may see of a board; nothing in it is secret. */
export interface BoardSummary {
  hardware_uid: string;
  device_id: string | null;
  public_key_sha256: string | null;
  certificate_written: boolean;
  debug_lock: DebugLock;
  boot_flags: BootFlags;
  boot_count: number;
  fuse_pulses: Record<string, number>;
  needless_burns: number;
  torn: StoredItem[];
}

export class Board {
  readonly hardwareUid: HardwareUid;
  readonly hwRev: string;
  readonly keySlot: KeySlot;
  readonly rail = new PowerRail();
  readonly memory: MemoryMap;
  readonly fuses: Fuses;
  bootCount = 0;

  constructor(options: BoardOptions) {
    this.hardwareUid = options.hardwareUid;
    this.hwRev = options.hwRev;
    this.keySlot = options.keySlot;
    this.memory = new MemoryMap(this.rail, options.places);
    this.fuses = new Fuses(this.rail, options.bootFlagNames ?? ['secure_boot', 'disable_jtag']);
  }

  summary(): BoardSummary {
    const id = this.memory.read('device_id');
    const held = this.keySlot.publicKey();
    return {
      hardware_uid: hardwareUidText(this.hardwareUid),
      device_id: id.kind === 'whole' ? Buffer.from(id.bytes).toString('ascii') : null,
      public_key_sha256: held ? sha256Hex(held.spki) : null,
      certificate_written: this.memory.read('device_cert').kind === 'whole',
      debug_lock: this.fuses.debugLock,
      boot_flags: this.fuses.bootFlags,
      boot_count: this.bootCount,
      fuse_pulses: this.fuses.pulses,
      needless_burns: this.fuses.needless,
      torn: this.memory.torn(),
    };
  }
}
