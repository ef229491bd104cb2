/** Tokens, keys and PINs that are not what a CA's key needs: each is refused in words, and nothing is lost by it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { makeFaultyModule } from './faulty-module.test-kit.ts';
import { startSoftHsm } from './softhsm.test-kit.ts';
import { assertSigned, makeKey, message, openToken, refusal } from './token-signer.test-kit.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const faulty = makeFaultyModule(hsm);
const finalTry = 0x20000;

describe('I-12: a key that is or was outside of the token is refused', () => {
  const place = hsm.addToken('exposed');
  const refused = async (says: RegExp, key_id: string) =>
    assert.rejects(openToken({ ...place, key_id }), refusal('hsm_key_exposed', says));

  test('one that was made elsewhere and brought in', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const file = join(hsm.folder, 'brought.der');
    writeFileSync(file, privateKey.export({ format: 'der', type: 'sec1' }), { mode: 0o600 });
    const named = ['--id', '0a', '--label', 'brought', '--usage-sign'];
    hsm.tool(place, '--write-object', file, '--type', 'privkey', '--sensitive', ...named);
    await refused(/was not made in it.*could once/, '0a');
  });

  test('one that may be taken out', async () => {
    const named = ['--id', '0b', '--label', 'loose', '--usage-sign', '--sensitive', '--extractable'];
    hsm.tool(place, '--keypairgen', '--key-type', 'EC:prime256v1', ...named);
    await refused(/can be taken out of it/, '0b');
  });
});

describe('bad input is refused, and nothing is lost by it', () => {
  test('a wrong PIN is tried once, however many processes are wanted, and is not repeated', async () => {
    const reference = await makeKey(faulty.place(hsm.addToken('wrong-pin')));
    const before = faulty.calls('C_Login');
    const readPin = async () => Buffer.from('wrong-pin-5150');
    await assert.rejects(openToken({ ...reference, processes: 4 }, { readPin }), (error) => {
      assert.ok(isImprintError(error, 'key_locked'));
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context, error.stack]), /5150/);
      return true;
    });
    assert.equal(faulty.calls('C_Login'), before + 1);
    await openToken(reference);
  });

  test('the last try that a PIN has is not used up', async () => {
    const reference = await makeKey(faulty.place(hsm.addToken('last-try')));
    const before = faulty.calls('C_Login');
    faulty.order(`C_GetTokenInfo 0 flags ${finalTry}`);
    await assert.rejects(openToken(reference), refusal('key_locked', /one try is left/));
    faulty.relent();
    assert.equal(faulty.calls('C_Login'), before);
  });

  test('a library that is not there, or is none', async () => {
    const key = { token: 'any', key_id: '01' };
    await assert.rejects(
      openToken({ ...key, module: '/nowhere/libhsm.so' }),
      refusal('tool_missing', /libhsm/),
    );
    await assert.rejects(openToken({ ...key, module: import.meta.filename }), refusal('tool_missing'));
  });

  test('a token that is not there: the others are named', async () => {
    hsm.addToken('present');
    const absent = { module: hsm.module, token: 'absent', key_id: '01' };
    await assert.rejects(openToken(absent), refusal('hsm_token_missing', /absent is not there.*present/));
  });

  test('a key that is not there', async () => {
    const place = hsm.addToken('empty');
    await assert.rejects(openToken({ ...place, key_id: '77' }), refusal('hsm_key_missing', /the ID 77/));
  });

  test('two tokens of one label are told apart by their serial', async () => {
    const place = hsm.addToken('twin');
    const reference = await makeKey(place);
    hsm.addToken('twin');
    let serials: string[] = [];
    await assert.rejects(openToken(reference), (error) => {
      assert.ok(isImprintError(error, 'hsm_ambiguous'));
      serials = /serial: (\w+), (\w+)/.exec(error.hint!)!.slice(1);
      return true;
    });
    const outcomes = await Promise.allSettled(serials.map((serial) => openToken({ ...reference, serial })));
    const kinds = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'opened'));
    assert.deepEqual(kinds.sort(), ['hsm_key_missing', 'opened']);
  });

  test('two keys of one name, and a label that is taken', async () => {
    const place = hsm.addToken('two-keys');
    const reference = await makeKey(place, 'one');
    await assert.rejects(makeKey(place, 'one'), refusal('hsm_ambiguous', /--label/));
    hsm.tool(
      place,
      ...['--keypairgen', '--key-type', 'EC:prime256v1', '--sensitive', '--usage-sign'],
      ...['--label', 'one', '--id', '02'],
    );
    await assert.rejects(openToken({ ...place, key_label: 'one' }), refusal('hsm_ambiguous', /key_id/));
    await openToken(reference);
  });

  test('a token that is full: the keys that are in it go on', async () => {
    const place = faulty.place(hsm.addToken('full'));
    const signer = await openToken(await makeKey(place));
    faulty.order('C_GenerateKeyPair 0 return 0x31 once');
    await assert.rejects(makeKey(place, 'another'), refusal('hsm_token_full'));
    assertSigned(signer, 1, await signer.sign(message(1)));
  });
});
