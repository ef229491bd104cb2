import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign as nodeSign, verify } from 'node:crypto';
import { test } from 'node:test';
import { fromHex, toUtf8 } from '../bytes.ts';
import { sha256 } from '../hash.ts';
import { parseCheckpoint, signCheckpoint, verifierKey, verifyCheckpoint } from './checkpoint.ts';
import { cosign, formatWitnessKey, parseWitnessKey, verifyCosignature, witnessKey } from './cosignature.ts';

// RFC 8032 section 7.1, test 1; signed and judged by node:crypto
const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const publicKey = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const sign = (message: Uint8Array) => new Uint8Array(nodeSign(null, message, privateKey));
const logKey = verifierKey('log.example.com/dev', publicKey);
const witness = witnessKey('witness.example/w1', publicKey);
const head = { origin: logKey.name, size: 8, root: sha256(toUtf8('a root')) };
const note = await signCheckpoint(head, logKey, sign);
const { body } = parseCheckpoint(note);
const cosigned = note + (await cosign(body, 1_767_945_600, witness, sign));

test('a cosigned checkpoint verifies for the log and for the witness, and tells when it was cosigned', () => {
  const checkpoint = verifyCheckpoint(cosigned, logKey);
  assert.equal(verifyCosignature(checkpoint, witness), 1_767_945_600);
  const signature = checkpoint.signatures[1]!.signature;
  assert.equal(signature.length, 72);
  const said = toUtf8(`cosignature/v1\ntime 1767945600\n${body}`);
  assert.ok(verify(null, said, createPublicKey(privateKey), signature.slice(8)));
});

test('I-16: a cosignature with any byte changed, of another checkpoint, or twice in a note is refused', () => {
  const checkpoint = parseCheckpoint(cosigned);
  for (let at = 0; at < 72; at++) {
    const changed = parseCheckpoint(cosigned);
    changed.signatures[1]!.signature[at]! ^= 1;
    assert.throws(() => verifyCosignature(changed, witness), { code: 'signature_wrong' }, `byte ${at}`);
  }
  const other = { ...checkpoint, body: body.replace('\n8\n', '\n9\n') };
  assert.throws(() => verifyCosignature(other, witness), { code: 'signature_wrong' });
  const twice = { ...checkpoint, signatures: [...checkpoint.signatures, checkpoint.signatures[1]!] };
  assert.throws(() => verifyCosignature(twice, witness), { code: 'checkpoint_invalid' });
  assert.throws(() => verifyCosignature(parseCheckpoint(note), witness), { code: 'checkpoint_invalid' });
});

test("a witness's key has one text form, which is no log's key", () => {
  const text = formatWitnessKey(witness);
  assert.deepEqual(parseWitnessKey(text), witness);
  assert.notDeepEqual(witness.keyId, verifierKey(witness.name, publicKey).keyId);
  assert.throws(() => parseWitnessKey(text.replace(/\+[0-9a-f]{8}\+/, '+00000000+')), {
    code: 'checkpoint_invalid',
  });
  assert.throws(() => parseWitnessKey(text.replace('+BN', '+AN')), { code: 'checkpoint_invalid' });
});
