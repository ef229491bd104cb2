import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ImprintError } from '../errors.ts';
import {
  altName,
  asResponder,
  asServer,
  asStation,
  buildChain,
  type ChainSpecs,
  ext,
  extension,
  keys,
} from './chain-fixture.test-kit.ts';
import { derExplicit, derImplicit, derNamedBits, derOctetString, derSequence } from './der-writer.ts';
import type { LeafPurpose } from './leaf.ts';
import { oid } from './oid.ts';
import type { RefusalReason } from './refusal.ts';
import { isRevocationUrl } from './revocation-url.ts';
import { verifyChain } from './verify-chain.ts';

const crl = 'http://pki.example.com/crl/00ff/3.crl';
const ocsp = 'http://pki.example.com/ocsp';
const at = '2026-06-01T12:00:00.000Z';

const verify = (change: (specs: ChainSpecs) => void, purpose: LeafPurpose = 'device') =>
  verifyChain({ ...buildChain(change), at, realm: 'dev', purpose });

function refuses(change: (specs: ChainSpecs) => void, reason: RefusalReason, purpose?: LeafPurpose): void {
  assert.throws(
    () => verify(change, purpose),
    (error: ImprintError) => {
      assert.equal(error.context.reason, reason, `${String(error)} ${JSON.stringify(error.context)}`);
      return true;
    },
  );
}

const adding =
  (...extensions: Uint8Array[]) =>
  ({ leaf }: ChainSpecs) =>
    void leaf.extensions.push(...extensions);

describe('where revocation is told', () => {
  test('a device says it with both extensions or with none', () => {
    const { extensions } = verify(adding(ext.crlPoint(crl), ext.infoAccess(ocsp))).certificate;
    assert.deepEqual([extensions.crlDistributionPoints, extensions.authorityInfoAccess], [crl, ocsp]);
    refuses(adding(ext.crlPoint(crl)), 'extension_missing');
    refuses(adding(ext.infoAccess(ocsp)), 'extension_missing');
    refuses(adding(ext.crlPoint(crl), ext.infoAccess(ocsp), ext.crlPoint(crl)), 'extension_repeated');
  });

  test('no station, server or responder says it, and no CA where OCSP is asked', () => {
    const both = [ext.crlPoint(crl), ext.infoAccess(ocsp)];
    for (const [purpose, as] of [
      ['station', asStation],
      ['server', asServer],
      ['responder', asResponder],
    ] as const) {
      assert.equal(verify(as, purpose).purpose, purpose);
      const change = (specs: ChainSpecs) => {
        as(specs);
        specs.leaf.extensions.push(...both);
      };
      refuses(change, 'extension_not_in_profile', purpose);
    }
    refuses(({ issuing }) => void issuing.extensions.push(...both), 'extension_not_in_profile');
    refuses(({ root }) => void root.extensions.push(ext.ocspNoCheck()), 'extension_not_in_profile');
    refuses(({ issuing }) => void issuing.extensions.push(ext.infoAccess(ocsp)), 'extension_not_in_profile');
  });

  test('a CA says where the CRL of its root is, and a root, whom nobody revokes, does not', () => {
    const chain = verify(({ issuing }) => void issuing.extensions.push(ext.crlPoint(crl)));
    assert.equal(chain.purpose, 'device');
    refuses(({ root }) => void root.extensions.push(ext.crlPoint(crl)), 'extension_not_in_profile');
  });

  test('each has one form: one URL, over plain HTTP, in one spelling', () => {
    const points = (value: Uint8Array, critical = false) =>
      adding(extension(oid.crlDistributionPoints, critical, value), ext.infoAccess(ocsp));
    const fullName = (...urls: string[]) => derExplicit(0, derExplicit(0, ...urls.map(altName.uri)));
    refuses(points(derSequence(derSequence(fullName(crl))), true), 'extension_criticality_wrong');
    refuses(points(derSequence(derSequence(fullName(crl, crl)))), 'malformed');
    refuses(points(derSequence(derSequence(fullName(crl)), derSequence(fullName(crl)))), 'malformed');
    refuses(points(derSequence(derSequence(fullName()))), 'malformed');
    refuses(points(derSequence()), 'malformed');
    // for some reasons alone, and by another CA
    refuses(
      points(derSequence(derSequence(fullName(crl), derImplicit(1, derNamedBits(1).subarray(2))))),
      'malformed',
    );
    refuses(points(derSequence(derSequence(fullName(crl), derExplicit(2, altName.uri(crl))))), 'malformed');
    refuses(adding(ext.crlPoint(crl), ext.infoAccess(ocsp, oid.ocspBasic)), 'extension_value_wrong');
    for (const url of [
      'https://pki.example.com/ocsp',
      'ldap://x',
      'http://a/?q',
      'http://u@a/',
      'http://a/../b',
    ]) {
      refuses(adding(ext.crlPoint(url), ext.infoAccess(ocsp)), 'extension_value_wrong');
      refuses(adding(ext.crlPoint(crl), ext.infoAccess(url)), 'extension_value_wrong');
    }
  });

  test('a URL is plain HTTP without user, query, fragment, dots or a slash at its end', () => {
    for (const good of [
      'http://a',
      'http://127.0.0.1:7480',
      'http://[::1]:80',
      ocsp,
      crl,
      'http://a/b-c/d_e~f.g',
    ]) {
      assert.ok(isRevocationUrl(good), good);
    }
    for (const bad of [
      ...[
        '',
        'http://',
        'https://a',
        'HTTP://a',
        'http://A',
        'http://a/',
        'http://a//b',
        'http://a?',
        'http://a#b',
      ],
      ...[
        'http://a:0',
        'http://a:123456',
        'http://a/.',
        'http://a/..',
        'http://a/../b',
        'http://a/%41',
        'http://a b',
      ],
      ...['http://u@a', 'http://-a', 'http://a\n', `http://${'a'.repeat(194)}`],
    ]) {
      assert.ok(!isRevocationUrl(bad), bad);
    }
  });
});

describe('responder', () => {
  test('its certificate is for OCSP alone, is not asked about and names nobody', () => {
    refuses(
      (specs) => {
        asResponder(specs);
        specs.leaf.extensions.pop();
      },
      'extension_missing',
      'responder',
    );
    refuses(
      (specs) => {
        asResponder(specs);
        specs.leaf.extensions.push(ext.altNames(altName.uri('urn:imprint:dev:SN-00012345')));
      },
      'extension_not_in_profile',
      'responder',
    );
    refuses(
      (specs) => {
        asResponder(specs);
        specs.leaf.extensions[2] = ext.extendedKeyUsage(oid.ocspSigning, oid.clientAuth);
      },
      'purpose_wrong',
      'responder',
    );
    refuses(
      (specs) => {
        asResponder(specs);
        specs.leaf.extensions[5] = extension(oid.ocspNoCheck, false, derOctetString());
      },
      'malformed',
      'responder',
    );
    for (const purpose of ['device', 'station', 'server'] as const)
      refuses(asResponder, purpose === 'device' ? 'purpose_wrong' : 'ca_for_others', purpose);
    refuses(adding(ext.ocspNoCheck()), 'extension_not_in_profile');
  });

  test('it answers for devices: the CA of stations has none', () => {
    refuses(
      (specs) => {
        asStation(specs);
        asResponder(specs);
      },
      'ca_for_others',
      'responder',
    );
    assert.equal(verify(asResponder, 'responder').publicKey.type, keys.device.publicKey.type);
  });
});
