/** The hardware identifiers of unit n, from seed and number alone, so that several processes can share one plan. */
import { hash } from 'node:crypto';
import type { HardwareUid } from '@imprint/contract/hardware-uid';

export type HardwareUidKind = 'mcu-uid' | 'secure-element-serial' | 'tpm-key-hash' | 'mac';

/** One identifier for each kind, different for every seed, unit and kind. */
export function hardwareUidOf(seed: string, unit: number, kinds: readonly HardwareUidKind[]): HardwareUid {
  return kinds.map((kind) => {
    const digest = hash('sha256', JSON.stringify([seed, unit, kind]));
    return { kind, value: shapes[kind](digest) };
  });
}

const shapes: Record<HardwareUidKind, (digest: string) => string> = {
  'mcu-uid': (digest) => digest.slice(0, 24).toUpperCase(),
  'secure-element-serial': (digest) => `0123${digest.slice(0, 14)}`.toUpperCase(),
  'tpm-key-hash': (digest) => digest,
  // A locally administered address: no maker's range is touched.
  mac: (digest) => `02:${digest.slice(0, 10).match(/../g)!.join(':')}`,
};
