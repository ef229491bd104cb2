/** What a unit finds when it looks at itself: records, key, certificate and fuses. */
import type { DutReply } from '@imprint/contract/dut/message';
import type { Board } from './board.ts';
import { subjectPublicKey } from './certificate-check.ts';
import { sha256Hex } from './key-slot.ts';
import type { StoredItems } from './stored-items.ts';

/** Passes where no record is torn, the slot's key is usable, and certificate and ID are there and go with it. */
export function selfTest(board: Board, items: StoredItems): DutReply<'selftest'> {
  const torn = board.memory.torn();
  const key = items.key();
  const certificate = items.certificate();
  const isForKey =
    key !== undefined &&
    certificate !== undefined &&
    sha256Hex(subjectPublicKey(certificate)) === key.public_key_sha256;
  const id = items.peek('device_id');
  const flags = Object.entries(board.fuses.bootFlags).map(([name, on]) => `${name}=${on ? 1 : 0}`);
  const results = [
    result('storage', torn.length === 0, torn.length === 0 ? 'no torn record' : `torn: ${torn.join(', ')}`),
    result('key', key !== undefined, key ? `a ${key.type} key in slot ${key.slot}` : 'no usable key'),
    result('certificate', isForKey, isForKey ? 'for the key in the slot' : 'none, or for another key'),
    result('device-id', id !== undefined, id === undefined ? 'not written' : 'written'),
    // What fuses ought to be is for the contract to say, not for the unit.
    result('boot-flags', true, flags.join(' ').slice(0, 200)),
    result('debug-lock', true, board.fuses.debugLock),
  ];
  return { passed: results.every(({ passed }) => passed), results };
}

function result(name: string, passed: boolean, detail: string) {
  return { name, passed, detail };
}
