/**
 * A root's own CRL (RFC 5280 section 5): which of its intermediates are revoked. It is written at a ceremony, a few times in a root's
 * life, and has no partitions.
 */
import { equalBytes, fromHex, toHex } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Certificate } from '@imprint/contract/x509/certificate';
import { contextTag, DerReader, derTag } from '@imprint/contract/x509/der';
import {
  derBitString,
  derElement,
  derExplicit,
  derImplicit,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derTime,
} from '@imprint/contract/x509/der-writer';
import { readName } from '@imprint/contract/x509/name';
import { oid } from '@imprint/contract/x509/oid';
import { signatureAlgorithm, verifySignature } from '@imprint/contract/x509/signature';
import type { Issuer } from '../issuing/issuer.ts';

/** RFC 5280 section 5.3.1. An intermediate is revoked for one of these; `unspecified` would be no reason to call two people together. */
export const rootCrlReasons = {
  'ca-compromise': 2,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
} as const;
export type RootCrlReason = keyof typeof rootCrlReasons;

export interface RevokedCa {
  /** Lower-case hex. */
  serial: string;
  /** ISO 8601 in UTC. */
  revokedAt: string;
  reason: RootCrlReason;
}

export interface RootCrl {
  number: number;
  thisUpdate: string;
  nextUpdate: string;
  revoked: RevokedCa[];
}

/** DER of the CRL, signed by the root. No list at all where nothing is revoked (section 5.1.2.6). */
export async function issueRootCrl(root: Issuer, crl: RootCrl): Promise<Uint8Array> {
  const tbs = derSequence(
    derInteger(1),
    signatureAlgorithm[root.signer.keyType],
    root.certificate.subject.der,
    derTime(crl.thisUpdate),
    derTime(crl.nextUpdate),
    ...(crl.revoked.length === 0 ? [] : [derSequence(...crl.revoked.map(encodeEntry))]),
    derExplicit(
      0,
      derSequence(
        extension(oid.authorityKeyIdentifier, derSequence(derImplicit(0, root.keyIdentifier))),
        extension(oid.crlNumber, derInteger(crl.number)),
      ),
    ),
  );
  const signature = await root.signer.sign(tbs);
  return derSequence(tbs, signatureAlgorithm[root.signer.keyType], derBitString(signature));
}

function encodeEntry({ serial, revokedAt, reason }: RevokedCa): Uint8Array {
  const code = derElement(0x0a, Uint8Array.of(rootCrlReasons[reason]));
  return derSequence(
    derInteger(fromHex(serial)),
    derTime(revokedAt),
    derSequence(extension(oid.reasonCode, code)),
  );
}

const extension = (id: string, value: Uint8Array) => derSequence(derOid(id), derOctetString(value));

/**
 * What a CRL of this root says: exactly the form that {@link issueRootCrl} writes, signed by the root.
 * @throws ceremony_invalid
 */
export function readRootCrl(der: Uint8Array, root: Certificate): RootCrl {
  try {
    return read(der, root);
  } catch (cause) {
    if (isImprintError(cause, 'ceremony_invalid')) throw cause;
    throw invalid('it cannot be read', cause);
  }
}

function read(der: Uint8Array, root: Certificate): RootCrl {
  const file = DerReader.over(der, limits.rootCrlBytes);
  const outer = file.enter();
  file.end();
  const element = outer.element(derTag.sequence);
  const algorithm = outer.element(derTag.sequence).bytes;
  const signature = outer.bitString();
  outer.end();
  const expected = signatureAlgorithm[root.publicKey.type];
  const tbs = outer.inside(element);
  if (tbs.smallInteger() !== 1) throw invalid('it is no CRL of version 2');
  if (!equalBytes(tbs.element(derTag.sequence).bytes, expected) || !equalBytes(algorithm, expected)) {
    throw invalid('its algorithm is not that of the root’s key');
  }
  if (!equalBytes(readName(tbs).der, root.subject.der)) throw invalid('it is another root’s');
  const thisUpdate = tbs.time();
  const nextUpdate = tbs.time();
  const revoked = tbs.nextTag === derTag.sequence ? readEntries(tbs.enter()) : [];
  const extensions = tbs.enter(contextTag(0, true)).enter();
  const keyIdentifier = readExtension(extensions, oid.authorityKeyIdentifier)
    .enter()
    .element(contextTag(0, false));
  if (!equalBytes(keyIdentifier.content, root.extensions.subjectKeyIdentifier ?? new Uint8Array(0))) {
    throw invalid('it names another key than the root’s');
  }
  const number = readExtension(extensions, oid.crlNumber).smallInteger();
  extensions.end();
  tbs.end();
  if (!verifySignature(root.publicKey, element.bytes, signature)) throw invalid('the root has not signed it');
  return { number, thisUpdate, nextUpdate, revoked };
}

function readEntries(list: DerReader): RevokedCa[] {
  const revoked: RevokedCa[] = [];
  while (!list.atEnd) {
    const entry = list.enter();
    const octets = entry.integer();
    const revokedAt = entry.time();
    const extensions = entry.enter();
    const code = readExtension(extensions, oid.reasonCode).element(0x0a).content;
    extensions.end();
    entry.end();
    const reason = (Object.keys(rootCrlReasons) as RootCrlReason[]).find(
      (name) => code.length === 1 && rootCrlReasons[name] === code[0],
    );
    if (reason === undefined) throw invalid('a reason is none of a root’s');
    revoked.push({ serial: toHex(octets[0] === 0 ? octets.subarray(1) : octets), revokedAt, reason });
  }
  if (revoked.length === 0) throw invalid('it has an empty list');
  return revoked;
}

function readExtension(list: DerReader, id: string): DerReader {
  const one = list.enter();
  if (one.oid() !== id) throw invalid('an extension is not the one of its place');
  const value = one.element(derTag.octetString);
  one.end();
  return one.inside(value);
}

function invalid(what: string, cause?: unknown): ImprintError {
  return new ImprintError('ceremony_invalid', `This is no CRL of this root: ${what}.`, {
    hint: 'Do not use this stick. Compare it with the copy in the other safe.',
    ...(cause === undefined ? {} : { cause }),
  });
}
