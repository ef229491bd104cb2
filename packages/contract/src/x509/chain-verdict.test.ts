import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ImprintError } from '../errors.ts';
import { buildChain } from './chain-fixture.test-kit.ts';
import { judgeChain } from './chain-verdict.ts';
import { refusalReasons } from './refusal.ts';
import type { ChainToVerify } from './verify-chain.ts';

const good: ChainToVerify = {
  ...buildChain(),
  at: '2026-06-01T12:00:00Z',
  realm: 'dev',
  purpose: 'device',
};

test('an accepted chain has a leaf and no reason, a refused one a reason and no leaf', () => {
  const { verdict, reason, leaf } = judgeChain(() => good);
  assert.deepEqual([verdict, reason, leaf?.id, leaf?.realm], ['accept', null, 'SN-00012345', 'dev']);
  assert.deepEqual(
    judgeChain(() => ({ ...good, realm: 'prod' })),
    {
      verdict: 'refuse',
      reason: { code: 'realm_mismatch', message: refusalReasons.realm_mismatch, position: 0 },
      leaf: null,
    },
  );
  assert.equal(judgeChain(() => ({ ...good, chain: [] })).reason?.position, null);
});

test('bytes that hold no certificates are refused as unreadable', () => {
  const { verdict, reason } = judgeChain(() => {
    throw new ImprintError('file_invalid', 'The PEM text holds no block.');
  });
  assert.deepEqual([verdict, reason?.code], ['refuse', 'unreadable']);
});

test('a question that is none and a fault of the program are thrown, and never look like a refusal', () => {
  assert.throws(() => judgeChain(() => ({ ...good, at: 'noon' })), { code: 'bad_request' });
  assert.throws(
    () =>
      judgeChain(() => {
        throw new TypeError('a fault');
      }),
    TypeError,
  );
});

test('I-10: whatever bytes stand in chain and root, there is a verdict, and it is to refuse', () => {
  const der = [...good.chain, good.root];
  const damaged = fc
    .tuple(fc.nat({ max: 2 }), fc.nat(), fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 40 }))
    .map(([which, at, put, cut]) => {
      const bytes = Array.from(der[which]!);
      bytes.splice(at % bytes.length, cut, ...put);
      return Uint8Array.from(bytes);
    });
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), bytes, (chain, root) => {
      assert.equal(judgeChain(() => ({ ...good, chain, root })).verdict, 'refuse');
    }),
    { numRuns: 500 },
  );
});
