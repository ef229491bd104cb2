import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImprintError } from '../errors.ts';
import { parseCertificate } from './certificate.ts';
import { buildChain, ext, newKeyPair } from './chain-fixture.test-kit.ts';
import { derBitString, derSequence } from './der-writer.ts';
import { malformedKeys } from './malformed-keys.test-kit.ts';
import { malformedSignatures, mixedOrderSignature } from './malformed-signatures.test-kit.ts';
import { keyTypes, type PublicKey } from './public-key.ts';
import { signatureAlgorithm } from './signature.ts';
import { verifyChain } from './verify-chain.ts';

const at = '2026-06-01T12:00:00.000Z';
const verify = ({ root, chain }: { root: Uint8Array; chain: Uint8Array[] }) =>
  verifyChain({ root, chain, at, realm: 'dev', purpose: 'device' });

function refusedFor(reasons: string[], act: () => unknown): void {
  assert.throws(act, (error: ImprintError) => {
    assert.equal(error.code, 'certificate_refused', String(error));
    assert.ok(reasons.includes(String(error.context.reason)), String(error.context.reason));
    return true;
  });
}

for (const type of keyTypes) {
  const ca = newKeyPair(type);
  const good = buildChain(({ issuing, leaf }) => {
    issuing.spki = ca.publicKey.spki;
    issuing.extensions[2] = ext.subjectKey(ca.publicKey);
    leaf.extensions[3] = ext.authorityKey(ca.publicKey);
    leaf.signer = ca;
  });
  const { tbs } = parseCertificate(good.chain[0]!);

  test(`a certificate by a CA of type ${type} is good, and with each malformed signature it is refused`, () => {
    assert.equal(verify(good).id, 'SN-00012345');
    for (const [name, signature] of Object.entries(malformedSignatures(type, ca.privateKey, tbs))) {
      const leaf = derSequence(tbs, signatureAlgorithm[type], derBitString(signature));
      const chain = [leaf, good.chain[1]!];
      assert.throws(() => verify({ ...good, chain }), { code: 'certificate_refused' }, name);
      refusedFor(['signature_wrong'], () => verify({ ...good, chain }));
    }
  });
}

test('a certificate for each malformed key is refused', () => {
  for (const [name, spki] of Object.entries(malformedKeys())) {
    const chain = buildChain(({ leaf }) => Object.assign(leaf, { spki }));
    assert.throws(() => verify(chain), { code: 'certificate_refused' }, name);
    // one that is no SEQUENCE, or has a byte too many, is read as what should follow
    refusedFor(['key_unsupported', 'malformed', 'extension_unknown'], () => verify(chain));
  }
});

test('a certificate that a CA with a key of mixed order signed is refused, though OpenSSL takes it', () => {
  let chain: Uint8Array[] = [];
  const build = (key: PublicKey) =>
    buildChain(({ issuing, leaf }) => {
      issuing.spki = key.spki;
      issuing.extensions[2] = ext.subjectKey(key);
      leaf.extensions[3] = ext.authorityKey(key);
      leaf.signer = newKeyPair('ed25519');
    });
  const { message, signature, key } = mixedOrderSignature((made) => {
    ({ chain } = build(made));
    return parseCertificate(chain[0]!).tbs;
  });
  const leaf = derSequence(message, signatureAlgorithm.ed25519, derBitString(signature));
  refusedFor(['signature_wrong'], () => verify({ root: build(key).root, chain: [leaf, chain[1]!] }));
});
