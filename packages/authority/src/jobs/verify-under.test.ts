import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { verifySignature } from '@imprint/contract/x509/signature';
import { ed25519 } from '@noble/curves/ed25519.js';
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

  const both = async (at: number, message: Uint8Array, signature: Uint8Array) => {
    const { der } = walks[at]!;
    const { publicKey, sha256 } = parseCertificate(der);
    const fast = await verifyUnder({ certificate: der, certificate_sha256: sha256 }, message, signature);
    return { fast, strict: verifySignature(publicKey, message, signature) };
  };
  const signedBy = (at: number, message: Uint8Array) => {
    const { key } = walks[at]!.unit;
    return new Uint8Array(sign(digestOf(at === 0 ? 'ec-p256' : 'ed25519'), message, key));
  };

  for (const at of [0, 1]) {
    const name = at === 0 ? 'P-256' : 'Ed25519';
    test(`agree on ${name} signatures: good ones, and ones with a byte changed, cut or added anywhere`, async () => {
      const mutation = fc.record({
        kind: fc.constantFrom('none', 'flip', 'cut', 'add', 'message'),
        place: fc.nat(80),
        by: fc.integer({ min: 1, max: 255 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 300 }),
          mutation,
          async (message, { kind, place, by }) => {
            let signature = signedBy(at, message);
            if (kind === 'flip') signature[place % signature.length]! ^= by;
            if (kind === 'cut') signature = signature.subarray(0, place % signature.length);
            if (kind === 'add') signature = new Uint8Array([...signature, by]);
            const judged = kind === 'message' ? new Uint8Array([...message, by]) : message;
            const { fast, strict } = await both(at, judged, signature);
            assert.equal(fast, strict);
            assert.equal(fast, kind === 'none');
          },
        ),
        { numRuns: 150 },
      );
    });

    test(`agree that noise is no ${name} signature`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (noise) => {
          assert.deepEqual(await both(at, Uint8Array.of(1), noise), { fast: false, strict: false });
        }),
        { numRuns: 100 },
      );
    });
  }

  test('agree that ECDSA numbers in BER, with padding, negative or zero are no signature', async () => {
    const message = Uint8Array.of(1, 2, 3);
    const good = signedBy(0, message);
    const r = good.subarray(4, 4 + good[3]!);
    const s = good.subarray(6 + good[3]!);
    const pair = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Uint8Array.from([
        0x30,
        4 + a.length + b.length,
        2,
        a.length,
        ...Array.from(a),
        2,
        b.length,
        ...Array.from(b),
      ]);
    assert.deepEqual(await both(0, message, pair(r, s)), { fast: true, strict: true });
    const bad = [
      pair([0, ...r], s),
      pair([0], s),
      pair(r, [0]),
      pair(
        [...r].map((byte) => byte | 0x80),
        s,
      ),
      Uint8Array.from([0x30, 0x81, good[1]!, ...good.subarray(2)]),
      Uint8Array.from([0x30, 0x80, ...good.subarray(2), 0, 0]),
    ];
    for (const one of bad) assert.deepEqual(await both(0, message, one), { fast: false, strict: false });
  });

  test('what OpenSSL takes the contract takes: an Ed25519 signature with a twisted R is the other way round', async () => {
    // R + T, T of order 8, with S to match: only an equation that multiplies by the cofactor holds
    const message = Uint8Array.of(7);
    const seed = walks[1]!.unit.key.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
    const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed);
    const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
    const r = 123_456_789n;
    const R = ed25519.Point.BASE.multiply(r).add(torsion).toBytes();
    const { createHash } = await import('node:crypto');
    const digest = createHash('sha512').update(R).update(pointBytes).update(message).digest();
    const order = ed25519.Point.Fn.ORDER;
    const k = BigInt(`0x${Buffer.from(digest).reverse().toString('hex')}`) % order;
    const s = (r + k * scalar) % order;
    const sBytes = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
    const { fast, strict } = await both(1, message, new Uint8Array([...R, ...sBytes]));
    assert.equal(fast, false);
    assert.equal(strict, true);
  });
});
