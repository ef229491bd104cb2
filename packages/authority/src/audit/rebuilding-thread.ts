/**
 * The thread in which {@link RebuildingBeside} rebuilds. It is given entries that were read and judged already, some hundred
 * at a time, and answers each time how far it is.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { AuditEntry } from '@imprint/contract/audit/entry';
import { BadEntry, RebuildingHere } from './rebuilding.ts';
import type { EntryPage, RebuildingPlace, ThreadAnswer } from './rebuilding-beside.ts';

const port = parentPort!;
const { realm, file } = workerData as RebuildingPlace;
const answer = (what: ThreadAnswer) => port.postMessage(what);
const decoder = new TextDecoder();
const rebuilding = await RebuildingHere.begin(realm, file);
let bad = false;

async function take(page: EntryPage | 'end'): Promise<void> {
  if (page === 'end') {
    rebuilding.commit();
    await rebuilding.close();
    answer('rebuilt');
    port.close();
    return;
  }
  let begin = 0;
  for (const [at, end] of page.ends.entries()) {
    const entry = JSON.parse(decoder.decode(page.bytes.subarray(begin, end))) as AuditEntry;
    await rebuilding.add({ log_index: page.indexes[at]! }, entry);
    begin = end;
  }
  answer('taken');
}

// one page after another, whatever arrives meanwhile
let turn = Promise.resolve();
port.on('message', (page: EntryPage | 'end') => {
  turn = turn.then(async () => {
    if (bad) return;
    try {
      await take(page);
    } catch (error) {
      if (!(error instanceof BadEntry)) throw error;
      bad = true;
      answer({ index: error.index, message: error.message });
    }
  });
});
