/** Certificates one by one: what we accept, OpenSSL reads with the same facts; what we refuse and it reads, we refuse for a reason of the table. */
import assert from 'node:assert/strict';
import { toHex } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Certificate, parseCertificate } from '@imprint/contract/x509/certificate';
import { DerReader } from '@imprint/contract/x509/der';
import { readName } from '@imprint/contract/x509/name';
import { changed, type Draw, pick } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateDer } from '../mutate-der.ts';
import { type CertificateFacts, readByOpenssl } from '../openssl.ts';
import { compareVerdicts } from '../stricter-than-openssl.ts';
import type { FuzzTarget } from '../target.ts';
import { issuingSample, leafSamples, rootSample, signed } from '../x509-samples.ts';

const samples = [rootSample, issuingSample, ...leafSamples].map(signed);

export function certificateTarget(): FuzzTarget {
  return {
    name: 'certificate',
    form: 'bytes',
    refusals: ['certificate_refused'],
    draw: drawCertificate,
    judge: (input) => {
      const theirs = readByOpenssl(input);
      let certificate: Certificate;
      try {
        certificate = parseCertificate(input);
      } catch (error) {
        if (isImprintError(error)) compareVerdicts('certificate', error, theirs);
        throw error;
      }
      compareVerdicts('certificate', undefined, theirs);
      assertForm(certificate, input);
      if (theirs.accepts)
        assert.deepEqual(factsOf(certificate), theirs.facts, 'OpenSSL reads another certificate');
      return undefined;
    },
  };
}

function assertForm(certificate: Certificate, input: Uint8Array): void {
  assert.ok(input.length <= limits.certificateBytes, 'a certificate over the cap was accepted');
  assert.equal(toHex(certificate.der), toHex(input), 'a certificate is not its own bytes');
  for (const name of [certificate.issuer, certificate.subject]) {
    assert.deepEqual(
      readName(DerReader.over(name.der, limits.certificateBytes)),
      name,
      'a name changed when read anew',
    );
  }
}

function factsOf({ serialHex, notBefore, notAfter, publicKey, extensions }: Certificate): CertificateFacts {
  return {
    serialHex,
    notBefore,
    notAfter,
    // OpenSSL calls none a CA that may not sign certificates
    isCa: extensions.basicConstraints?.ca === true && extensions.keyUsage?.includes('keyCertSign') !== false,
    spki: toHex(publicKey.spki),
    purposes: extensions.extendedKeyUsage ?? [],
  };
}

function drawCertificate(draw: Draw): Uint8Array {
  const sample = pick(draw, samples);
  if (draw() < 0.02) return sample;
  return changed(draw, 3, sample, (der) => (draw() < 0.9 ? mutateDer(draw, der) : mutateBytes(draw, der)));
}
