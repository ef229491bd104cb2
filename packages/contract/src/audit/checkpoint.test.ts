import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, fromBase64, fromHex, toBase64, toHex, toUtf8 } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { malformedSignatures } from '../x509/malformed-signatures.test-kit.ts';
import {
  checkpointBody,
  formatVerifierKey,
  noteKeyId,
  parseCheckpoint,
  parseVerifierKey,
  signatureLine,
  signCheckpoint,
  verifierKey,
  verifyCheckpoint,
} from './checkpoint.ts';

// RFC 8032 section 7.1, test 1: a key that any reader can check; signed by node:crypto, a foreign judge here
const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const publicKey = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const sign = (message: Uint8Array) => new Uint8Array(nodeSign(null, message, privateKey));
const origin = 'log.example.com/dev';
const key = verifierKey(origin, publicKey);
const root = sha256(toUtf8('a root'));
const text = await signCheckpoint({ origin, size: 70_000, root }, key, sign);
const lines = text.split('\n');

test('a signed checkpoint verifies under its key and gives its tree head', () => {
  const checkpoint = verifyCheckpoint(text, key);
  assert.equal(checkpoint.origin, origin);
  assert.equal(checkpoint.size, 70_000);
  assert.deepEqual(checkpoint.root, root);
  assert.equal(checkpoint.body, checkpointBody(origin, 70_000, root));
});

test('signatures by unknown keys, also of the same name, are ignored', () => {
  const stranger = signatureLine('witness.example', fromHex('01020304'), new Uint8Array(72));
  const namesake = signatureLine(origin, fromHex('01020304'), new Uint8Array(64));
  assert.equal(verifyCheckpoint(text + stranger + namesake, key).signatures.length, 3);
});

test('I-16: a checkpoint with a malformed signature of any class is refused', () => {
  const body = checkpointBody(origin, 70_000, root);
  for (const [name, signature] of Object.entries(malformedSignatures('ed25519', privateKey, toUtf8(body)))) {
    assert.throws(
      () => verifyCheckpoint(`${body}\n${signatureLine(origin, key.keyId, signature)}`, key),
      (error) => isImprintError(error, 'signature_wrong', 'checkpoint_invalid'),
      name,
    );
  }
});

test('I-16: any one bit flipped in the checkpoint is refused', () => {
  const bytes = toUtf8(text);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => verifyCheckpoint(flipped.toString('utf8'), key), {
      code: /^(checkpoint_invalid|signature_wrong)$/,
    });
  }
});

const refused: Record<string, string> = {
  'no text': '',
  'no signature': `${lines.slice(0, 3).join('\n')}\n\n`,
  'no blank line': text.replace('\n\n', '\n'),
  'two blank lines': text.replace('\n\n', '\n\n\n'),
  'no last newline': text.slice(0, -1),
  'a second last newline': `${text}\n`,
  'carriage returns': text.replaceAll('\n', '\r\n'),
  'an extension line': text.replace('\n\n', '\nextension\n\n'),
  'a leading zero in the size': text.replace('70000', '070000'),
  'a signed size': text.replace('70000', '+70000'),
  'a size that is no safe integer': text.replace('70000', '9007199254740993'),
  'an empty origin': text.replace(origin, ''),
  'a space in the origin': text.replace(origin, 'log example'),
  'a plus in the origin': text.replace(origin, 'log+example'),
  'a no-break space in the origin': text.replace(origin, 'log\u00a0example'),
  'a short root': text.replace(toBase64(root), toBase64(root.subarray(1))),
  'an unpadded root': text.replace(toBase64(root), toBase64(root).replace('=', '')),
  'a hyphen for the em dash': text.replace('\u2014', '-'),
  'two spaces in a signature line': text.replace('\u2014 ', '\u2014  '),
  'an empty signature': `${lines.slice(0, 4).join('\n')}\n\u2014 ${origin} ${toBase64(key.keyId)}\n`,
  'more than 64 signatures': text + signatureLine('w', fromHex('01020304'), new Uint8Array(1)).repeat(64),
  'more bytes than the cap': text + signatureLine('w', fromHex('01020304'), new Uint8Array(13_000)),
  'half a surrogate pair': text.replace(origin, 'log\ud800'),
};
for (const [name, bad] of Object.entries(refused)) {
  test(`refuses a checkpoint with ${name}`, () => {
    assert.notEqual(bad, text);
    assert.throws(() => parseCheckpoint(bad), { code: 'checkpoint_invalid' });
  });
}

test('refuses a checkpoint that only a stranger signed, or that is of another origin', async () => {
  const { privateKey: other, publicKey: otherPublic } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(otherPublic.export({ format: 'der', type: 'spki' }).subarray(-32));
  const otherKey = verifierKey(origin, raw);
  const foreign = await signCheckpoint({ origin, size: 1, root }, otherKey, (message) =>
    nodeSign(null, message, other),
  );
  assert.throws(() => verifyCheckpoint(foreign, key), { code: 'checkpoint_invalid' });
  // the stranger's signature under the log's key ID
  const forged = `${checkpointBody(origin, 1, root)}\n${signatureLine(origin, key.keyId, nodeSign(null, toUtf8(checkpointBody(origin, 1, root)), other))}`;
  assert.throws(() => verifyCheckpoint(forged, key), { code: 'signature_wrong' });
  assert.throws(() => verifyCheckpoint(text, verifierKey('log.example.com/prod', publicKey)), {
    code: 'checkpoint_invalid',
  });
  await assert.rejects(
    signCheckpoint({ origin, size: 1, root }, key, (message) => nodeSign(null, message, other)),
    { code: 'key_locked' },
  );
});

test("refuses the log's signature twice, and its signature under another origin", () => {
  assert.throws(() => verifyCheckpoint(`${text}${lines[4]}\n`, key), { code: 'checkpoint_invalid' });
  const body = checkpointBody('log.example.com/prod', 1, root);
  const foreign = `${body}\n${signatureLine(origin, key.keyId, sign(toUtf8(body)))}`;
  assert.throws(() => verifyCheckpoint(foreign, key), { code: 'checkpoint_invalid' });
});

test('refuses to write a key ID, public key, root, size or name that cannot be', () => {
  for (const act of [
    () => signatureLine(origin, fromHex('010203'), new Uint8Array(64)),
    () => verifierKey(origin, publicKey.subarray(1)),
    () => verifierKey('two words', publicKey),
    () => checkpointBody(origin, 1, root.subarray(1)),
    () => checkpointBody(origin, -1, root),
    () => checkpointBody(origin, 2 ** 53, root),
    () => checkpointBody('', 1, root),
  ]) {
    assert.throws(act, { code: 'checkpoint_invalid' });
  }
});

test('computes the key ID of the specification and reads the verifier key of the Go documentation', () => {
  assert.deepEqual(
    noteKeyId(origin, publicKey),
    sha256(concatBytes(toUtf8(`${origin}\n`), Uint8Array.of(1), publicKey)).slice(0, 4),
  );
  // golang.org/x/mod/sumdb/note, the example in its package documentation
  const known = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  assert.equal(formatVerifierKey(parseVerifierKey(known)), known);
});

test('refuses a verifier key whose ID, algorithm or length is another', () => {
  const good = formatVerifierKey(key);
  assert.deepEqual(parseVerifierKey(good), key);
  const encoded = (bytes: Uint8Array) => `${origin}+${toHex(key.keyId)}+${toBase64(bytes)}`;
  for (const bad of [
    good.replace(toHex(key.keyId), '00000000'),
    good.replace(toHex(key.keyId), toHex(key.keyId).toUpperCase()),
    good.replace('dev', 'prod'),
    encoded(concatBytes(Uint8Array.of(4), publicKey)),
    encoded(publicKey),
    `${good}\n`,
    '',
  ]) {
    assert.throws(() => parseVerifierKey(bad), { code: 'checkpoint_invalid' });
  }
});

test('parsing a formatted checkpoint gives it back for any size and root', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.maxSafeNat(), hash, (size, hash) => {
      const note = `${checkpointBody(origin, size, hash)}\n${lines[4]}\n`;
      const checkpoint = parseCheckpoint(note);
      assert.equal(checkpoint.size, size);
      assert.deepEqual(checkpoint.root, hash);
      assert.deepEqual(checkpoint.signatures[0]!.signature, fromBase64(lines[4]!.split(' ')[2]!).slice(4));
    }),
  );
});

test('who gives another file for the verifier key hears of the key, not of a checkpoint', () => {
  const aboutKey = (error: unknown) =>
    isImprintError(error, 'checkpoint_invalid') && error.hint?.includes('log.vkey') === true;
  assert.throws(() => parseVerifierKey('-----BEGIN CERTIFICATE-----'), aboutKey);
  assert.throws(
    () => parseVerifierKey(formatVerifierKey(key).replace(/\+[0-9a-f]{8}\+/, '+00000000+')),
    aboutKey,
  );
});
