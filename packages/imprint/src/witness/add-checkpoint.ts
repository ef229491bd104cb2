/**
 * C2SP tlog-witness, `add-checkpoint`: what a log sends for a cosignature, and what a witness answers. Anybody may send it: only a
 * note that the log signed, with a proof from exactly what the witness agreed to, gets a cosignature.
 */
import { type Checkpoint, parseCheckpoint, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { hashBytes } from '@imprint/contract/audit/merkle';
import { fromBase64 } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Refused, Witness } from './witness.ts';

export interface WitnessAnswer {
  status: 200 | 400 | 403 | 404 | 409 | 422;
  type: string;
  body: string;
}

interface AddCheckpoint {
  oldSize: number;
  proof: Uint8Array[];
  note: string;
}

const maxProofLines = 63;
/** A note, and before it the size and the proof, a line each. */
export const addCheckpointBytes = limits.noteBytes + 64 * 64;

/** The answer to a request's body; `onForked` hears of a note that the log's key signed and that cannot be true beside the agreed one. */
export async function answerAddCheckpoint(
  body: string,
  witness: Witness,
  onForked: (note: string) => void,
): Promise<WitnessAnswer> {
  let request: AddCheckpoint;
  let checkpoint: Checkpoint;
  try {
    request = parseAddCheckpoint(body);
    checkpoint = parseCheckpoint(request.note);
  } catch (error) {
    if (!(error instanceof ImprintError)) throw error;
    return text(400, error.message);
  }
  const { oldSize, proof, note } = request;
  if (checkpoint.origin !== witness.logKey.name) return text(404, 'This witness does not know that log.');
  try {
    verifyCheckpoint(note, witness.logKey);
  } catch (error) {
    if (!isImprintError(error, 'checkpoint_invalid', 'signature_wrong')) throw error;
    return text(403, error.message);
  }
  if (oldSize > checkpoint.size) return text(400, 'The old size is above that of the checkpoint.');
  const answer = await witness.submit(oldSize, note, proof);
  if ('cosignature' in answer) return { status: 200, type: plainType, body: answer.cosignature };
  if (answer.refused === 'forked') onForked(note);
  return refusal(answer.refused, witness.agreed?.size ?? 0);
}

/** A line `old N`, up to 63 hashes in base64 a line each, an empty line, the note. @throws bad_request */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const end = body.indexOf('\n\n');
  if (end < 0) throw invalid('There is no empty line before the checkpoint.');
  const [first, ...hashes] = body.slice(0, end).split('\n');
  const size = /^old (0|[1-9][0-9]{0,15})$/.exec(first!)?.[1];
  if (size === undefined || !Number.isSafeInteger(Number(size)))
    throw invalid('The first line is not: old SIZE.');
  if (hashes.length > maxProofLines) throw invalid(`A proof has at most ${maxProofLines} lines.`);
  const proof = hashes.map((line) => fromBase64(line));
  if (proof.some((hash) => hash.length !== hashBytes))
    throw invalid('A line of the proof is not a hash of 32 bytes.');
  return { oldSize: Number(size), proof, note: body.slice(end + 2) };
}

const plainType = 'text/plain; charset=utf-8';

function refusal(refused: Refused, agreedSize: number): WitnessAnswer {
  if (refused === 'unproven') return text(422, 'The proof does not show that this checkpoint continues it.');
  return { status: 409, type: 'text/x.tlog.size', body: `${agreedSize}\n` };
}

function text(status: WitnessAnswer['status'], sentence: string): WitnessAnswer {
  return { status, type: plainType, body: `${sentence}\n` };
}

function invalid(message: string): ImprintError {
  return new ImprintError('bad_request', message);
}
