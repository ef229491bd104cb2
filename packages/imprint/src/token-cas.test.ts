/** CAs whose keys are in a token, beside those whose keys are sealed: of a realm at work, and by the ceremony of roots elsewhere. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { tokenReferenceText } from '@imprint/authority/signer/pkcs11/token-reference';
import { makeKey, refusal } from '@imprint/authority/signer/pkcs11/token-signer.test-kit';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { actOn } from './act-as.ts';
import { authorityHome } from './authority-home.ts';
import { configurationOf, newRoot, scratch, termsOf } from './ceremony/ceremony.test-kit.ts';
import { signRequest } from './ceremony/sign-request.ts';
import { initAuthority } from './init-authority.ts';
import { installFirst } from './install-answers.ts';
import { makeDevCa } from './make-ca.ts';
import { type OpenAuthority, openAuthority } from './open-authority.ts';
import { prepareAuthority } from './prepare-authority.ts';
import { readBoundedFile } from './read-bounded-file.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const place = scratch();
after(() => place.remove());
const { at } = place;
writeFileSync(at('pin'), testPin, { mode: 0o600 });
writeFileSync(at('pass'), 'a passphrase\n', { mode: 0o600 });
const pinFile = at('pin');

/** The CA that certifies a device now. */
async function deviceCa(authority: Pick<OpenAuthority, 'unlock' | 'ledger'>) {
  const { line } = await authority.unlock();
  const order = { product: 'gateway', site: 'berlin', year: 2026 };
  return line.issuers.choose(authority.ledger.reader, 'device', order);
}

describe('a CA of a realm at work', () => {
  const scope = { ...anyScope, product: 'gateway' };

  test('I-12: gets its key in a token, also in the place of one that was sealed', async () => {
    const token = hsm.addToken('at-work');
    const home = await initAuthority(at('dev'), configurationOf('dev'));
    const references = { gateway: await makeKey(token, 'gateway'), all: await makeKey(token, 'all') };
    await actOn({ home: home.folder, pinFile }, 'ca.manage', async (authority) => {
      assert.equal((await deviceCa(authority as OpenAuthority)).signer.custody, 'process');
      const made = await makeDevCa(authority, { kind: 'device', scope, inToken: references.gateway });
      assert.deepEqual([made.ca_id, made.status], ['device-gateway', 'active']);
      const next = await makeDevCa(authority, {
        ...{ kind: 'device', scope: anyScope, replaces: 'device-issuing' },
        inToken: references.all,
      } as const);
      assert.equal(next.status, 'active');
    });
    const files = readdirSync(home.keys).filter((file) => file.endsWith('.token.json'));
    assert.deepEqual(files.sort(), ['device-gateway.token.json', 'device-issuing-2.token.json']);
    const authority = await openAuthority(home.folder, { pinFile });
    assert.equal((await deviceCa(authority)).signer.custody, 'elsewhere');
    await authority.close();
  });

  test('with a key that does not open, or another than it was begun with, is not made', async () => {
    const reference = await makeKey(hsm.addToken('refused'));
    const home = await initAuthority(at('refused'), configurationOf('dev'));
    await actOn({ home: home.folder, pinFile }, 'ca.manage', async (authority) => {
      const order = { kind: 'device', scope } as const;
      const absent = { ...reference, key_id: '00' };
      await assert.rejects(makeDevCa(authority, { ...order, inToken: absent }), refusal('hsm_key_missing'));
      assert.ok(!readdirSync(home.keys).some((file) => file.includes('gateway')));
      const { keys } = await authority.unlock();
      await keys.writeReference('device-gateway', tokenReferenceText(reference));
      await assert.rejects(makeDevCa(authority, { ...order, inToken: absent }), refusal('ca_conflict'));
      const made = await makeDevCa(authority, { ...order, inToken: reference });
      assert.equal(made.status, 'active');
    });
  });
});

test('I-12: the issuing key of a prod authority is in a token from its request to the ceremony on', async () => {
  const reference = await makeKey(hsm.addToken('prod'), 'issuing', 'ec-p384');
  const absent = { reference: { ...reference, token: 'nowhere' }, pinFile };
  const folder = at('prod');
  const prepare = (key: typeof absent) => prepareAuthority(folder, configurationOf('prod'), at('pass'), key);
  await assert.rejects(prepare(absent), refusal('hsm_token_missing'));
  assert.ok(!existsSync(folder), 'nothing was made');
  const requests = await prepare({ reference, pinFile });
  const home = authorityHome(folder);
  assert.ok(!existsSync(join(home.keys, 'device-issuing.key')));
  const stick = await newRoot(place, 'stick', 'prod');
  for (const { file } of requests) {
    await signRequest(stick, readBoundedFile(file, 64_000), termsOf(place, stick, 'stick'));
  }
  await installFirst(home, stick.folder, stick.transcript.head, at('pass'), pinFile);
  const authority = await openAuthority(folder, { passphraseFile: at('pass'), pinFile });
  const { signer } = await deviceCa(authority);
  assert.deepEqual([signer.custody, signer.keyType], ['elsewhere', 'ec-p384']);
  await authority.close();
});
