import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { before, describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { openIssuer } from '../issuing/issuer.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { makeTestRealm, opensslText, opensslVerify, type TestRealm, testNow } from './hierarchy.test-kit.ts';
import { createHierarchy, issueServerCertificate, logId } from './hierarchy.ts';

let dev: TestRealm;
let prod: TestRealm;
before(async () => {
  [dev, prod] = await Promise.all([makeTestRealm('dev'), makeTestRealm('prod')]);
});

describe('hierarchy', () => {
  test('openssl agrees with both roots and all that hangs under them', () => {
    const { root, issuing, stationRoot, stationCa, server } = dev.hierarchy.certificates;
    assert.equal(opensslVerify([root], root, 'any'), '');
    assert.equal(opensslVerify([issuing], root, 'any'), '');
    assert.equal(opensslVerify([stationRoot], stationRoot, 'any'), '');
    assert.equal(opensslVerify([stationCa], stationRoot, 'any'), '');
    assert.equal(opensslVerify([server, stationCa], stationRoot, 'sslserver'), '');
    assert.notEqual(opensslVerify([server, stationCa], stationRoot, 'sslclient'), '');
    assert.notEqual(opensslVerify([issuing], stationRoot, 'any'), '');
    assert.notEqual(opensslVerify([stationCa], root, 'any'), '');
  });

  test('the contract verifies the server certificate with its names', () => {
    const { stationRoot, stationCa, server } = dev.hierarchy.certificates;
    const leaf = verifyChain({
      chain: [server, stationCa],
      root: stationRoot,
      at: testNow,
      realm: 'dev',
      purpose: 'server',
    });
    assert.deepEqual(leaf.dnsNames, ['localhost', 'authority.example.com']);
    assert.deepEqual(leaf.ipAddresses, ['127.0.0.1', '0:0:0:0:0:0:0:1', '2001:db8:0:0:0:0:0:10']);
    const node = new X509Certificate(server);
    for (const ip of ['127.0.0.1', '::1', '2001:db8::10']) assert.equal(node.checkIP(ip), ip);
    assert.equal(node.checkHost('authority.example.com'), 'authority.example.com');
    assert.equal(node.checkHost('evil.example.com'), undefined);
  });

  test('I-20: realm and policy stand in every certificate, and no chain crosses realms', () => {
    for (const der of Object.values(dev.hierarchy.certificates)) {
      const text = opensslText(der);
      assert.match(text, /Policy: 2\.25\.323525551891398393023663731975657606703/);
      assert.match(text, /Issuer: O = Example Devices, OU = imprint realm dev, CN = /);
    }
    const { stationRoot, stationCa, server } = prod.hierarchy.certificates;
    assert.throws(
      () =>
        verifyChain({
          chain: [server, stationCa],
          root: stationRoot,
          at: testNow,
          realm: 'dev',
          purpose: 'server',
        }),
      (error) => isImprintError(error, 'certificate_refused') && error.context.reason === 'realm_mismatch',
    );
    assert.throws(
      () => openIssuer(prod.hierarchy.certificates.issuing, prod.issuing.signer, 'dev'),
      (error) => isImprintError(error, 'certificate_refused'),
    );
  });

  test('I-8: CAs have no end, so that no birth certificate outlives its issuer', () => {
    for (const name of ['root', 'issuing', 'stationRoot', 'stationCa'] as const) {
      const certificate = parseCertificate(dev.hierarchy.certificates[name]);
      assert.equal(certificate.notAfter, '9999-12-31T23:59:59.000Z');
      assert.equal(certificate.notBefore, '2026-01-01T00:00:00.000Z');
    }
  });

  test('no CA can stand beneath an issuing CA', () => {
    assert.equal(dev.issuing.certificate.extensions.basicConstraints?.pathLength, 0);
    assert.equal(dev.stationCa.certificate.extensions.basicConstraints?.pathLength, 0);
  });

  test('every key, serial and name is another', () => {
    const certificates = Object.values(dev.hierarchy.certificates).map(parseCertificate);
    for (const field of [
      (c: (typeof certificates)[0]) => Buffer.from(c.publicKey.spki).toString('hex'),
      (c: (typeof certificates)[0]) => c.serialHex,
      (c: (typeof certificates)[0]) => Buffer.from(c.subject.der).toString('hex'),
    ]) {
      assert.equal(new Set(certificates.map(field)).size, certificates.length);
    }
  });

  test('the log key is Ed25519 and named by the hash of its public half', () => {
    const jwk = createPublicKey(dev.hierarchy.keys.log).export({ format: 'jwk' });
    assert.equal(Buffer.from(dev.hierarchy.logPublicKey).toString('base64url'), jwk.x);
    assert.match(logId(dev.hierarchy.logPublicKey), /^[0-9a-f]{64}$/);
  });

  test('takes names and addresses of hosts, and refuses what is neither', async () => {
    const request = { realm: 'dev' as const, organization: 'X', now: testNow, entropy: randomBytes };
    const spki = softwareSigner(makeKey('ec-p256')).spki;
    for (const host of [
      '2001:db8:1:2:3:4:5:6',
      '::',
      '1::',
      '::ffff:192.0.2.1',
      '192.0.2.1',
      'a-b.example',
    ]) {
      const der = await issueServerCertificate({ ...request, hosts: [host], spki }, dev.stationCa);
      const certificate = new X509Certificate(der);
      const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
      assert.equal(found, host);
    }
    for (const host of [
      '',
      '*.example.com',
      'a b',
      '-a',
      'a..b',
      'ex\u00e4mple',
      'a\0b',
      'x'.repeat(300),
      '1.2.3.4/8',
    ]) {
      await assert.rejects(
        issueServerCertificate({ ...request, hosts: [host], spki }, dev.stationCa),
        (error) => isImprintError(error, 'usage'),
        host,
      );
    }
  });

  test('an issuer opens only with its own key, and only over a CA certificate', () => {
    const { certificates, keys } = dev.hierarchy;
    assert.throws(
      () => openIssuer(certificates.issuing, softwareSigner(keys.root), 'dev'),
      (error) => isImprintError(error, 'key_locked'),
    );
    assert.throws(
      () => openIssuer(certificates.server, softwareSigner(keys.server), 'dev'),
      (error) => isImprintError(error, 'certificate_refused'),
    );
  });

  test('refuses an organization that a name cannot hold', async () => {
    await assert.rejects(
      createHierarchy({
        realm: 'dev',
        organization: 'x'.repeat(65),
        hosts: [],
        now: testNow,
        entropy: randomBytes,
        makeKey,
        openSigner: softwareSigner,
      }),
      (error) => isImprintError(error, 'certificate_refused'),
    );
  });
});
