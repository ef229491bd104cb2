/**
 * What a server asks of a request before it is made (RFC 7030 section 4.5.2, RFC 9908): the type of key, and how the request is signed.
 * Nothing else, since nothing else of a request is taken.
 */
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { DerReader, derTag } from '../x509/der.ts';
import { derOid, derSequence, derSetOf } from '../x509/der-writer.ts';
import type { KeyType } from '../x509/public-key.ts';

const ecPublicKey = '1.2.840.10045.2.1';
const ofKey: Record<KeyType, { curve?: string; signature: string }> = {
  'ec-p256': { curve: '1.2.840.10045.3.1.7', signature: '1.2.840.10045.4.3.2' },
  'ec-p384': { curve: '1.3.132.0.34', signature: '1.2.840.10045.4.3.3' },
  ed25519: { signature: '1.3.101.112' },
};

/** The CsrAttrs (DER) that ask for a key of this type: an attribute with its curve where it has one, and its signature algorithm. */
export function writeCsrAttributes(keyType: KeyType): Uint8Array {
  const { curve, signature } = ofKey[keyType];
  const key = curve === undefined ? [] : [derSequence(derOid(ecPublicKey), derSetOf(derOid(curve)))];
  return derSequence(...key, derOid(signature));
}

/**
 * The key type that CsrAttrs (DER) ask for; undefined where they ask for none that is known here. Of what else they ask for nothing is said.
 * @throws der_invalid for another structure or more than `limits.csrBytes`
 */
export function readCsrAttributes(der: Uint8Array): KeyType | undefined {
  const outer = DerReader.over(der, limits.csrBytes);
  const list = outer.enter();
  outer.end();
  const curves: string[] = [];
  const signatures: string[] = [];
  while (!list.atEnd) {
    if (list.nextTag === derTag.oid) {
      signatures.push(list.oid());
      continue;
    }
    const attribute = list.enter();
    const type = attribute.oid();
    const values = attribute.setOf();
    attribute.end();
    if (type !== ecPublicKey) continue;
    for (const value of values) curves.push(DerReader.over(value.bytes, limits.csrBytes).oid());
  }
  if (curves.length > 1) {
    throw new ImprintError('der_invalid', 'The attributes ask for two curves.', {
      hint: 'Call the person who runs the EST server.',
    });
  }
  const [curve] = curves;
  return (Object.keys(ofKey) as KeyType[]).find((type) => {
    const wanted = ofKey[type];
    return curve === undefined
      ? wanted.curve === undefined && signatures.includes(wanted.signature)
      : wanted.curve === curve;
  });
}
