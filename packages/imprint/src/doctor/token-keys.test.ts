/** What the doctor says of keys in a real token, and that its looking uses up no PIN. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeFaultyModule } from '@imprint/authority/signer/pkcs11/faulty-module.test-kit';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { tokenReferenceText } from '@imprint/authority/signer/pkcs11/token-reference';
import { makeKey } from '@imprint/authority/signer/pkcs11/token-signer.test-kit';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { configurationOf } from '../ceremony/ceremony.test-kit.ts';
import { initAuthority } from '../init-authority.ts';
import { makeDevCa } from '../make-ca.ts';
import { openAuthority } from '../open-authority.ts';
import { examineAuthority } from './run-doctor.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const faulty = makeFaultyModule(hsm);
const folder = join(hsm.folder, 'authority');
const secret = (name: string, text: string) => {
  writeFileSync(join(hsm.folder, name), `${text}\n`, { mode: 0o600 });
  return join(hsm.folder, name);
};
const pinFile = secret('pin', testPin);
const wrongFile = secret('wrong', '0000-wrong');
const keys = async (pin?: string) => {
  const before = faulty.calls('C_Login');
  const checks = await examineAuthority(folder, { pinFile: pin });
  const found = checks.find(({ name }) => name === 'keys')!;
  return { ...found, logins: faulty.calls('C_Login') - before };
};

/** Two CAs with keys in one token. */
before(async () => {
  const token = faulty.place(hsm.addToken('watched'));
  const reference = await makeKey(token, 'first');
  await initAuthority(folder, configurationOf('dev'), undefined, { reference, pinFile });
  const authority = await openAuthority(folder, { pinFile });
  try {
    const scope = { ...anyScope, product: 'gateway' };
    await makeDevCa(authority, { kind: 'device', scope, inToken: await makeKey(token, 'second') });
  } finally {
    await authority.close();
  }
});

test('keys in a token sign once each, and without a PIN nothing is said of them', async () => {
  const well = await keys(pinFile);
  assert.deepEqual(
    [well.verdict, well.detail],
    ['ok', 'those of the log, the listeners and 3 CAs open, and 2 in a token sign'],
  );
  const unsaid = await keys();
  assert.deepEqual([unsaid.verdict, unsaid.logins], ['unknown', 0]);
  assert.match(unsaid.detail, /no way to get the PIN of/);
});

test('I-19: a wrong PIN is given once for all keys of a token, and not again by the next look, whichever PIN that has', async () => {
  const wrong = await keys(wrongFile);
  assert.deepEqual([wrong.verdict, wrong.logins], ['fail', 1]);
  assert.match(
    wrong.detail,
    /device-issuing: The PIN is wrong.*; device-gateway: it was not asked for, since .* is shut/,
  );
  assert.ok(!JSON.stringify(wrong).includes('0000-wrong'));
  for (const pin of [wrongFile, pinFile]) {
    const again = await keys(pin);
    assert.deepEqual([again.verdict, again.logins], ['fail', 0]);
    assert.match(again.detail, /A wrong PIN was given to .* since the last right one/);
    assert.match(again.advice!, /imprint hsm check/);
  }
  // whoever signs logs in, and the count begins anew
  const authority = await openAuthority(folder, { pinFile });
  await authority.unlock();
  await authority.close();
  assert.equal((await keys(pinFile)).verdict, 'ok');
});

test('a token that is away and a library that is not there are told as such', async () => {
  const file = join(folder, 'keys', 'device-gateway.token.json');
  for (const [module, said] of [
    [hsm.module, /"none".*is not there; the library sees|none.* is not there/],
    [join(hsm.folder, 'no-library.so'), /no-library\.so/],
  ] as const) {
    writeFileSync(file, tokenReferenceText({ module, token: 'none', key_label: 'second' } as never), {
      mode: 0o600,
    });
    const found = await keys(pinFile);
    assert.equal(found.verdict, 'fail');
    assert.match(found.detail, said);
    assert.doesNotMatch(found.detail, /device-issuing/);
  }
});
