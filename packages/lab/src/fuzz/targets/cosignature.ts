/** Cosignatures and witnesses' keys: a word that verifies is one that the witness gave, for these bytes and this time. */
import assert from 'node:assert/strict';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import {
  cosign,
  formatWitnessKey,
  parseWitnessKey,
  verifyCosignature,
} from '@imprint/contract/audit/cosignature';
import { isImprintError } from '@imprint/contract/errors';
import { cosignedCheckpoint, ownWitnessKey, signAsWitness, signedCheckpoint } from '../audit-samples.ts';
import { below, bytes, changed, type Draw, pick } from '../draws.ts';
import { mutateText } from '../mutate-text.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

export function cosignatureTarget(): FuzzTarget {
  return {
    name: 'cosignature',
    form: 'text',
    refusals: ['checkpoint_invalid', 'signature_wrong'],
    draw: (draw) => bytesOf(drawNote(draw)),
    judge: async (input) => {
      const text = textOf(input);
      if (isWitnessKey(text)) return undefined;
      const checkpoint = parseCheckpoint(text);
      const time = verifyCosignature(checkpoint, ownWitnessKey);
      // Ed25519 is deterministic: the witness's own line can be made again
      const line = await cosign(checkpoint.body, time, ownWitnessKey, signAsWitness);
      assert.ok(text.includes(line), 'a cosignature verifies that the witness never gave');
      return undefined;
    },
  };
}

function isWitnessKey(text: string): boolean {
  try {
    assert.equal(formatWitnessKey(parseWitnessKey(text)), text, "a witness's key has two spellings");
    return true;
  } catch (error) {
    if (isImprintError(error, 'checkpoint_invalid', 'key_unsupported')) return false;
    throw error;
  }
}

function drawNote(draw: Draw): string {
  const note = signedCheckpoint(below(draw, 2 ** 31), bytes(draw, 32));
  const samples = [cosignedCheckpoint(note, below(draw, 2 ** 31)), note, formatWitnessKey(ownWitnessKey)];
  const text = pick(draw, samples);
  return draw() < 0.1 ? text : changed(draw, 3, text, (one) => mutateText(draw, one, samples));
}
