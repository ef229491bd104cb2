/**
 * The authority's last word is a receipt, and it is believed only where the log that this station pins has signed for it: no
 * PASS for a unit whose completion is in no log. Whoever keeps the receipt verifies the rest of it with `receipt verify`.
 */
import { verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { leafHash, verifyInclusion } from '@imprint/contract/audit/merkle';
import { parseReceipt } from '@imprint/contract/audit/receipt';
import { fromBase64, fromHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { StationSession } from '../station-session.ts';

/** What the receipt must be about. */
export interface Completed {
  jobId: string;
  deviceId: string;
  publicKeySha256: string;
  /** Completed just now: then no log that is shorter than the one seen before can vouch for it. */
  isFresh: boolean;
}

/**
 * Gives the size of the log that vouches for this completion.
 * @throws log_inconsistent where it does not; after that the station takes no more work
 */
export function checkReceipt(text: string, station: StationSession, completed: Completed): number {
  try {
    const receipt = parseReceipt(text);
    const checkpoint = verifyCheckpoint(receipt.checkpoint, station.logKey);
    if (completed.isFresh && checkpoint.size < station.logSize)
      throw wrong(`of a log of ${checkpoint.size} entries, and this station has seen ${station.logSize}`);
    const entryBytes = fromBase64(receipt.entry_b64, 'receipt_invalid');
    const proof = receipt.inclusion_proof.map((hash) => fromHex(hash, 'receipt_invalid'));
    if (!verifyInclusion(receipt.index, checkpoint.size, leafHash(entryBytes), proof, checkpoint.root)) {
      throw wrong('about an entry that is not in the log');
    }
    const entry = decodeEntry(entryBytes);
    const { data } = entry.type === 'job.completed' ? entry : { data: undefined };
    const isAbout =
      entry.realm === station.view.realm &&
      data?.job_id === completed.jobId &&
      data.device_id === completed.deviceId &&
      data.public_key_sha256 === completed.publicKeySha256;
    if (!isAbout) throw wrong('about another completion than this one');
    return checkpoint.size;
  } catch (cause) {
    if (cause instanceof ImprintError && cause.code === 'log_inconsistent') throw cause;
    throw wrong(`not to be believed: ${(cause as Error).message}`, cause);
  }
}

function wrong(what: string, cause?: unknown): ImprintError {
  return new ImprintError('log_inconsistent', `the authority's receipt is ${what}`, {
    hint: 'Stop the line and call the person who runs the authority. Keep the unit apart: its record is in doubt.',
    ...(cause === undefined ? {} : { cause }),
  });
}
