/** `imprint audit verify` on a filled home, beside the rate at which this machine hashes at all. */
import { hash } from 'node:crypto';
import { logEntries } from '@imprint/authority/audit/log-entries';
import { Child } from 'imprint/demo/child';
import { openHome } from '../bench-home.ts';

export interface VerifyRate {
  entriesASecond: number;
  /** Bytes of entries, which are hashed one by one. */
  megabytesASecond: number;
}

const sha256BlockBytes = 16 * 1024;
const sha256Ms = 1_000;
const placesCounted = 50;
const entriesAPlace = 500;

/** Runs the command as people do; its start is part of the time. */
export async function measureVerify(home: string): Promise<VerifyRate> {
  const bytes = await entryBytes(home);
  const begun = performance.now();
  const child = new Child('audit verify', ['audit', 'verify', '--home', home, '--json']);
  const report = await child.next((event) => 'root' in event);
  if ((await child.ends()) !== 0)
    throw new Error(`the log of ${home} does not verify: ${JSON.stringify(report)}`);
  const seconds = (performance.now() - begun) / 1000;
  return { entriesASecond: Number(report.size) / seconds, megabytesASecond: bytes / 1e6 / seconds };
}

/** Megabytes a second of SHA-256 on one core, in blocks long enough for nothing else to count. */
export function sha256Rate(): number {
  const block = new Uint8Array(sha256BlockBytes);
  const begun = performance.now();
  let blocks = 0;
  while (performance.now() < begun + sha256Ms) {
    hash('sha256', block, 'buffer');
    blocks++;
  }
  return (blocks * sha256BlockBytes) / 1e3 / (performance.now() - begun);
}

/** Of all entries, by the mean of some that lie all over the log: a log of millions is not unpacked for this. */
async function entryBytes(home: string): Promise<number> {
  const { authority } = await openHome(home);
  try {
    const { size } = await authority.ledger.head();
    let [sum, counted] = [0, 0];
    for (let place = 0; place < placesCounted; place++) {
      const first = Math.floor((place * size) / placesCounted);
      let here = 0;
      for await (const { bytes } of logEntries(authority.ledger.reader, first)) {
        sum += bytes.length;
        counted++;
        here++;
        if (here === entriesAPlace) break;
      }
    }
    return (sum / counted) * size;
  } finally {
    await authority.close();
  }
}
