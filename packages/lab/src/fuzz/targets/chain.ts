/** Whole chains with their root, signed anew after they were broken, judged by the strict verifier and by `openssl verify -x509_strict`. */
import { isImprintError } from '@imprint/contract/errors';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { changed, type Draw, pick } from '../draws.ts';
import { mutateDer } from '../mutate-der.ts';
import { OpensslChains } from '../openssl.ts';
import { compareVerdicts } from '../stricter-than-openssl.ts';
import type { FuzzTarget } from '../target.ts';
import {
  issuingSample,
  leafSamples,
  packChain,
  rootSample,
  type Signable,
  sampleInstant,
  signed,
  unpackChain,
} from '../x509-samples.ts';

export function chainTarget(): FuzzTarget {
  const openssl = new OpensslChains();
  return {
    name: 'chain',
    form: 'bytes',
    refusals: ['certificate_refused'],
    draw: drawChain,
    judge: (input) => {
      const all = unpackChain(input);
      const chain = all.slice(0, -1);
      const root = all.at(-1) ?? new Uint8Array(0);
      const theirs = openssl.verify(chain, root, sampleInstant);
      try {
        verifyChain({ chain, root, at: sampleInstant, realm: 'dev', purpose: 'device' });
      } catch (error) {
        if (isImprintError(error)) compareVerdicts('chain', error, theirs, chain.length);
        throw error;
      }
      compareVerdicts('chain', undefined, theirs);
      return undefined;
    },
    close: async () => openssl.close(),
  };
}

function drawChain(draw: Draw): Uint8Array {
  const parts: Signable[] = [pick(draw, leafSamples), issuingSample, rootSample];
  if (draw() < 0.03) return packChain(parts.map(signed));
  const at = Math.floor(draw() ** 1.5 * parts.length);
  const certificates = parts.map(signed);
  // most changes are signed, so that they are judged for themselves and not for a signature that does not fit
  if (draw() < 0.85) {
    const { signed: tbs, signer } = parts[at]!;
    certificates[at] = signed({ signer, signed: changed(draw, 2, tbs, (der) => mutateDer(draw, der)) });
  } else if (draw() < 0.6) {
    certificates[at] = mutateDer(draw, certificates[at]!);
  } else {
    certificates.splice(
      at,
      1,
      ...pick(draw, [[], [certificates[at]!, certificates[at]!], [pick(draw, certificates)]]),
    );
  }
  return packChain(certificates);
}
