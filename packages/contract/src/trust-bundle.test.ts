import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBase64 } from './bytes.ts';
import type { ErrorCode, ImprintError } from './errors.ts';
import { sha256Hex } from './hash.ts';
import { bundleBytes, type TrustBundleContent, verifyTrustBundle, writeTrustBundle } from './trust-bundle.ts';
import {
  buildCertificate,
  buildChain,
  ext,
  goodSpecs,
  type KeyPair,
  keys,
  newKeyPair,
  signWith,
} from './x509/chain-fixture.test-kit.ts';
import { caSubject, encodeName } from './x509/name.ts';

const { root, chain } = buildChain();
const issuing = chain[1]!;
const nextKey = newKeyPair('ec-p256');
/** The root that comes after the pinned one, and a CA beneath it. */
const next = (() => {
  const specs = goodSpecs();
  specs.root.subject = encodeName(caSubject('Example Works', 'dev', 'Device Root 2'));
  specs.root.issuer = specs.root.subject;
  specs.root.spki = nextKey.publicKey.spki;
  specs.root.extensions[2] = ext.subjectKey(nextKey.publicKey);
  specs.root.signer = nextKey;
  specs.issuing.issuer = specs.root.subject;
  specs.issuing.signer = nextKey;
  specs.issuing.extensions[3] = ext.authorityKey(nextKey.publicKey);
  return { root: buildCertificate(specs.root), issuing: buildCertificate(specs.issuing) };
})();

const content = (change: Partial<TrustBundleContent> = {}): TrustBundleContent => ({
  format: 'imprint-trust-bundle-v1',
  realm: 'dev',
  version: 3,
  issued_at: '2026-06-01T12:00:00.000Z',
  anchors_b64: [toBase64(root)],
  intermediates_b64: [toBase64(issuing)],
  ...change,
});
const signedBy = (parts: TrustBundleContent, ...signers: [Uint8Array, KeyPair][]) =>
  writeTrustBundle(
    parts,
    signers.map(([der, pair]) => ({
      rootSha256: sha256Hex(der),
      signature: signWith(pair, bundleBytes(parts)),
    })),
  );
const bundle = (change: Partial<TrustBundleContent> = {}) => signedBy(content(change), [root, keys.root]);
const verify = (text: string, more: object = {}) => verifyTrustBundle(text, { root, realm: 'dev', ...more });

function refuses(act: () => unknown, code: ErrorCode, of?: string): void {
  assert.throws(act, (error: ImprintError) => {
    assert.equal(error.code, code, String(error));
    if (of !== undefined) assert.equal(error.context.item ?? error.context.reason, of, String(error));
    return true;
  });
}

test('a bundle says what the pinned root has signed', () => {
  const found = verify(bundle());
  assert.equal(found.version, 3);
  assert.deepEqual(
    found.anchors.map(({ sha256 }) => sha256),
    [sha256Hex(root)],
  );
  assert.deepEqual(
    found.intermediates.map(({ sha256 }) => sha256),
    [sha256Hex(issuing)],
  );
});

test('one that is not newer than what is there is refused, so that nobody takes a device back', () => {
  verify(bundle(), { newerThan: 2 });
  refuses(() => verify(bundle(), { newerThan: 3 }), 'bundle_invalid', 'version');
  refuses(() => verify(bundle({ version: 2 }), { newerThan: 3 }), 'bundle_invalid', 'version');
});

test('a new root comes in by the word of the pinned one, and whoever pins the new one takes the same bundle', () => {
  const both = content({
    anchors_b64: [root, next.root].map(toBase64),
    intermediates_b64: [issuing, next.issuing].map(toBase64),
  });
  assert.equal(verify(signedBy(both, [root, keys.root])).anchors.length, 2);
  const text = signedBy(both, [root, keys.root], [next.root, nextKey]);
  for (const pinned of [root, next.root])
    assert.equal(verify(text, { root: pinned }).intermediates.length, 2);
  refuses(() => verify(signedBy(both, [next.root, nextKey])), 'bundle_invalid', 'signatures');
  refuses(() => verify(signedBy(both, [root, nextKey])), 'bundle_invalid', 'signatures');
  const withoutOld = content({
    anchors_b64: [toBase64(next.root)],
    intermediates_b64: [toBase64(next.issuing)],
  });
  refuses(() => verify(signedBy(withoutOld, [root, keys.root])), 'bundle_invalid', 'anchors_b64');
});

test('I-20: of another realm, with an anchor or a CA of another root, it is refused', () => {
  refuses(() => verify(bundle({ realm: 'prod' })), 'realm_mismatch');
  refuses(() => verify(bundle(), { realm: 'prod' }), 'realm_mismatch');
  refuses(
    () => verify(bundle({ intermediates_b64: [toBase64(next.issuing)] })),
    'bundle_invalid',
    'intermediates_b64',
  );
  refuses(() => verify(bundle({ intermediates_b64: [toBase64(chain[0]!)] })), 'bundle_invalid');
  refuses(
    () => verify(bundle({ anchors_b64: [root, issuing].map(toBase64) })),
    'certificate_refused',
    'root_wrong',
  );
  refuses(() => verify(bundle(), { root: next.root }), 'bundle_invalid', 'signatures');
});

test('nothing of it can be changed, and it has one form', () => {
  const text = bundle();
  refuses(() => verify(text.replace('"version":3', '"version":4')), 'bundle_invalid', 'signatures');
  refuses(() => verify(text.replace('12:00:00', '12:00:01')), 'bundle_invalid', 'signatures');
  for (const wrong of [
    '',
    '{}',
    text.replace('{', '{ '),
    text.replace('v1', 'v2'),
    text.replace('"version":3', '"version":0'),
    text.replace('"realm"', '"more":1,"realm"'),
    `${text}\n`,
    text.padEnd(60_000),
  ]) {
    refuses(() => verify(wrong), 'bundle_invalid');
  }
  refuses(() => verify(writeTrustBundle(content(), [])), 'bundle_invalid', 'signatures');
});
