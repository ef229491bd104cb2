/** An authority whose issuing key is in a real token, from `init` to a certificate. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { issue } from '@imprint/authority/issuing/issue';
import { prepareDevice } from '@imprint/authority/issuing/prepare';
import { profileOf } from '@imprint/authority/issuing/profile';
import { makeSerial } from '@imprint/authority/issuing/serial';
import { makeFaultyModule } from '@imprint/authority/signer/pkcs11/faulty-module.test-kit';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { parseTokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { makeKey, refusal } from '@imprint/authority/signer/pkcs11/token-signer.test-kit';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { opensslVerify } from '@imprint/authority/trust/hierarchy.test-kit';
import { type AuthorityConfiguration, authorityHome, readCertificate } from './authority-home.ts';
import { initAuthority } from './init-authority.ts';
import { openAuthority } from './open-authority.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const faulty = makeFaultyModule(hsm);
const secretFile = (name: string, secret: string) => {
  const file = join(hsm.folder, name);
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return file;
};
const pinFile = secretFile('pin', testPin);
const wrongPinFile = secretFile('wrong', '0000-wrong');

const address = { host: '127.0.0.1', port: 0 };
const configuration: AuthorityConfiguration = {
  version: 1,
  realm: 'dev',
  organization: 'Example Devices',
  log_origin: 'imprint.local/dev',
  hosts: [],
  listeners: { station: address, public: address },
  minimum_station_version: '0.1.0',
};

const profile = profileOf({
  v: 1,
  profile: 'idevid',
  realm: 'dev',
  organization: 'Example Devices',
  key_type: 'ec-p256',
  validity: 'forever',
  skew_minutes: 5,
  hardware_type_oid: '1.3.6.1.4.1.99999.1.1',
});

for (const keyType of ['ec-p256', 'ec-p384'] as const) {
  test(`I-3, I-12: certificates are signed in the token with ${keyType}, and what it signed wrongly is not released`, async (t) => {
    faulty.relent();
    const reference = await makeKey(faulty.place(hsm.addToken(keyType)), 'issuing', keyType);
    const folder = join(hsm.folder, `authority-${keyType}`);
    const home = await initAuthority(folder, configuration, undefined, { reference, pinFile });
    const authority = await openAuthority(folder, { pinFile });
    t.after(() => authority.close());
    const { line } = await authority.unlock();
    const [issuer] = await line.issuers.telling(authority.ledger.reader, ['device']);
    assert.ok(issuer);
    assert.equal(issuer.signer.keyType, keyType);
    const prepare = () => {
      const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
        format: 'der',
        type: 'spki',
      });
      const subject = {
        deviceId: 'SN-00012345',
        hardwareUid: 'mcu-uid=0123ABCD',
        product: 'gateway',
        site: 'site-1',
      };
      const now = new Date();
      return prepareDevice(
        issuer,
        profile,
        { ...subject, keyType: 'ec-p256', spki },
        makeSerial(now, randomBytes),
        now,
      );
    };
    const root = readCertificate(home, 'root');
    for (const token of Array.from({ length: 5 }, prepare)) {
      const { certificate } = await issue(token, issuer, { ...token });
      assert.equal(opensslVerify([certificate, issuer.certificate.der], root, 'sslclient', new Date()), '');
    }
    faulty.order('C_Sign 0 flip once');
    const token = prepare();
    await assert.rejects(issue(token, issuer, { ...token }), refusal('tbs_mismatch'));
  });
}

test('the keys folder says where the key is, and holds neither it nor the PIN', async () => {
  faulty.relent();
  const reference = await makeKey(hsm.addToken('kept'));
  const home = await initAuthority(join(hsm.folder, 'kept'), configuration, undefined, {
    reference,
    pinFile,
  });
  const names = readdirSync(home.keys).filter((file) => file.includes(keyNames.issuing));
  assert.deepEqual(names, [`${keyNames.issuing}.token.json`]);
  const file = join(home.keys, names[0]!);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  assert.deepEqual(parseTokenReference(text, file), reference);
  assert.ok(!text.includes(testPin));
});

test('a wrong PIN is refused with its hint, leaves nothing behind at init, and is not shown', async () => {
  const reference = await makeKey(hsm.addToken('locked'));
  const folder = join(hsm.folder, 'locked');
  const wrong = { reference, pinFile: wrongPinFile };
  await assert.rejects(initAuthority(folder, configuration, undefined, wrong), refusal('key_locked'));
  assert.ok(!existsSync(authorityHome(folder).folder));
  await initAuthority(folder, configuration, undefined, { reference, pinFile });
  const authority = await openAuthority(folder, { pinFile: wrongPinFile });
  await assert.rejects(authority.unlock(), (error: Error) => {
    assert.doesNotMatch(JSON.stringify([error, error.message, error.stack]), /0000/);
    return refusal('key_locked', /tried once/)(error);
  });
  await authority.close();
});

test('another key than that of the CA certificate is refused at the start, and no process is left', async () => {
  const place = hsm.addToken('swapped');
  const [reference, other] = [await makeKey(place, 'issuing'), await makeKey(place, 'other')];
  const folder = join(hsm.folder, 'swapped');
  const home = await initAuthority(folder, configuration, undefined, { reference, pinFile });
  const file = join(home.keys, `${keyNames.issuing}.token.json`);
  writeFileSync(file, JSON.stringify(other), { mode: 0o600 });
  const authority = await openAuthority(folder, { pinFile });
  await assert.rejects(authority.unlock(), refusal('key_locked', /not that of the CA certificate/));
  await authority.close();
});

test('a reference that nobody can read is refused by its name and field', async () => {
  const reference = await makeKey(hsm.addToken('spoilt'));
  const folder = join(hsm.folder, 'spoilt');
  const home = await initAuthority(folder, configuration, undefined, { reference, pinFile });
  const file = join(home.keys, `${keyNames.issuing}.token.json`);
  for (const [text, says] of [
    ['{', /device-issuing.token.json/],
    [JSON.stringify({ ...reference, module: 'libhsm.so' }), /module is an absolute path/],
    [JSON.stringify({ ...reference, key_label: 'issuing' }), /one of them alone/],
    [JSON.stringify({ ...reference, pin: '1234' }), /device-issuing.token.json/],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 });
    const authority = await openAuthority(folder, { pinFile });
    await assert.rejects(authority.unlock(), refusal('key_locked', says));
    await authority.close();
  }
});
