import assert from 'node:assert/strict';
import { createPublicKey, hash, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { buildChain } from '@imprint/contract/x509/chain-fixture.test-kit';
import {
  edgeSignatures,
  malformedSignatures,
  newPrivateKey,
  unreducedSignatures,
} from '@imprint/contract/x509/malformed-signatures.test-kit';
import { keyTypes, type PublicKey, parsePublicKey } from '@imprint/contract/x509/public-key';
import { verifySignature } from '@imprint/contract/x509/signature';
import fc from 'fast-check';
import { digestOf } from '../signer/key-type.ts';
import { gateway, type Line, openLine, sensor, TestUnit } from './line.test-kit.ts';
import { verifyUnder } from './verify-under.ts';
import { Walk } from './walk.test-kit.ts';

describe('OpenSSL and the contract’s verifier', () => {
  const lines: Line[] = [];
  const walks: Walk[] = [];
  before(async () => {
    for (const product of [gateway, sensor]) {
      const line = await openLine(['ID-1'], {}, 2, product);
      const walk = await Walk.open(line, new TestUnit('u1', product), 'ID-1');
      await walk.issue();
      lines.push(line);
      walks.push(walk);
    }
  });
  after(() => Promise.all(lines.map((line) => line.close())));

  const both = (at: number, message: Uint8Array, signature: Uint8Array) => {
    const { der } = walks[at]!;
    const { publicKey, sha256 } = parseCertificate(der);
    const fast = verifyUnder({ certificate: der, certificate_sha256: sha256 }, message, signature);
    return { fast, strict: verifySignature(publicKey, message, signature) };
  };
  const signedBy = (at: number, message: Uint8Array) => {
    const { key } = walks[at]!.unit;
    return new Uint8Array(sign(digestOf(at === 0 ? 'ec-p256' : 'ed25519'), message, key));
  };

  for (const at of [0, 1]) {
    const name = at === 0 ? 'P-256' : 'Ed25519';
    test(`agree on ${name} signatures: good ones, and ones with a byte changed, cut or added anywhere`, () => {
      const mutation = fc.record({
        kind: fc.constantFrom('none', 'flip', 'cut', 'add', 'message'),
        place: fc.nat(80),
        by: fc.integer({ min: 1, max: 255 }),
      });
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), mutation, (message, { kind, place, by }) => {
          let signature = signedBy(at, message);
          if (kind === 'flip') signature[place % signature.length]! ^= by;
          if (kind === 'cut') signature = signature.subarray(0, place % signature.length);
          if (kind === 'add') signature = new Uint8Array([...signature, by]);
          const judged = kind === 'message' ? new Uint8Array([...message, by]) : message;
          const { fast, strict } = both(at, judged, signature);
          assert.equal(fast, strict);
          assert.equal(fast, kind === 'none');
        }),
        { numRuns: 150 },
      );
    });

    test(`agree that noise is no ${name} signature`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
          assert.deepEqual(both(at, Uint8Array.of(1), noise), { fast: false, strict: false });
        }),
        { numRuns: 100 },
      );
    });
  }
});

for (const type of keyTypes) {
  const privateKey = newPrivateKey(type);
  const publicKey = parsePublicKey(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  const message = Uint8Array.of(1, 2, 3);

  test(`OpenSSL under a certificate refuses each malformed ${type} signature`, () => {
    const good = new Uint8Array(sign(digestOf(type), message, privateKey));
    assert.equal(verifyUnder(certificateFor(publicKey), message, good), true);
    for (const [name, signature] of Object.entries(malformedSignatures(type, privateKey, message))) {
      assert.equal(verifyUnder(certificateFor(publicKey), message, signature), false, name);
    }
  });
}

test('OpenSSL under a certificate takes the ECDSA signatures at the edge that the contract takes, and no other', () => {
  const message = Uint8Array.of(4, 5, 6);
  for (const type of ['ec-p256', 'ec-p384'] as const) {
    for (const { name, key, message: signed, signature } of edgeSignatures(type, message)) {
      assert.equal(verifyUnder(certificateFor(key), signed, signature), true, name);
    }
    for (const { name, key, signature } of unreducedSignatures(type, message)) {
      assert.equal(verifyUnder(certificateFor(key), message, signature), false, name);
    }
  }
});

function certificateFor({ spki }: PublicKey): { certificate: Uint8Array; certificate_sha256: string } {
  const [certificate] = buildChain(({ leaf }) => Object.assign(leaf, { spki })).chain;
  return { certificate: certificate!, certificate_sha256: hash('sha256', certificate!, 'hex') };
}
