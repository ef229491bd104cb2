/** For tests: a device whose power is cut at its n-th write, before or after the write is on the disk. */
import { Device, type DeviceOptions } from '@imprint/device/device';

class PowerCut extends Error {}

/** Contacts of fresh devices over the same disk, each cut at another write. */
export function powerCuts(options: DeviceOptions) {
  let left = Number.POSITIVE_INFINITY;
  let count = 0;
  /** Half of the points are before the write, half after it. */
  const struck = async <T>(write: () => Promise<T>): Promise<T> => {
    if (--left === 0) throw new PowerCut('before');
    const result = await write();
    if (--left === 0) throw new PowerCut('after');
    return result;
  };
  const { store, slot } = options;
  const cut: DeviceOptions = {
    ...options,
    store: { read: () => store.read(), write: (text) => struck(() => store.write(text)) },
    slot: {
      ...slot,
      makeKey: (type) => struck(() => slot.makeKey(type)),
      forget: (handle) => struck(() => slot.forget(handle)),
    },
  };
  return {
    /** How many contacts were cut. */
    get count() {
      return count;
    },
    /** True where the contact was cut; false where it ended before its n-th point. */
    async contactCutAt(point: number): Promise<boolean> {
      left = point;
      try {
        await new Device(cut).contact();
        return false;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        count++;
        return true;
      } finally {
        left = Number.POSITIVE_INFINITY;
      }
    },
  };
}
