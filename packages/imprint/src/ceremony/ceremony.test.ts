import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ada, inTwo } from '@imprint/authority/access/two-people.test-kit';
import { openIssuer } from '@imprint/authority/issuing/issuer';
import { makeKey, softwareSigner } from '@imprint/authority/signer/software';
import { furtherCa } from '@imprint/authority/trust/ca-request';
import { readCaRequest, writeCaRequest } from '@imprint/authority/trust/ca-request-file';
import { listCas } from '@imprint/authority/trust/cas';
import { issueIntermediate } from '@imprint/authority/trust/issue-ca';
import { nextLine } from '@imprint/authority/trust/transcript';
import type { ErrorCode } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { toPem } from '@imprint/contract/x509/pem';
import { verifyCa } from '@imprint/contract/x509/verify-chain';
import { isWaiting } from '../authority-home.ts';
import { initAuthority } from '../init-authority.ts';
import { installFirst, installFurther } from '../install-answers.ts';
import { askElsewhere } from '../make-ca.ts';
import { openAuthority, systemEntropy } from '../open-authority.ts';
import {
  ceremony,
  configurationOf,
  contentOf,
  copyOf,
  newRoot,
  organization,
  passphrase,
  people,
  scratch,
  stoppedAt,
  termsOf,
  waitingHome,
} from './ceremony.test-kit.ts';
import { checkStick } from './check-stick.ts';
import { createRoot } from './create-root.ts';
import { issueNextCrl } from './issue-root-crl.ts';
import { twoPeople } from './people.ts';
import { openRoot, rootCertificate } from './root-keys.ts';
import { signRequest } from './sign-request.ts';
import { Stick } from './stick.ts';

const now = () => new Date();
const refuses = (act: Promise<unknown>, code: ErrorCode, message?: RegExp) =>
  assert.rejects(act, { code, ...(message === undefined ? {} : { message }) });
const throws = (act: () => unknown, code: ErrorCode, message?: RegExp) =>
  assert.throws(act, { code, ...(message === undefined ? {} : { message }) });

describe('the ceremony of a root', () => {
  const place = scratch();
  const { at } = place;
  let prod: Awaited<ReturnType<typeof ceremony>>;
  before(async () => {
    prod = await ceremony(place, 'prod');
  });
  after(() => place.remove());

  test('ends in an authority of the realm, which never saw a root key and can sign for its devices', async () => {
    const { home, stick } = prod;
    assert.deepEqual(
      readdirSync(home.keys).filter((file) => /root/.test(file)),
      [],
    );
    const authority = await openAuthority(home.folder, { passphraseFile: at('pass') });
    const { line } = await authority.unlock();
    const { reader } = authority.ledger;
    const issuer = await line.issuers.choose(reader, 'device', { product: 'p', site: 's', year: 2026 });
    const root = rootCertificate(stick, 'device');
    const certificate = issuer.certificate.der;
    verifyCa({ certificate, root, at: now(), realm: 'prod', branch: 'device' });
    assert.deepEqual(
      (await listCas(reader)).map(({ ca_id, status }) => [ca_id, status]),
      [
        ['device-issuing', 'active'],
        ['station-issuing', 'active'],
      ],
    );
    await authority.close();
  });

  test('it has every key that an authority of dev has, save the roots’', async () => {
    const { home } = await ceremony(place, 'test', 'keys');
    const { folder } = await initAuthority(place.at('keys-dev'), configurationOf('dev'));
    const keysOf = (keys: string) =>
      readdirSync(keys)
        .filter((file) => file.endsWith('.key'))
        .sort();
    assert.deepEqual(
      keysOf(home.keys),
      keysOf(join(folder, 'keys')).filter((file) => !file.includes('root')),
    );
  });

  test('openssl agrees with the roots and what they signed', () => {
    const pem = (file: string) => join(prod.stick.folder, file);
    for (const branch of ['device', 'station']) {
      const root = pem(`certificates/${branch}-root.pem`);
      const said = execFileSync('openssl', [
        'verify',
        '-x509_strict',
        '-check_ss_sig',
        '-CAfile',
        root,
        pem(`issued/${branch}-issuing.pem`),
      ]);
      assert.match(String(said), /OK/);
    }
  });

  test('one person is not two, however the name is written', async () => {
    for (const second of ['A. Abel', ' a. abel ', 'A.  ABEL', '\uff21. Abel']) {
      await refuses(twoPeople(['A. Abel', second]), 'not_authorized');
    }
    for (const names of [['A'], ['A', ''], ['A', 'B', 'C'], ['A', 'B\x07']]) {
      await refuses(twoPeople(names), 'usage');
    }
    assert.deepEqual(await twoPeople(['A. Abel ', 'Bé']), ['A. Abel', 'Bé']);
  });

  test('a second root is never made: not on this stick, not with these keys, and no key goes onto the stick', async () => {
    const before_ = contentOf(at('prod-stick'));
    const terms = { realm: 'prod' as const, organization, people, now, passphrase: async () => passphrase };
    const again = (stick: string, keyFolder: string) =>
      createRoot(Stick.open(at(stick)), { ...terms, keyFolder: at(keyFolder) });
    await refuses(again('prod-stick', 'other-keys'), 'home_exists');
    await refuses(again('empty', 'prod-stick-keys'), 'home_exists', /not on this stick/);
    await refuses(again('fresh', 'fresh/keys'), 'path_refused');
    assert.deepEqual(contentOf(at('prod-stick')), before_);
  });

  test('broken off anywhere, creating goes on with the same keys, and with nothing else', async () => {
    const whole = await newRoot(place, 'whole', 'test');
    const lines = readFileSync(join(whole.folder, 'transcript.jsonl'), 'utf8').split('\n');
    const [device, station] = ['device', 'station'].map((branch) =>
      sha256Hex(rootCertificate(whole, branch as 'device')),
    );
    const terms = {
      organization,
      people,
      now,
      passphrase: async () => passphrase,
      keyFolder: at('whole-keys'),
    };
    for (const missing of [[], ['station-root.pem'], ['station-root.pem', 'device-root.pem']]) {
      for (const torn of ['', lines[1]!.slice(0, 40)]) {
        const folder = copyOf(place, whole, 'begun');
        writeFileSync(join(folder, 'transcript.jsonl'), `${lines[0]}\n${torn}`);
        for (const file of missing) rmSync(join(folder, 'certificates', file));
        stoppedAt(folder, at('whole-keys'));
        throws(() => Stick.ofRoot(folder), 'ceremony_invalid', /begun and not created/);
        await refuses(createRoot(Stick.open(folder), { ...terms, realm: 'prod' }), 'realm_mismatch');
        const stick = Stick.open(folder);
        await createRoot(stick, { ...terms, realm: 'test' });
        const { roots } = checkStick(stick);
        if (!missing.includes('device-root.pem')) assert.equal(roots.device.sha256, device);
        if (!missing.includes('station-root.pem')) assert.equal(roots.station.sha256, station);
        await openRoot(stick, at('whole-keys'), passphrase, 'device');
      }
    }
    const folder = copyOf(place, whole, 'begun');
    writeFileSync(join(folder, 'transcript.jsonl'), `${lines[0]}\n`);
    const otherKeys = { ...terms, realm: 'test' as const, keyFolder: at('yet-other-keys') };
    await refuses(createRoot(Stick.open(folder), otherKeys), 'key_locked', /not the certificate of the key/);
  });

  test('a request is signed once, also when the signing was broken off after it', async () => {
    const stick = await newRoot(place, 'once', 'test');
    const { text } = await waitingHome(place, 'once-home', 'test');
    const terms = termsOf(place, stick, 'once');
    assert.equal(await signRequest(stick, text('device-issuing'), terms), true);
    const issued = readFileSync(join(stick.folder, 'issued/device-issuing.pem'), 'utf8');
    const bundle = readFileSync(join(stick.folder, 'bundles/bundle-1.json'), 'utf8');
    const { length } = stick.transcript.lines;
    assert.equal(await signRequest(stick, text('device-issuing'), terms), false);
    assert.equal(stick.transcript.lines.length, length);
    const lines = readFileSync(join(stick.folder, 'transcript.jsonl'), 'utf8').split('\n').slice(0, -1);
    for (const kept of [length - 1, length - 2]) {
      const folder = copyOf(place, stick, 'stopped');
      writeFileSync(join(folder, 'transcript.jsonl'), `${lines.slice(0, kept).join('\n')}\n{"act`);
      stoppedAt(folder, at('once-keys'));
      const stopped = Stick.open(folder);
      await signRequest(stopped, text('device-issuing'), termsOf(place, stopped, 'once'));
      checkStick(stopped);
      assert.equal(readFileSync(join(folder, 'issued/device-issuing.pem'), 'utf8'), issued);
      assert.equal(readFileSync(join(folder, 'bundles/bundle-1.json'), 'utf8'), bundle);
      assert.deepEqual(readdirSync(join(folder, 'bundles')), ['bundle-1.json']);
    }
  });

  test('I-20: the request of another realm or organization, or one that was changed, is signed by nobody', async () => {
    const { stick, terms } = prod;
    const { text } = await waitingHome(place, 'test-home', 'test');
    const before_ = contentOf(stick.folder);
    await refuses(
      signRequest(stick, text('device-issuing'), terms),
      'realm_mismatch',
      /request is of the realm test/,
    );
    const other = await waitingHome(place, 'other-org', 'prod', 'Other Works');
    await refuses(
      signRequest(stick, other.text('device-issuing'), terms),
      'ceremony_invalid',
      /organization/,
    );
    const own = readFileSync(join(prod.home.requests, 'device-issuing.json'), 'utf8');
    for (const changed of [
      own.replace('"product":null', '"product":"gateway"'),
      own.replace('"year":null', '"year":2030'),
      own.replace('"crl_partitions":1', '"crl_partitions":64'),
      own.replace('"kind":"device"', '"kind":"station"'),
      own.replace(/"log_id":"./, '"log_id":"f'),
      `${own} `,
      own.slice(0, -3),
      '{}',
      '',
    ]) {
      assert.notEqual(changed, own);
      await refuses(signRequest(stick, changed, terms), 'ceremony_invalid');
    }
    // the same name by another authority of the realm
    const twin = await waitingHome(place, 'twin', 'prod');
    await refuses(signRequest(stick, twin.text('device-issuing'), terms), 'ca_conflict');
    assert.deepEqual(contentOf(stick.folder), before_);
  });

  test('a name or a key that was signed, a root’s own key and a year that is over are refused', async () => {
    const stick = await newRoot(place, 'names', 'test');
    const terms = termsOf(place, stick, 'names');
    const signer = softwareSigner(makeKey('ec-p256'));
    const asked = (caId: string, of = signer, year: number | null = null) =>
      writeCaRequest(
        { realm: 'test', organization, log_id: '0'.repeat(64), made_at: now().toISOString() },
        { ...furtherCa(caId, { ...anyScope, year }), public_key_sha256: sha256Hex(of.spki) },
        of,
      );
    await signRequest(stick, await asked('device-a'), terms);
    await refuses(signRequest(stick, await asked('device-b'), terms), 'ca_conflict');
    const another = softwareSigner(makeKey('ec-p256'));
    await refuses(signRequest(stick, await asked('device-a', another), terms), 'ca_conflict');
    await refuses(
      signRequest(stick, await asked('device-c', another, 2020), terms),
      'ceremony_invalid',
      /over/,
    );
    const root = await terms.openRoot('device');
    await refuses(
      signRequest(stick, await asked('device-d', root.signer as never), terms),
      'ceremony_invalid',
      /root/,
    );
    // ECDSA signs the same request in another way each time: another file, so another request
    await refuses(signRequest(stick, await asked('device-a'), terms), 'ca_conflict');
  });

  test('half a ceremony, the wrong stick and a wrong head install nothing, and the home waits on', async () => {
    const stick = await newRoot(place, 'half', 'test');
    const { home, text } = await waitingHome(place, 'half-home', 'test');
    const terms = termsOf(place, stick, 'half');
    const install = (from = stick, head = from.transcript.head) =>
      installFirst(home, from.folder, head, at('pass'));
    const before_ = contentOf(home.folder);
    await refuses(openAuthority(home.folder), 'home_missing', /waits for its roots to sign requests/);
    await refuses(installFirst(home, at('nowhere'), '0', at('pass')), 'file_invalid', /no transcript/);
    await refuses(install(), 'ceremony_invalid', /no answer to device-issuing/);
    await signRequest(stick, text('device-issuing'), terms);
    await refuses(install(), 'ceremony_invalid', /no answer to station-issuing/);
    await signRequest(stick, text('station-issuing'), terms);
    await refuses(install(stick, '0'.repeat(64)), 'ceremony_invalid', /written down/);
    await refuses(install(prod.stick), 'realm_mismatch');
    const otherAuthority = await ceremony(place, 'test', 'other-test');
    await refuses(install(otherAuthority.stick), 'ceremony_invalid', /another request/);
    await issueNextCrl(
      stick,
      { branch: 'device', revoke: ['device-issuing'], reason: 'superseded', days: 30 },
      terms,
    );
    await refuses(install(), 'certificate_refused', /revoked/);
    assert.deepEqual(contentOf(home.folder), before_);
    assert.ok(isWaiting(home));
  });

  test('broken off while installing, the home waits on and the next run completes it', async () => {
    const stick = await newRoot(place, 'twice', 'test');
    const { home, text } = await waitingHome(place, 'twice-home', 'test');
    const terms = termsOf(place, stick, 'twice');
    for (const caId of ['device-issuing', 'station-issuing']) await signRequest(stick, text(caId), terms);
    await installFirst(home, stick.folder, stick.transcript.head, at('pass'));
    // as it was before the last step
    renameSync(home.configurationFile, home.waitingFile);
    await installFirst(home, stick.folder, stick.transcript.head, at('pass'));
    const authority = await openAuthority(home.folder, { passphraseFile: at('pass') });
    assert.equal((await authority.ledger.head()).size, 6);
    await authority.unlock();
    await authority.close();
  });

  test('I-9: an answer with another scope, subject, key or organization than was asked for is refused, however it is recorded', async () => {
    const stick = await newRoot(place, 'forged', 'test');
    const { home, text } = await waitingHome(place, 'forged-home', 'test');
    const terms = termsOf(place, stick, 'forged');
    const root = await terms.openRoot('device');
    const { spki } = softwareSigner(makeKey('ec-p256'));
    const request = JSON.parse(text('device-issuing'));
    const own = readCaRequest(text('device-issuing'));
    for (const [subject, scope, key, of = organization] of [
      [request.subject, { ...anyScope, product: 'gateway' }, own.publicKey.spki],
      ['Device Issuing CA other', anyScope, own.publicKey.spki],
      [request.subject, anyScope, spki],
      [request.subject, anyScope, own.publicKey.spki, 'Other Works'],
    ] as [string, typeof anyScope, Uint8Array, string?][]) {
      const folder = copyOf(place, stick, 'spoilt');
      const spoilt = Stick.open(folder);
      const by = { realm: 'test' as const, organization: of, now: now(), entropy: systemEntropy };
      const der = await issueIntermediate(by, { subject, scope }, root, key);
      const [asked, issued] = [
        spoilt.write('requests/device-issuing.json', text('device-issuing')),
        spoilt.write('issued/device-issuing.pem', toPem('CERTIFICATE', der)),
      ];
      const act = { realm: 'test' as const, organization, people, number: null, at: now().toISOString() };
      spoilt.record({ ...act, act: 'ca.signed', subject: 'device-issuing', in: [asked], out: [issued] });
      throws(() => checkStick(spoilt), 'certificate_refused', /not the one that was asked for/);
      await refuses(installFirst(home, folder, spoilt.transcript.head, at('pass')), 'certificate_refused');
    }
    assert.ok(isWaiting(home));
  });

  test('a further CA is asked for, signed and installed; the bundle goes up, and the stick of other roots is refused', async () => {
    const { stick, home, terms } = prod;
    const opened = await openAuthority(home.folder, { passphraseFile: at('pass') });
    const two = await inTwo(opened.ledger, systemEntropy);
    const authority = { ...opened, person: ada, ledger: two };
    await refuses(
      askElsewhere(opened, { kind: 'device', scope: { ...anyScope, site: 'x' } }),
      'account_disabled',
    );
    try {
      const order = { kind: 'device', scope: { ...anyScope, product: 'gateway' } } as const;
      const asked = await askElsewhere(authority, order);
      assert.deepEqual(await askElsewhere(authority, order), asked);
      await refuses(
        installFurther(authority, stick.folder),
        'ceremony_invalid',
        /no answer to device-gateway/,
      );
      const strange = await newRoot(place, 'strange', 'prod');
      await signRequest(strange, readFileSync(asked.file, 'utf8'), termsOf(place, strange, 'strange'));
      await refuses(installFurther(authority, strange.folder), 'realm_mismatch', /other roots/);
      await signRequest(stick, readFileSync(asked.file, 'utf8'), terms);
      const { installed, bundle } = await installFurther(authority, stick.folder);
      assert.deepEqual(
        installed.map(({ ca_id, status }) => [ca_id, status]),
        [['device-gateway', 'active']],
      );
      assert.equal(bundle, 2);
      assert.deepEqual((await installFurther(authority, stick.folder)).installed, []);

      const older = copyOf(place, stick, 'before-its-crl');
      const order_ = {
        branch: 'device',
        revoke: ['device-gateway'],
        reason: 'ca-compromise',
        days: 30,
      } as const;
      await issueNextCrl(stick, { ...order_, revoke: [] }, terms);
      await issueNextCrl(stick, order_, terms);
      const [crl] = (await installFurther(authority, stick.folder)).crls;
      assert.deepEqual(
        [crl!.branch, crl!.number, crl!.isNew, crl!.retired],
        ['device', 2, true, ['device-gateway']],
      );
      const stale = Stick.open(older);
      await issueNextCrl(stale, { ...order_, revoke: [] }, terms);
      await refuses(installFurther(authority, older), 'ceremony_invalid', /would go back, from 2 to 1/);
    } finally {
      await opened.close();
    }
  });

  test('a CRL is the root’s, complete and numbered upwards, and openssl takes it', async () => {
    const stick = await newRoot(place, 'crl', 'test');
    const { text } = await waitingHome(place, 'crl-home', 'test');
    const terms = termsOf(place, stick, 'crl');
    await signRequest(stick, text('device-issuing'), terms);
    const order = {
      branch: 'device' as const,
      revoke: [] as string[],
      reason: 'superseded' as const,
      days: 30,
    };
    const first = await issueNextCrl(stick, order, terms);
    assert.deepEqual([first.crl.number, first.crl.revoked], [1, []]);
    await refuses(issueNextCrl(stick, { ...order, revoke: ['device-none'] }, terms), 'unknown_ca');
    await refuses(
      issueNextCrl(stick, { ...order, branch: 'station', revoke: ['device-issuing'] }, terms),
      'unknown_ca',
    );
    const second = await issueNextCrl(
      stick,
      { ...order, revoke: ['device-issuing'], reason: 'ca-compromise' },
      terms,
    );
    // one that was signed before a stop counts
    const lines = readFileSync(join(stick.folder, 'transcript.jsonl'), 'utf8').split('\n').slice(0, -2);
    writeFileSync(join(stick.folder, 'transcript.jsonl'), `${lines.join('\n')}\n`);
    stoppedAt(stick.folder, at('crl-keys'));
    const stopped = Stick.open(stick.folder);
    const third = await issueNextCrl(stopped, order, termsOf(place, stopped, 'crl'));
    assert.deepEqual([third.crl.number, third.crl.revoked.length], [3, 1]);
    checkStick(stopped);
    for (const { file } of [first, second, third]) {
      const path = join(stick.folder, file);
      const root = join(stick.folder, 'certificates/device-root.pem');
      const { stderr } = run('openssl', ['crl', '-inform', 'DER', '-in', path, '-noout', '-CAfile', root]);
      assert.match(stderr, /verify OK/);
    }
    const crlPem = join(stick.folder, 'crl.pem');
    execFileSync('openssl', ['crl', '-inform', 'DER', '-in', join(stick.folder, third.file), '-out', crlPem]);
    const root = join(stick.folder, 'certificates/device-root.pem');
    const issued = join(stick.folder, 'issued/device-issuing.pem');
    const checked = run('openssl', ['verify', '-crl_check', '-CRLfile', crlPem, '-CAfile', root, issued]);
    assert.match(checked.stderr, /certificate revoked/);
  });

  test('each line that is changed, dropped, doubled or put elsewhere is found, and each file', async () => {
    const stick = prod.stick;
    const head = stick.transcript.head;
    const text = readFileSync(join(stick.folder, 'transcript.jsonl'), 'utf8');
    const lines = text.split('\n').slice(0, -1);
    /** Only what is at the very end takes the head on paper to be found. */
    const spoilt = (change: (folder: string) => void, written?: string) => {
      const folder = copyOf(place, stick, 'spoilt');
      change(folder);
      throws(() => checkStick(Stick.ofRoot(folder), written), 'ceremony_invalid');
    };
    const withLines = (changed: readonly string[], written?: string) =>
      spoilt((folder) => writeFileSync(join(folder, 'transcript.jsonl'), `${changed.join('\n')}\n`), written);
    for (const [n, line] of lines.entries()) {
      const end = n === lines.length - 1 ? head : undefined;
      withLines(lines.toSpliced(n, 1), end);
      withLines(lines.toSpliced(n, 0, line));
      withLines(lines.with(n, line.replace('B. Baker', 'B. Bader')), end);
      if (n > 0) withLines(lines.with(n, lines[n - 1]!).with(n - 1, line));
    }
    // a line that follows well, and that nobody wrote down
    const last = stick.transcript.lines.at(-1)!;
    const { v: _v, seq: _s, previous: _p, ...act } = last;
    const more = nextLine(stick.transcript, act);
    spoilt((folder) => appendFileSync(join(folder, 'transcript.jsonl'), more), head);
    const named = new Set(
      stick.transcript.lines.flatMap((line) => [...line.in, ...line.out].map(({ file }) => file)),
    );
    assert.ok(named.size >= 8);
    for (const file of named) {
      spoilt((folder) => rmSync(join(folder, file)));
      spoilt((folder) => appendFileSync(join(folder, file), '\n'));
    }
    checkStick(Stick.ofRoot(copyOf(place, stick, 'spoilt')), head);
  });

  test('the bundle on the stick is taken by whoever pins the root, and by nobody else', async () => {
    const { bundle, roots } = checkStick(prod.stick);
    const found = verifyTrustBundle(bundle!, { root: roots.device.der, realm: 'prod' });
    assert.ok(found.intermediates.length >= 1);
    const other = openIssuer(
      rootCertificate(prod.stick, 'station'),
      (await prod.terms.openRoot('station')).signer,
      'prod',
    );
    throws(
      () => verifyTrustBundle(bundle!, { root: other.certificate.der, realm: 'prod' }),
      'bundle_invalid',
    );
  });
});

function run(command: string, args: string[]): { stderr: string } {
  return { stderr: String(spawnSync(command, args).stderr) };
}
