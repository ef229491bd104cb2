/**
 * One look at a log: its newest checkpoint is cosigned where the log's own tiles prove that it continues what was agreed to, and
 * refused by name where it does not. Whatever the log says, both notes of a refusal are kept.
 */
import { type Checkpoint, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { earlierRoot, type ReadLog, readCheckpoint } from './log-source.ts';
import { noteOfLog, type Witness } from './witness.ts';

export interface Look {
  /** Undefined at the first look: then there is nothing to compare with. */
  from: number | undefined;
  checkpoint: Checkpoint;
}

/**
 * @throws unavailable where the log does not answer (look again later); all else is a refusal: checkpoint_invalid, signature_wrong
 * for a note that the log's key did not sign, log_inconsistent for one that contradicts what was agreed to
 */
export async function lookAt(read: ReadLog, witness: Witness): Promise<Look> {
  // before the log is asked: what is brought meanwhile may be newer than the answer, and is no sign of a log put back
  const agreed = witness.agreed;
  const text = await readCheckpoint(read);
  try {
    const checkpoint = verifyCheckpoint(text, witness.logKey);
    const proof = agreed === undefined ? [] : await continuation(read, agreed, checkpoint);
    const answer = await witness.submit(agreed?.size ?? 0, text, proof);
    if ('cosignature' in answer) return { from: agreed?.size, checkpoint };
    throw new ImprintError('unavailable', `another note came between: ${answer.refused}`, {
      hint: 'Look again.',
    });
  } catch (error) {
    if (!(error instanceof ImprintError) || error.code === 'unavailable') throw error;
    throw withEvidence(error, text, witness);
  }
}

/** The proof from what was agreed to; empty where the log did not grow. */
async function continuation(read: ReadLog, agreed: Checkpoint, next: Checkpoint): Promise<Uint8Array[]> {
  if (next.size < agreed.size) {
    throw new ImprintError(
      'log_inconsistent',
      `put back: the log has size ${next.size}, and this witness has seen size ${agreed.size}`,
      { hint: whatToDo },
    );
  }
  if (next.size === agreed.size) {
    if (!equalBytes(next.root, agreed.root)) throw forked(agreed, next);
    return [];
  }
  const { root, proof } = await earlierRoot(read, agreed.size, next);
  if (!equalBytes(root, agreed.root)) throw forked(agreed, next);
  return proof;
}

function forked(agreed: Checkpoint, next: Checkpoint): ImprintError {
  return new ImprintError(
    'log_inconsistent',
    `forked: the log of size ${next.size} does not continue the one of size ${agreed.size} that this witness has seen, though one key signed both`,
    { hint: whatToDo },
  );
}

const whatToDo =
  'Stop issuing and keep the database as it is. Run imprint audit verify there with --checkpoint and the note of this witness.';

function withEvidence(error: ImprintError, text: string, witness: Witness): ImprintError {
  const evidence = keepBoth(witness, text);
  const isForeign = error.code === 'checkpoint_invalid' || error.code === 'signature_wrong';
  const message = isForeign ? `wrong key, or no note of this log: ${error.message}` : error.message;
  return new ImprintError(error.code, `${message}\nNot cosigned. Kept: ${evidence.join(', ')}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    context: { ...error.context, evidence },
    cause: error,
  });
}

/** Keeps a refused note, and the one that it contradicts where there is one; gives the files. */
export function keepBoth({ agreed, home, logKey }: Witness, refused: string): string[] {
  return [
    ...(agreed === undefined ? [] : [home.keepEvidence('agreed', noteOfLog(agreed, logKey))]),
    home.keepEvidence('refused', refused),
  ];
}
