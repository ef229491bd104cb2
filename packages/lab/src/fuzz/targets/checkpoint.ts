/** Checkpoints and verifier keys: an accepted note is written again as the same text. */
import assert from 'node:assert/strict';
import {
  checkpointBody,
  formatVerifierKey,
  parseCheckpoint,
  parseVerifierKey,
  signatureLine,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { checkpointKey, ownLogKey, sampleCheckpoint, signedCheckpoint } from '../audit-samples.ts';
import { below, bytes, changed, type Draw, pick } from '../draws.ts';
import { mutateText } from '../mutate-text.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

export function checkpointTarget(): FuzzTarget {
  return {
    name: 'checkpoint',
    form: 'text',
    refusals: ['checkpoint_invalid'],
    draw: (draw) => bytesOf(drawNote(draw)),
    judge: (input) => {
      const text = textOf(input);
      if (isVerifierKey(text)) return undefined;
      const { origin, size, root, signatures } = parseCheckpoint(text);
      assert.ok(bytesOf(text).length <= limits.noteBytes, 'a note over the cap was accepted');
      const lines = signatures.map((one) => signatureLine(one.name, one.keyId, one.signature));
      assert.equal(
        `${checkpointBody(origin, size, root)}\n${lines.join('')}`,
        text,
        'a note has two spellings',
      );
      return signedBy(text);
    },
  };
}

function isVerifierKey(text: string): boolean {
  try {
    assert.equal(formatVerifierKey(parseVerifierKey(text)), text, 'a verifier key has two spellings');
    return true;
  } catch (error) {
    if (isImprintError(error, 'checkpoint_invalid')) return false;
    throw error;
  }
}

/** Only what was really signed verifies: Ed25519 is deterministic, so our own log's line can be made again. */
function signedBy(text: string): string | undefined {
  for (const key of [checkpointKey, ownLogKey]) {
    try {
      const { size, root } = verifyCheckpoint(text, key);
      const genuine = key === ownLogKey ? signedCheckpoint(size, root) : sampleCheckpoint;
      const [body, line] = genuine.split('\n\n');
      assert.ok(text.startsWith(`${body}\n\n`) && text.includes(line!), 'a note verifies that nobody signed');
      return undefined;
    } catch (error) {
      if (!isImprintError(error, 'checkpoint_invalid', 'signature_wrong')) throw error;
    }
  }
  return 'not signed';
}

function drawNote(draw: Draw): string {
  const signed = signedCheckpoint(below(draw, 2 ** 31), bytes(draw, 32));
  const samples = [sampleCheckpoint, signed, formatVerifierKey(ownLogKey)];
  const text = pick(draw, samples);
  return draw() < 0.1 ? text : changed(draw, 3, text, (one) => mutateText(draw, one, samples));
}
