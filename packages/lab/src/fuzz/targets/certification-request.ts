/** Certification requests: the key that we take is the key that OpenSSL verified the request under, or there is a reason in the table. */
import assert from 'node:assert/strict';
import {
  type CertificationRequest,
  readCertificationRequest,
} from '@imprint/authority/issuing/certification-request';
import { toHex } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { derTree } from '../der-tree.ts';
import { changed, type Draw, pick } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateDer } from '../mutate-der.ts';
import { verifyRequestByOpenssl } from '../openssl.ts';
import { compareVerdicts } from '../stricter-than-openssl.ts';
import type { FuzzTarget } from '../target.ts';
import { requestSamples, signed } from '../x509-samples.ts';

export function certificationRequestTarget(): FuzzTarget {
  return {
    name: 'csr',
    form: 'bytes',
    refusals: ['csr_invalid', 'csr_proof_wrong', 'key_unsupported'],
    draw: drawRequest,
    judge: async (input) => {
      const theirs = verifyRequestByOpenssl(input);
      let request: CertificationRequest;
      try {
        request = await readCertificationRequest(input);
      } catch (error) {
        if (isImprintError(error)) compareVerdicts('request', error, theirs);
        throw error;
      }
      compareVerdicts('request', undefined, theirs);
      assert.ok(input.length <= limits.csrBytes, 'a request over the cap was accepted');
      const version = derTree(input)?.[0]?.inside?.[0]?.inside?.[0];
      assert.deepEqual(
        version && [version.tag, ...version.content],
        [2, 0],
        'a request of another version was accepted',
      );
      if (theirs.accepts)
        assert.equal(toHex(request.spki), theirs.facts.spki, 'OpenSSL verified under another key');
      assert.ok(
        request.notes.length <= 33 && request.notes.every((note) => /^[\x20-\x7e]{1,400}$/.test(note)),
        'a note is no plain sentence',
      );
      assert.ok(!request.notes.join().includes('password'), 'a note repeats what was asked for');
      return undefined;
    },
  };
}

function drawRequest(draw: Draw): Uint8Array {
  const sample = pick(draw, requestSamples);
  const which = draw();
  if (which < 0.03) return signed(sample);
  if (which < 0.6)
    return signed({ ...sample, signed: changed(draw, 2, sample.signed, (der) => mutateDer(draw, der)) });
  return changed(draw, 2, signed(sample), (der) =>
    draw() < 0.8 ? mutateDer(draw, der) : mutateBytes(draw, der),
  );
}
