import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { verifierKey } from '@imprint/contract/audit/checkpoint';
import { verifyReceipt } from '@imprint/contract/audit/receipt';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { lineHandlers } from '../http/line-handlers.ts';
import { prepareDevice } from '../issuing/prepare.ts';
import { deviceProfile, profileOf } from '../issuing/profile.ts';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import { makeSerial } from '../issuing/serial.ts';
import { CredentialIssuing } from '../jobs/issue-credential.ts';
import { receiptOf } from '../jobs/job-view.ts';
import { type Line, openLine, requestId, signingWith, TestUnit } from '../jobs/line.test-kit.ts';
import { presentedKey } from '../jobs/presented-key.ts';
import { refuses, Walk } from '../jobs/walk.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import { collectEnrolment, confirmStation, requestEnrolment } from '../stations/enrolment.ts';
import { inviteStation } from '../stations/invite.ts';
import { openStations } from '../stations/stations.test-kit.ts';
import { addCa, rootsOf } from './cas.test-kit.ts';
import { installCa, listCas, requestCa, retireCa } from './cas.ts';
import { opensslVerify } from './hierarchy.test-kit.ts';
import { Issuers } from './issuers.ts';
import { uncovered } from './uncovered.ts';

const ids = ['GW-T100', 'GW-T101', 'GW-T102'];
const person = { kind: 'person', id: 'tester' } as const;
const wanted = { product: 'gateway', site: 'site-1', year: 2026 };

describe('which CA certifies', () => {
  let line: Line;
  beforeEach(async () => {
    line = await openLine(ids, {}, 4);
  });
  afterEach(() => line.close());

  const chosen = async (of: Partial<typeof wanted> = {}) =>
    (await line.core.issuers.choose(line.core.ledger.reader, 'device', { ...wanted, ...of })).certificate
      .sha256;
  const idOf = async (sha256: string) =>
    (await listCas(line.core.ledger.reader)).find((ca) => ca.certificate_sha256 === sha256)!.ca_id;
  const verified = (issued: { device_cert_pem: string; chain_pem: string }) => {
    const chain = [issued.device_cert_pem, issued.chain_pem].flatMap((pem) => fromPem('CERTIFICATE', pem));
    const { root } = line.hierarchy.certificates;
    const at = line.core.clock();
    assert.equal(opensslVerify(chain, root, 'sslclient', at), '');
    return verifyChain({ chain, root, at, realm: 'dev', purpose: 'device' });
  };

  test('I-9: the narrowest that is active and holds product, site and year', async () => {
    const narrowestFirst = [
      ['device-psy', wanted],
      ['device-ps', { product: 'gateway', site: 'site-1' }],
      ['device-py', { product: 'gateway', year: 2026 }],
      ['device-sy', { site: 'site-1', year: 2026 }],
      ['device-p', { product: 'gateway' }],
      ['device-s', { site: 'site-1' }],
      ['device-y', { year: 2026 }],
    ] as const;
    for (const [at, [caId, scope]] of narrowestFirst.entries()) {
      // the wider ones are the newer ones
      line.pass(1);
      await addCa(line, caId, scope);
      // as narrow, and for others
      const elsewhere = 'site' in scope ? { site: 'site-2' } : { year: 2027 + at };
      await addCa(line, `${caId}-other`, { ...scope, ...elsewhere });
    }
    assert.equal(
      await idOf(await chosen({ product: 'sensor', site: 'site-9', year: 2099 })),
      'device-issuing',
    );
    assert.equal(await idOf(await chosen({ product: 'sensor', site: 'site-2' })), 'device-sy-other');
    for (const [caId] of narrowestFirst) {
      assert.equal(await idOf(await chosen()), caId);
      await retireCa(line.core.ledger, person, caId, 'the next one');
    }
    assert.equal(await idOf(await chosen()), 'device-issuing');
  });

  test('I-9: where none holds, nothing is certified and nothing of the quota is used', async () => {
    await addCa(line, 'device-other', { product: 'sensor' });
    await addCa(line, 'device-elsewhere', { product: 'gateway', site: 'site-2' });
    await addCa(line, 'device-last-year', { product: 'gateway', year: 2025 });
    await retireCa(line.core.ledger, person, 'device-issuing', 'replaced by narrower ones');
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    await refuses(walk.issue(), 'ca_missing', /gateway, site-1, 2026/);
    await addCa(line, 'device-this-year', { product: 'gateway', year: 2026 });
    assert.equal(verified(await walk.issue()).certificate.extensions.scope?.product, 'gateway');
  });

  test('I-9: a leaf says the product and site that its CA is bound to, and openssl takes the chain', async () => {
    await addCa(line, 'device-psy', wanted);
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    const leaf = verified(await walk.issue());
    assert.deepEqual({ ...leaf.certificate.extensions.scope }, { product: 'gateway', site: 'site-1' });
  });

  test('I-8: a CA of one year signs nothing in the next, and no leaf begins before its CA’s year', async () => {
    await addCa(line, 'device-2027', { year: 2027 });
    line.pass(Date.parse('2027-01-01T00:01:00.000Z') - line.core.clock().getTime());
    const { notBefore } = (
      await line.core.issuers.choose(line.core.ledger.reader, 'device', { ...wanted, year: 2027 })
    ).certificate;
    assert.ok(notBefore < '2027');
    // the order's last day has passed, so that the certificate is prepared by itself
    const issuer = await line.core.issuers.choose(line.core.ledger.reader, 'device', {
      ...wanted,
      year: 2027,
    });
    const profile = profileOf({
      ...{ v: 1, profile: 'idevid', realm: 'dev', organization: 'Example', key_type: 'ec-p256' },
      ...{ validity: 'forever', skew_minutes: 5, hardware_type_oid: '1.3.6.1.4.1.99999.1.1' },
    });
    const unit = new TestUnit('u1');
    const facts = {
      ...{ deviceId: 'GW-T100', product: 'gateway', site: 'site-1', hardwareUid: 'mcu-uid=1' },
      ...{ keyType: 'ec-p256' as const, spki: unit.spki },
    };
    const prepare = (now: Date) =>
      prepareDevice(issuer, profile, facts, makeSerial(now, line.core.entropy), now);
    assert.equal(prepare(line.core.clock()).notBefore, '2027-01-01T00:00:00.000Z');
    await refuses(
      (async () => prepare(new Date('2028-01-01T00:00:01.000Z')))(),
      'lint_refused',
      /issuer-scope/,
    );
    await refuses((async () => prepare(new Date('2026-12-31T23:59:59.000Z')))(), 'clock_untrusted');
  });

  test('I-3: the lint refuses a unit of another product or site under a bound CA', async () => {
    await addCa(line, 'device-psy', wanted);
    const issuer = await line.core.issuers.choose(line.core.ledger.reader, 'device', wanted);
    const now = line.core.clock();
    const facts = { deviceId: 'GW-T100', hardwareUid: 'mcu-uid=1', keyType: 'ec-p256' as const };
    for (const place of [
      { product: 'sensor', site: 'site-1' },
      { product: 'gateway', site: 'site-2' },
    ]) {
      await refuses(
        (async () =>
          prepareDevice(
            issuer,
            deviceProfile(line.product.contract, 'dev'),
            { ...facts, ...place, spki: new TestUnit('u1').spki },
            makeSerial(now, line.core.entropy),
            now,
          ))(),
        'lint_refused',
        /issuer-scope/,
      );
    }
  });

  test('a job that was certified before a rotation ends under its own CA, and the next one is the successor’s', async () => {
    const first = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    const old = await first.issue();
    await addCa(line, 'device-next', {}, 'device-issuing');
    assert.deepEqual(
      (await listCas(line.core.ledger.reader)).map(({ ca_id, status }) => [ca_id, status]).sort(),
      [
        ['device-issuing', 'retired'],
        ['device-next', 'active'],
        ['station-issuing', 'active'],
      ],
    );
    const second = await Walk.open(line, new TestUnit('u2'), 'GW-T101');
    const next = await second.issue();
    assert.notEqual(next.chain_pem, old.chain_pem);
    // asked for again, it is the identical certificate with its own chain
    assert.equal((await first.issue()).chain_pem, old.chain_pem);
    for (const walk of [first, second]) {
      await walk.write();
      await walk.prove();
      await walk.seal();
      await walk.complete();
    }
    verified(old);
    verified(next);
    for (const id of ['GW-T100', 'GW-T101']) {
      const summary = verifyReceipt(await receiptOf(line.core, id), {
        logKey: verifierKey('example.com/dev', line.hierarchy.logPublicKey),
        rootDer: line.hierarchy.certificates.root,
      });
      assert.equal(summary.deviceId, id);
    }
  });

  test('I-2: an intent that was open while its CA was rotated is signed by that CA, once', async () => {
    let rotated: Promise<unknown> | undefined;
    const slow = new CredentialIssuing(
      signingWith(line.core, {
        ...line.signer,
        sign: async (message) => {
          rotated ??= addCa(line, 'device-next', {}, 'device-issuing');
          await rotated;
          return line.signer.sign(message);
        },
      }),
    );
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    const request = { request_id: requestId(), attempt: 1, key: presentedKey(walk.unit.csr()) };
    const issued = await slow.issue(line.caller, walk.jobId, request);
    assert.equal(
      sha256Hex(fromPem('CERTIFICATE', issued.chain_pem)[0]!),
      sha256Hex(line.hierarchy.certificates.issuing),
    );
    verified(issued);
  });

  test('units of one request that are certified under two CAs each get their own chain', async () => {
    const walks = [
      await Walk.open(line, new TestUnit('u1'), 'GW-T100'),
      await Walk.open(line, new TestUnit('u2'), 'GW-T101'),
    ];
    const before = await walks[0]!.issue();
    await addCa(line, 'device-next', {}, 'device-issuing');
    const handlers = lineHandlers(line.core, await openStations(line), assert.ifError);
    const units = walks.map((walk) => ({
      job_id: walk.jobId,
      ...{ request_id: requestId(), attempt: 1, key: presentedKey(walk.unit.csr()) },
    }));
    const { chain_pem, outcomes } = await handlers.issueCredentials({ units }, line.caller, {});
    assert.equal(chain_pem, before.chain_pem);
    const [first, second] = outcomes.map((outcome) =>
      'credential' in outcome ? outcome.credential : assert.fail(),
    );
    assert.equal(first!.chain_pem, undefined);
    assert.notEqual(second!.chain_pem ?? chain_pem, chain_pem);
    for (const credential of [first!, second!]) verified({ chain_pem, ...credential });
  });

  test('a process that has not the key of the CA says so, and signs under it once the key is there', async () => {
    const signer = line.signers.get('device-issuing')!;
    line.signers.delete('device-issuing');
    const bare = new Issuers('dev', async (caId) => line.signers.get(caId) ?? assert.fail(`no key ${caId}`));
    const { reader } = line.core.ledger;
    await assert.rejects(bare.choose(reader, 'device', wanted), /no key device-issuing/);
    line.signers.set('device-issuing', signer);
    assert.equal((await bare.choose(reader, 'device', wanted)).signer, signer);
    const mixedUp = new Issuers('dev', async () => line.signers.get('station-issuing')!);
    await refuses(mixedUp.openActive(reader), 'key_locked');
  });

  test('a station’s certificate says the site that its CA is bound to', async () => {
    await addCa(line, 'station-here', { site: 'site-1' });
    const stations = await openStations(line);
    const place = { stationId: 'st-9', site: 'site-1', line: 'l', lanes: 1, url: 'https://localhost:1' };
    const { secret } = parseEnrolmentToken((await inviteStation(stations, person, place)).token);
    const key = makeKey('ec-p256');
    const csr_b64 = Buffer.from(makeRequest({ key })).toString('base64');
    await requestEnrolment(stations, { token: secret, csr_b64 });
    await confirmStation(stations, person, 'st-9', sha256Hex(spkiOf(key)));
    const { certificate_pem, chain_pem } = await collectEnrolment(stations, { token: secret, csr_b64 });
    const chain = [certificate_pem!, chain_pem!].flatMap((pem) => fromPem('CERTIFICATE', pem));
    const root = chain.pop()!;
    const { certificate } = verifyChain({
      chain,
      root,
      at: line.core.clock(),
      realm: 'dev',
      purpose: 'station',
    });
    assert.deepEqual({ ...certificate.extensions.scope }, { site: 'site-1' });
  });

  test('an order is told for which of its sites and years no CA is there', async () => {
    await addCa(line, 'device-here', { product: 'gateway', site: 'site-1', year: 2026 });
    await retireCa(line.core.ledger, person, 'device-issuing', 'narrower ones');
    const asked = { product: 'gateway', sites: ['site-2'], stations: ['st-1'] };
    const times = { opensAt: '2026-12-01T00:00:00.000Z', closesAt: '2027-01-15T00:00:00.000Z' };
    assert.deepEqual(await uncovered(line.core.ledger.reader, { ...asked, ...times }), [
      { site: 'site-2', year: 2026 },
      { site: 'site-2', year: 2027 },
      { site: 'site-1', year: 2027 },
    ]);
  });

  test('a name, a key or a scope that is taken is refused, and what is asked for twice stays one', async () => {
    await addCa(line, 'device-a', { site: 'a' });
    await refuses(addCa(line, 'device-a', { site: 'b' }), 'ca_conflict', /device-a already/);
    await refuses(addCa(line, 'device-b', { site: 'a' }), 'ca_conflict', /same scope/);
    await refuses(addCa(line, 'device-c', { site: 'c' }, 'device-none'), 'unknown_ca');
    await refuses(addCa(line, 'station-c', { site: 'c' }, 'device-a'), 'ca_not_active');
    await refuses(
      installCa(line.core.ledger, person, 'device-a', line.hierarchy.certificates.issuing, rootsOf(line)),
      'ca_conflict',
      /another certificate/,
    );
    const request = {
      ...{ ca_id: 'device-d', kind: 'device' as const, subject: 'Device Issuing CA d', crl_partitions: 1 },
      ...{
        scope: { product: null, site: 'd', year: null },
        replaces: null,
        public_key_sha256: 'd'.repeat(64),
      },
    };
    const before = (await line.core.ledger.head()).size;
    await requestCa(line.core.ledger, person, request);
    await requestCa(line.core.ledger, person, request);
    assert.equal((await line.core.ledger.head()).size, before + 1);
    await refuses(requestCa(line.core.ledger, person, { ...request, crl_partitions: 2 }), 'ca_conflict');
    // a certificate for another key, another subject, another scope: none is installed
    for (const wrong of [line.hierarchy.certificates.issuing, line.hierarchy.certificates.stationCa]) {
      await refuses(
        installCa(line.core.ledger, person, 'device-d', wrong, rootsOf(line)),
        'certificate_refused',
      );
    }
  });
});
