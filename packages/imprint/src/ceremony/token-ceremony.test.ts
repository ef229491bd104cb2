/** A ceremony whose root keys are in a real token, for an authority whose issuing key is in one too. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { makeKey } from '@imprint/authority/signer/pkcs11/token-signer.test-kit';
import { verifyCa } from '@imprint/contract/x509/verify-chain';
import { authorityHome } from '../authority-home.ts';
import { installFirst } from '../install-answers.ts';
import { openAuthority } from '../open-authority.ts';
import { prepareAuthority } from '../prepare-authority.ts';
import { configurationOf, organization, passphrase, people, scratch } from './ceremony.test-kit.ts';
import { checkStick } from './check-stick.ts';
import { createRoot } from './create-root.ts';
import { issueNextCrl } from './issue-root-crl.ts';
import { openRootKeys, rootCertificate, rootIssuer } from './root-keys.ts';
import { type SignTerms, signRequest } from './sign-request.ts';
import { Stick } from './stick.ts';

const hsm = startSoftHsm();
const { at, remove } = scratch();
after(() => {
  remove();
  hsm.remove();
});
const now = () => new Date();

test('I-12: root and issuing keys that were made in tokens sign there, and no folder holds them', async () => {
  const pinFile = at('pin');
  writeFileSync(pinFile, `${testPin}\n`, { mode: 0o600 });
  writeFileSync(at('pass'), 'a passphrase\n', { mode: 0o600 });
  const roots = hsm.addToken('roots');
  const device = await makeKey(roots, 'device root', 'ec-p384');
  const issuing = await makeKey(hsm.addToken('issuing'), 'issuing', 'ec-p256');

  const stick = Stick.open(at('stick'));
  const keyFolder = at('keys');
  const terms = {
    realm: 'prod' as const,
    organization,
    people,
    keyFolder,
    now,
    passphrase: async () => passphrase,
  };
  await createRoot(stick, { ...terms, tokens: { device }, pinFile });
  assert.deepEqual(readdirSync(keyFolder).sort(), [
    'device-root.token.json',
    'folder.json',
    'station-root.key',
    'transcript-head.json',
  ]);

  const configuration = configurationOf('prod');
  const carried = await prepareAuthority(at('home'), configuration, at('pass'), {
    reference: issuing,
    pinFile,
  });
  assert.ok(!readdirSync(at('home', 'keys')).includes('device-issuing.key'));

  const signers = await openRootKeys(stick, keyFolder, passphrase, pinFile);
  try {
    const signing: SignTerms = { people, now, openRoot: (branch) => rootIssuer(stick, signers, branch) };
    for (const { file } of carried) await signRequest(stick, readFileSync(file, 'utf8'), signing);
    await issueNextCrl(stick, { branch: 'device', revoke: [], reason: 'superseded', days: 30 }, signing);
  } finally {
    await signers.close();
  }
  const { head } = checkStick(stick);
  const home = authorityHome(at('home'));
  await installFirst(home, stick.folder, head, at('pass'), pinFile);

  const authority = await openAuthority(home.folder, { passphraseFile: at('pass'), pinFile });
  try {
    const { line } = await authority.unlock();
    const wanted = { product: 'p', site: 's', year: 2026 };
    const issuer = await line.issuers.choose(authority.ledger.reader, 'device', wanted);
    assert.equal(issuer.signer.custody, 'elsewhere');
    const root = rootCertificate(stick, 'device');
    verifyCa({ certificate: issuer.certificate.der, root, at: now(), realm: 'prod', branch: 'device' });
  } finally {
    await authority.close();
  }
  for (const file of readdirSync(stick.folder, { recursive: true, encoding: 'utf8' })) {
    if (/\.(json|jsonl|pem)$/.test(file))
      assert.ok(!readFileSync(join(stick.folder, file), 'utf8').includes(testPin));
  }
});
