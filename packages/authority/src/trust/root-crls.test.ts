/** Root CRLs that an authority keeps: whose they are, that none goes back, what they end, and what openssl makes of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { toBase64, toHex } from '@imprint/contract/bytes';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { type Issuer, openIssuer } from '../issuing/issuer.ts';
import { type Line, openLine } from '../jobs/line.test-kit.ts';
import { encodeCrl, encodeCrlTbs } from '../revocation/crl.ts';
import { issueDevice, opensslCrlCheck, opensslCrlText } from '../revocation/revocation.test-kit.ts';
import { RootCrlShelf } from '../revocation/root-crl-shelf.ts';
import { softwareSigner } from '../signer/software.ts';
import { addCa, rootsOf } from './cas.test-kit.ts';
import { requireCa } from './cas.ts';
import { makeTestRealm, testNow } from './hierarchy.test-kit.ts';
import { issueRootCrl, type RevokedCa } from './root-crl.ts';
import { installRootCrls, keptRootCrls, nextRootCrl } from './root-crls.ts';

const person = { kind: 'person', id: 'tester' } as const;
const publicUrl = 'http://pki.example.com';
const year = { thisUpdate: '2026-11-24T08:00:00.000Z', nextUpdate: '2027-11-24T08:00:00.000Z' };

describe('root CRLs', () => {
  let line: Line;
  let roots: Record<'device' | 'station', Issuer>;
  before(async () => {
    line = await openLine(['SN-00000001']);
    const { certificates, keys } = line.hierarchy;
    roots = {
      device: openIssuer(certificates.root, softwareSigner(keys.root), 'dev'),
      station: openIssuer(certificates.stationRoot, softwareSigner(keys.stationRoot), 'dev'),
    };
  });
  after(() => line.close());

  const crl = (number: number, revoked: RevokedCa[] = [], by: 'device' | 'station' = 'device') =>
    issueRootCrl(roots[by], { number, ...year, revoked });
  const install = (der: Uint8Array, branch: 'device' | 'station' = 'device') =>
    installRootCrls(line.core.ledger, person, [{ branch, der }], rootsOf(line));
  const size = async () => (await line.core.ledger.head()).size;
  const refused = { code: 'ceremony_invalid' };

  test('a list under another name or key identifier is no CRL of this root, though its key has signed it', async () => {
    const { device, station } = roots;
    const list = { number: 9, ...year, revoked: [] };
    const named = { ...device, certificate: station.certificate };
    await assert.rejects(install(await issueRootCrl(named, list)), { ...refused, message: /another root’s/ });
    const keyed = { ...device, keyIdentifier: station.keyIdentifier };
    await assert.rejects(install(await issueRootCrl(keyed, list)), { ...refused, message: /another key/ });
    const forged = { ...device, signer: station.signer };
    await assert.rejects(install(await issueRootCrl(forged, list)), { ...refused, message: /not signed it/ });
  });

  test('I-17: the number of a root’s CRL goes up: the same one again is nothing, an older or another one is refused', async () => {
    const second = await crl(2);
    assert.deepEqual(await install(second), [
      { branch: 'device', number: 2, nextUpdate: year.nextUpdate, isNew: true, retired: [] },
    ]);
    const before = await size();
    assert.equal((await install(second))[0]!.isNew, false);
    await assert.rejects(install(await crl(1)), { ...refused, message: /would go back, from 2 to 1/ });
    await assert.rejects(install(await crl(2)), { ...refused, message: /another CRL 2/ });
    assert.equal(await size(), before);
    // the other root counts for itself
    assert.equal((await install(await crl(1, [], 'station'), 'station'))[0]!.isNew, true);
    assert.deepEqual(
      (await keptRootCrls(line.core.ledger.reader)).map(({ branch, number }) => [branch, number]),
      [
        ['device', 2],
        ['station', 1],
      ],
    );
  });

  test('a CRL of the other root, or one whose bytes were changed, is nobody’s', async () => {
    await assert.rejects(install(await crl(9, [], 'station')), refused);
    const changed = await crl(9);
    changed[changed.length - 1]! ^= 1;
    await assert.rejects(install(changed), refused);
  });

  test('I-17: the tables refuse a number that goes back, whoever wrote the entry', async () => {
    const der = await crl(1);
    const data = {
      ...{ branch: 'device' as const, number: 1, revoked: 0, crl_sha256: '0'.repeat(64) },
      ...{ this_update: year.thisUpdate, next_update: year.nextUpdate, crl_b64: toBase64(der) },
    };
    await assert.rejects(line.record({ type: 'root-crl.installed', actor: person, data }), {
      code: 'log_inconsistent',
    });
  });

  test('a CA that its root revokes certifies nobody from then on, and the others go on', async () => {
    const ca = await addCa(line, 'device-gateway', { product: 'gateway' });
    const { serialHex: serial } = parseCertificate(ca.certificate!);
    const revoked = [{ serial, revokedAt: year.thisUpdate, reason: 'ca-compromise' as const }];
    const [done] = await install(await crl(3, revoked));
    assert.deepEqual(done!.retired, ['device-gateway']);
    const { reader } = line.core.ledger;
    const now = await requireCa(reader, 'device-gateway');
    assert.deepEqual([now.status, now.reason], ['retired', 'revoked by CRL 3 of the device root']);
    assert.equal((await requireCa(reader, 'device-issuing')).status, 'active');
    // what the last one revokes stays revoked in the next
    const kept = (await keptRootCrls(reader)).find(({ branch }) => branch === 'device')!;
    const next = await nextRootCrl(roots.device, kept, new Date(year.thisUpdate), 30);
    assert.match(opensslCrlText(next, roots.device.certificate.der), new RegExp(serial, 'i'));
    assert.deepEqual((await install(next))[0], {
      ...{ branch: 'device', number: 4, nextUpdate: '2026-12-24T08:00:00.000Z' },
      ...{ isNew: true, retired: [] },
    });
  });

  test('it is given under the key identifier of the root alone, and only as it was installed', async () => {
    const { ledger } = line.core;
    const shelf = new RootCrlShelf(ledger.reader, rootsOf(line));
    const key = toHex(roots.device.keyIdentifier);
    const served = (await shelf.get(key, 0))!;
    assert.equal(served.number, 4);
    assert.equal(await shelf.get(key, 1), undefined);
    assert.equal(await shelf.get('00'.repeat(20), 0), undefined);
  });
});

test('openssl -crl_check_all takes a leaf under the CRLs of its CA and of the root that its CA’s certificate names', async () => {
  const realm = await makeTestRealm('dev', undefined, publicUrl);
  const { certificates, keys } = realm.hierarchy;
  const root = openIssuer(certificates.root, softwareSigner(keys.root), 'dev');
  const { extensions, serialHex } = realm.issuing.certificate;
  assert.equal(extensions.crlDistributionPoints, `${publicUrl}/crl/${toHex(root.keyIdentifier)}/0.crl`);
  const { certificate } = await issueDevice(realm.issuing);
  const times = { thisUpdate: testNow.toISOString(), nextUpdate: '2027-01-09T08:00:00.000Z' };
  const tbs = encodeCrlTbs(
    {
      ...{ signerKeyType: 'ec-p256', issuer: realm.issuing.certificate.subject.der, number: 1, ...times },
      keyIdentifier: realm.issuing.keyIdentifier,
    },
    [],
  );
  const ofCa = encodeCrl(tbs, 'ec-p256', await realm.issuing.signer.sign(tbs));
  const all = (...lists: Uint8Array[]) =>
    opensslCrlCheck(realm, certificate, lists, testNow, '-crl_check_all');
  const whole = await issueRootCrl(root, { number: 1, ...times, revoked: [] });
  assert.equal(all(ofCa, whole), '');
  assert.match(all(ofCa), /unable to get certificate CRL/);
  const revoked = [{ serial: serialHex, revokedAt: times.thisUpdate, reason: 'ca-compromise' as const }];
  assert.match(all(ofCa, await issueRootCrl(root, { number: 2, ...times, revoked })), /certificate revoked/);
});
