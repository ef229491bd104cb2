/**
 * What others know of a log that was restored: checkpoints that it signed, as witnesses, stations and receipts keep them. A
 * log that does not continue each of them would be forked by the next signature (I-16).
 */
import {
  type Checkpoint,
  parseCheckpoint,
  type VerifierKey,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { parseWitnessKey, verifyCosignature } from '@imprint/contract/audit/cosignature';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import { readBoundedFile } from '../read-bounded-file.ts';

export interface Evidence extends Checkpoint {
  text: string;
  /** The witness whose key was given; null where none was, and the log's own word is all there is. */
  cosignedBy: string | null;
  /** How long the log was at least, by the word of a station that verified a later receipt. Nobody signed that it is so. */
  toldSize: number;
}

export interface EvidenceOptions {
  /** Files, each with a checkpoint: as `station checkpoint` and `audit watch` write it, or a receipt. */
  checkpoint?: string[] | undefined;
  /** A file with the key of a witness that must have cosigned each of them. */
  witnessKey?: string | undefined;
}

/** A receipt, and what `station checkpoint --json` prints: both bear a checkpoint among other things. */
const bearing = z.looseObject({
  checkpoint: z.string().max(limits.noteBytes),
  log_size: z.optional(z.int().min(0)),
});

/**
 * @throws checkpoint_invalid, signature_wrong for one that is not this log's or that the witness did not cosign; file_invalid;
 * usage for a witness's key without a checkpoint
 */
export function readEvidence(options: EvidenceOptions, logKey: VerifierKey): Evidence[] {
  const files = options.checkpoint ?? [];
  if (options.witnessKey !== undefined && files.length === 0) {
    throw new ImprintError('usage', '--witness-key needs a checkpoint that the witness cosigned', {
      hint: 'Give its file with --checkpoint.',
    });
  }
  requireFew(files.length);
  const witness =
    options.witnessKey === undefined
      ? undefined
      : parseWitnessKey(readBoundedFile(options.witnessKey, limits.noteBytes).trim());
  return files.map((file) => {
    const { checkpoint: text, log_size } = bornBy(file);
    if (witness !== undefined) verifyCosignature(parseCheckpoint(text), witness);
    return evidenceOf(text, witness?.name ?? null, logKey, log_size);
  });
}

/** What stands in an entry of the log has a cap. @throws usage */
export function requireFew(checkpoints: number): void {
  if (checkpoints <= limits.evidenceCheckpoints) return;
  throw new ImprintError(
    'usage',
    `${checkpoints} checkpoints are more than the ${limits.evidenceCheckpoints} that are taken`,
    { hint: 'Give the newest of each station and witness.' },
  );
}

/** @throws checkpoint_invalid, signature_wrong */
export function evidenceOf(
  text: string,
  cosignedBy: string | null,
  logKey: VerifierKey,
  toldSize = 0,
): Evidence {
  return { ...verifyCheckpoint(text, logKey), text, cosignedBy, toldSize };
}

function bornBy(file: string): z.infer<typeof bearing> {
  const text = readBoundedFile(file, limits.receiptBytes);
  if (!text.startsWith('{')) return { checkpoint: text };
  try {
    return bearing.parse(JSON.parse(text));
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} bears no checkpoint`, {
      hint: 'Give a checkpoint as imprint station checkpoint or imprint audit watch write it, or a receipt.',
      cause,
    });
  }
}

/** The one with the longest log. */
export function newestOf(evidence: readonly Evidence[]): Evidence | undefined {
  return evidence.reduce<Evidence | undefined>(
    (newest, one) => (newest === undefined || one.size > newest.size ? one : newest),
    undefined,
  );
}
