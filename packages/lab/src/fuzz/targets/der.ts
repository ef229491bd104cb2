/** The strict reader of DER: what passes is written again as the same bytes by a writer that shares nothing with it. */
import assert from 'node:assert/strict';
import { toHex } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import { checkDer } from '@imprint/contract/x509/der';
import { type DerNode, derBytes, derDepth, derTree } from '../der-tree.ts';
import { changed, pick } from '../draws.ts';
import { mutateDer } from '../mutate-der.ts';
import type { FuzzTarget } from '../target.ts';
import { issuingSample, leafSamples, requestSamples, rootSample } from '../x509-samples.ts';

const samples = [rootSample, issuingSample, ...leafSamples, ...requestSamples].map(({ signed }) => signed);

export function derTarget(): FuzzTarget {
  return {
    name: 'der',
    form: 'bytes',
    refusals: ['der_invalid'],
    draw: (draw) => {
      const sample = pick(draw, samples);
      return draw() < 0.02 ? sample : changed(draw, 3, sample, (der) => mutateDer(draw, der));
    },
    judge: (input) => {
      checkDer(input, limits.csrBytes);
      const tree = derTree(input, false);
      assert.equal(tree?.length, 1, 'what passes is one element');
      assert.equal(toHex(derBytes(tree)), toHex(input), 'an element has two encodings');
      assert.ok(derDepth(tree) <= limits.derDepth, 'an element past the depth that is read was accepted');
      for (const node of tree!) assertSorted(node);
      return undefined;
    },
  };
}

/** No other reader refuses what is not in order (X.690 section 11.6), so it is looked for here. */
function assertSorted({ tag, inside = [] }: DerNode): void {
  const encoded = inside.map((child) => derBytes([child]));
  const isSorted = encoded.every((one, at) => at === 0 || Buffer.compare(encoded[at - 1]!, one) <= 0);
  assert.ok(tag !== 0x31 || isSorted, 'the elements of a SET are not sorted');
  for (const child of inside) assertSorted(child);
}
