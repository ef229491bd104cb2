/**
 * OCSP requests of strangers: what we accept OpenSSL reads too, and finds the same serials and the same nonce in it. We are stricter: OpenSSL
 * reads BER, any number of certificates, and any nonce.
 */
import assert from 'node:assert/strict';
import { readOcspRequest } from '@imprint/authority/revocation/ocsp-request';
import { fromHex, toHex } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import {
  derBoolean,
  derExplicit,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
} from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';
import { changed, pick } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateDer } from '../mutate-der.ts';
import { OpensslOcspRequests } from '../openssl.ts';
import type { FuzzTarget } from '../target.ts';

export function ocspRequestTarget(): FuzzTarget {
  const openssl = new OpensslOcspRequests();
  return {
    name: 'ocsp-request',
    form: 'bytes',
    refusals: ['bad_request'],
    draw: (draw) =>
      changed(draw, 2, pick(draw, samples), (der) =>
        draw() < 0.8 ? mutateDer(draw, der) : mutateBytes(draw, der),
      ),
    judge: (input) => {
      const { certificates, nonce } = readOcspRequest(input);
      assert.ok(input.length <= limits.ocspRequestBytes, 'a request over the cap was accepted');
      assert.ok(certificates.length >= 1 && certificates.length <= limits.ocspCertificates);
      assert.ok(
        nonce === undefined || (nonce.length >= 1 && nonce.length <= 128),
        'a nonce of another length',
      );
      const theirs = openssl.read(input);
      assert.ok(
        theirs.accepts,
        `we accept a request that OpenSSL refuses: ${theirs.accepts ? '' : theirs.says}`,
      );
      // of a negative number OpenSSL prints what stands behind the sign
      const ours = certificates.map(({ serial }) => serial);
      if (!theirs.facts.serials.some((serial) => serial.startsWith('-'))) {
        assert.deepEqual(ours.map(plainHex), theirs.facts.serials.map(plainHex), 'other serials');
      }
      assert.equal(nonce === undefined ? undefined : toHex(nonce), theirs.facts.nonce, 'another nonce');
      return undefined;
    },
    close: async () => openssl.close(),
  };
}

const plainHex = (hex: string) => hex.toLowerCase().replace(/^(00)+(?=..)/, '');

const hashed = (dotted: string, octets: number, parameters: Uint8Array) => (serial: string) =>
  derSequence(
    derSequence(
      derSequence(derOid(dotted), parameters),
      derOctetString(new Uint8Array(octets).fill(7)),
      derOctetString(new Uint8Array(octets).fill(9)),
      derInteger(fromHex(serial)),
    ),
  );
const sha1 = hashed('1.3.14.3.2.26', 20, derNull);
const sha256 = hashed('2.16.840.1.101.3.4.2.1', 32, new Uint8Array(0));
const nonceOf = (octets: number, critical = false) =>
  derSequence(
    derOid(oid.ocspNonce),
    ...(critical ? [derBoolean(true)] : []),
    derOctetString(derOctetString(new Uint8Array(octets).fill(0xa5))),
  );
const request = (requests: readonly Uint8Array[], ...extensions: readonly Uint8Array[]) =>
  derSequence(
    derSequence(
      derSequence(...requests),
      ...(extensions.length === 0 ? [] : [derExplicit(2, derSequence(...extensions))]),
    ),
  );

const serial = '01e6a4000000112233445566778899aabb';
const samples: readonly Uint8Array[] = [
  request([sha1(serial)]),
  request([sha256(serial)]),
  request([sha1(serial)], nonceOf(16)),
  request([sha256('ff01')], nonceOf(128, true)),
  request([sha1(serial), sha256('02'), sha1('ff'.repeat(20))]),
  request(Array.from({ length: limits.ocspCertificates }, () => sha1('05'))),
  // the version that need not be written, and a name
  derSequence(derSequence(derExplicit(0, derInteger(0)), derSequence(sha1(serial)))),
  request(
    [sha1(serial)],
    derSequence(derOid('1.3.6.1.5.5.7.48.1.4'), derOctetString(derSequence(derOid(oid.ocspBasic)))),
  ),
];
