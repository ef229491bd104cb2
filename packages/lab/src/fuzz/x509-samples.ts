/** Valid certificates and requests under keys that everybody may know, and the same signed anew after their signed part was broken. */
import * as tbs from '@imprint/authority/issuing/tbs';
import { concatBytes, toUtf8 } from '@imprint/contract/bytes';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import {
  derBitString,
  derExplicit,
  derInteger,
  derOid,
  derSequence,
  derSetOf,
  derUtf8String,
} from '@imprint/contract/x509/der-writer';
import { caSubject, encodeName } from '@imprint/contract/x509/name';
import { keyIdentifier, parsePublicKey } from '@imprint/contract/x509/public-key';
import { realmPolicyOid } from '@imprint/contract/x509/realm';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import { seededEntropy } from '@imprint/sim/entropy';
import { drawSeededKey, type SeededKey } from '../simulation/seeded-keys.ts';

const key = (type: KeyType, name: string) => drawSeededKey(type, seededEntropy('fuzz', name));
const rootKey = key('ec-p384', 'root');
const issuingKey = key('ec-p256', 'issuing');
/** A unit's key of each type. */
export const unitKeys = [key('ec-p256', 'unit'), key('ec-p384', 'unit 2'), key('ed25519', 'unit 3')];

/** A signed part and the key that signs it. */
export interface Signable {
  signed: Uint8Array;
  signer: SeededKey;
}

/** Both structures, certificate and request, are: what is signed, the algorithm, the signature. */
export function signed({ signed: bytes, signer }: Signable): Uint8Array {
  return derSequence(bytes, signatureAlgorithm[signer.type], derBitString(signer.sign(bytes)));
}

const idOf = ({ spki }: SeededKey) => keyIdentifier(parsePublicKey(spki));
const rootName = encodeName(caSubject('Example Works', 'dev', 'Device Root 1'));
const issuingName = encodeName(caSubject('Example Works', 'dev', 'Device CA 1'));
const policy = tbs.policyExtension(realmPolicyOid('dev'));

const notBefore = '2026-01-01T00:00:00Z';
/** A moment within the validity of every sample. */
export const sampleInstant = '2026-06-01T00:00:00.000Z';

export const rootSample: Signable = {
  signer: rootKey,
  signed: tbs.encodeTbs({
    serial: Buffer.from('a1b2c3d4e5f60718', 'hex'),
    signerKeyType: rootKey.type,
    issuer: rootName,
    subject: rootName,
    notBefore,
    notAfter: '9999-12-31T23:59:59Z',
    spki: rootKey.spki,
    extensions: [tbs.subjectKeyExtension(idOf(rootKey)), tbs.caUsage, tbs.caExtension(1), policy],
  }),
};

export const issuingSample: Signable = {
  signer: rootKey,
  signed: tbs.encodeTbs({
    serial: Buffer.from('01b2c3d4e5f60718', 'hex'),
    signerKeyType: rootKey.type,
    issuer: rootName,
    subject: issuingName,
    notBefore,
    notAfter: '9999-12-31T23:59:59Z',
    spki: issuingKey.spki,
    extensions: [
      tbs.subjectKeyExtension(idOf(issuingKey)),
      tbs.authorityKeyExtension(idOf(rootKey)),
      tbs.caUsage,
      tbs.caExtension(0),
      policy,
      ...tbs.scopeExtensions({ product: 'gateway', site: 'berlin', year: 2026 }),
    ],
  }),
};

/** A device's certificate for a key of each type. */
export const leafSamples: Signable[] = unitKeys.map((unit) => ({
  signer: issuingKey,
  signed: tbs.encodeTbs({
    serial: Buffer.from('11b2c3d4e5f60718', 'hex'),
    signerKeyType: issuingKey.type,
    issuer: issuingName,
    subject: encodeName([
      { type: 'serialNumber', value: 'SN-00012345' },
      { type: 'commonName', value: 'SN-00012345' },
    ]),
    notBefore,
    notAfter: '2049-12-31T23:59:59Z',
    spki: unit.spki,
    extensions: [
      tbs.authorityKeyExtension(idOf(issuingKey)),
      tbs.signingUsage,
      tbs.notCaExtension,
      tbs.purposeExtension('clientAuth'),
      tbs.alternativeNameExtension(
        tbs.hardwareModuleName(derOid('2.25.1'), toUtf8('mcu-uid=0123ABCD')),
        tbs.uriName('urn:imprint:dev:SN-00012345'),
      ),
      policy,
      ...tbs.scopeExtensions({ product: 'gateway', site: 'berlin' }),
    ],
  }),
}));

const extensionRequest = '1.2.840.113549.1.9.14';

/** Requests for a key of each type, bare and with all that a request may ask for. */
export const requestSamples: Signable[] = unitKeys.flatMap((unit) =>
  [
    [],
    [
      derSequence(derOid('1.2.840.113549.1.9.7'), derSetOf(derUtf8String('a password'))),
      derSequence(
        derOid(extensionRequest),
        derSetOf(derSequence(tbs.caExtension(0), tbs.alternativeNameExtension(tbs.dnsName('example.com')))),
      ),
    ],
  ].map((attributes) => ({
    signer: unit,
    signed: derSequence(
      derInteger(0),
      encodeName([{ type: 'commonName', value: 'SN-00012345' }]),
      unit.spki,
      derExplicit(0, ...attributes),
    ),
  })),
);

/** A chain as one file: before each certificate its length in two octets; the leaf first, the root last. */
export function packChain(certificates: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...certificates.flatMap((der) => [Uint8Array.of(der.length >> 8, der.length & 0xff), der]),
  );
}

/** What {@link packChain} packed; of bytes that it did not, as many as are whole. */
export function unpackChain(input: Uint8Array): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  for (let at = 0; at + 2 <= input.length; ) {
    const end = at + 2 + ((input[at]! << 8) | input[at + 1]!);
    if (end > input.length) break;
    certificates.push(input.slice(at + 2, end));
    at = end;
  }
  return certificates;
}
