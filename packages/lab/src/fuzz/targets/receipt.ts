/** Receipts: an accepted form has one spelling, and only what our log and the unit really signed ever verifies. */
import assert from 'node:assert/strict';
import { parseReceipt, verifyReceipt } from '@imprint/contract/audit/receipt';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import {
  ownEntry,
  ownLogKey,
  receiptLogKey,
  receiptRoot,
  receiptValueFor,
  sampleReceipt,
} from '../audit-samples.ts';
import { changed, type Draw } from '../draws.ts';
import { mutateDer } from '../mutate-der.ts';
import { mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

export function receiptTarget(): FuzzTarget {
  return {
    name: 'receipt',
    form: 'text',
    refusals: [
      'receipt_invalid',
      'checkpoint_invalid',
      'signature_wrong',
      'entry_invalid',
      'certificate_refused',
      'proof_wrong',
    ],
    draw: (draw) => bytesOf(drawReceipt(draw)),
    judge: (input) => {
      const text = textOf(input);
      const parsed = parseReceipt(text);
      assertPlain(parsed);
      assert.ok(bytesOf(text).length <= limits.receiptBytes + 1, 'a receipt over the cap was accepted');
      assert.equal(canonicalJson(parsed), text.replace(/\n$/, ''), 'a receipt has two spellings');
      try {
        verifyReceipt(text, { logKey: ownLogKey, rootDer: receiptRoot });
      } catch (error) {
        if (!isImprintError(error, 'checkpoint_invalid')) throw error;
        verifyReceipt(text, { logKey: receiptLogKey, rootDer: receiptRoot });
        assert.equal(text.replace(/\n$/, ''), sampleReceipt, 'a receipt that was changed verifies');
        return undefined;
      }
      throw new assert.AssertionError({ message: 'a receipt verifies whose statements no unit signed' });
    },
  };
}

function drawReceipt(draw: Draw): string {
  const which = draw();
  if (which < 0.03) return sampleReceipt;
  const genuine = JSON.parse(sampleReceipt);
  if (which < 0.2) return changed(draw, 2, sampleReceipt, (text) => mutateText(draw, text));
  if (which < 0.4) return mutateJson(draw, genuine, canonicalJson);
  if (which < 0.5) {
    const at = Math.floor(draw() * genuine.chain_b64.length);
    const der = new Uint8Array(Buffer.from(genuine.chain_b64[at], 'base64'));
    genuine.chain_b64[at] = Buffer.from(mutateDer(draw, der)).toString('base64');
    return canonicalJson(genuine);
  }
  // our log signs what it is given, so these reach what stands behind its signature
  const entry = bytesOf(
    which < 0.6 ? canonicalJson(ownEntry()) : mutateJson(draw, ownEntry(), canonicalJson),
  );
  const value = receiptValueFor(entry);
  return which < 0.9 ? canonicalJson(value) : mutateJson(draw, value, canonicalJson);
}
