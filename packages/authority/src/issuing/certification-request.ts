/**
 * Reads a PKCS#10 request (RFC 2986) and takes nothing from it but a public key that its sender holds. It trusts no
 * byte: what else the request asks for, a subject, a CA flag, a name, is ignored and noted (I-6).
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import { checkDer, contextTag, type DerElement, DerReader, derTag } from '@imprint/contract/x509/der';
import { isPrimeOrderPoint, parsePublicKey } from '@imprint/contract/x509/public-key';
import { isStrictSignature } from '@imprint/contract/x509/signature';

export interface CertificationRequest {
  keyType: KeyType;
  /** SubjectPublicKeyInfo, DER: a copy. */
  spki: Uint8Array;
  /** SHA-256 of `spki`, hex. */
  publicKeySha256: string;
  /** What the request asked for and does not get, one sentence each. */
  notes: string[];
}

/** Signature algorithms of a proof, by the DER of their AlgorithmIdentifier. Tools take SHA-256 with P-384 as well. */
const proofAlgorithms = new Map<string, { keys: readonly KeyType[]; digest: string | null }>([
  ['300a06082a8648ce3d040302', { keys: ['ec-p256', 'ec-p384'], digest: 'sha256' }],
  ['300a06082a8648ce3d040303', { keys: ['ec-p256', 'ec-p384'], digest: 'sha384' }],
  ['300506032b6570', { keys: ['ed25519'], digest: null }],
]);

const extensionRequest = '1.2.840.113549.1.9.14';
const attributesTag = contextTag(0, true);
const maxNotes = 32;

/** The x-coordinates of the curves' generators: the public key of a private key of one, as a stuck generator gives. */
const generatorX: Partial<Record<KeyType, string>> = {
  'ec-p256': '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
  'ec-p384':
    'aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7',
};

/**
 * The key of a request whose proof of possession holds.
 * @throws csr_invalid for more than `limits.csrBytes`, anything but DER, bytes left over, or another structure;
 * key_unsupported for another type, curve or form of key, a point off its curve or a key that everybody knows;
 * csr_proof_wrong where the signature is not by that key over these bytes
 */
export function readCertificationRequest(der: Uint8Array): CertificationRequest {
  const parts = parse(der);
  const key = parsePublicKey(parts.spki);
  if (generatorX[key.type] === Buffer.from(key.raw.subarray(1, 1 + (key.raw.length >> 1))).toString('hex')) {
    throw new ImprintError('key_unsupported', 'The private key of this public key is the number one.', {
      hint: "The unit's random generator is stuck: set the unit aside.",
    });
  }
  if (key.type === 'ed25519' && !isPrimeOrderPoint(key.raw)) {
    throw new ImprintError('key_unsupported', 'The public key has a part of small order.', {
      hint: "No random generator makes such a key: the unit's firmware, or whoever answers in its place, is not to be trusted.",
    });
  }
  const algorithm = proofAlgorithms.get(Buffer.from(parts.algorithm).toString('hex'));
  if (algorithm === undefined || !algorithm.keys.includes(key.type)) {
    throw new ImprintError(
      'csr_invalid',
      `The request is not signed with an algorithm for ${key.type} keys.`,
      {
        hint: 'Sign it with ECDSA over SHA-256 or SHA-384, or with Ed25519.',
      },
    );
  }
  const isSigned =
    isStrictSignature(key.type, parts.signature) &&
    verify(algorithm.digest, parts.info, importKey(key.spki), parts.signature);
  if (!isSigned) {
    throw new ImprintError('csr_proof_wrong', 'The request is not signed by the key that it presents.', {
      hint: 'Make the request again on the unit whose key it is; if it stays, set the unit aside.',
    });
  }
  return {
    keyType: key.type,
    spki: key.spki,
    publicKeySha256: hash('sha256', key.spki, 'hex'),
    notes: parts.notes,
  };
}

interface RequestParts {
  info: Uint8Array;
  spki: Uint8Array;
  algorithm: Uint8Array;
  signature: Uint8Array;
  notes: string[];
}

function parse(der: Uint8Array): RequestParts {
  try {
    // the reader below goes into what it needs; this walks the rest, so that nothing in the request is not DER
    checkDer(der, limits.csrBytes);
    const outer = DerReader.over(der, limits.csrBytes);
    const request = outer.enter();
    const info = request.element(derTag.sequence);
    const fields = request.inside(info);
    if (fields.smallInteger() !== 0) throw malformed('The version of the request is not 0 (PKCS#10 v1).');
    const subject = fields.element(derTag.sequence);
    const spki = fields.element(derTag.sequence).bytes;
    const notes = subject.content.length === 0 ? [] : [describeSubject(fields, subject)];
    noteAttributes(fields.enter(attributesTag), notes);
    fields.end();
    const algorithm = request.element(derTag.sequence).bytes;
    const signature = request.bitString();
    request.end();
    outer.end();
    return { info: info.bytes, spki, algorithm, signature, notes };
  } catch (cause) {
    if (!(cause instanceof ImprintError) || cause.code !== 'der_invalid') throw cause;
    throw new ImprintError('csr_invalid', `The certification request is not strict DER: ${cause.message}`, {
      hint: 'Make the request with the unit firmware of this product; `openssl req -verify` shows what it holds.',
      context: cause.context,
      cause,
    });
  }
}

/** Names the types of what was asked for, never the values: an attribute may be a password (I-19). */
function describeSubject(parent: DerReader, subject: DerElement): string {
  const types: string[] = [];
  const names = parent.inside(subject);
  while (!names.atEnd) {
    for (const entry of names.setOf()) types.push(nameAttributeType(entry));
  }
  return `a subject (${types.slice(0, 16).join(', ')}) was asked for and is ignored`;
}

function noteAttributes(attributes: DerReader, notes: string[]): void {
  while (!attributes.atEnd) {
    const attribute = attributes.enter();
    const type = attribute.oid();
    const values = attribute.setOf();
    attribute.end();
    if (type === extensionRequest) {
      for (const value of values) noteExtensions(value, notes);
    } else {
      note(notes, `attribute ${type} is ignored`);
    }
  }
}

function noteExtensions(value: DerElement, notes: string[]): void {
  const list = DerReader.over(value.bytes, limits.csrBytes).enter();
  while (!list.atEnd) note(notes, `extension ${extensionType(list.enter())} was asked for and is ignored`);
}

function note(notes: string[], sentence: string): void {
  if (notes.length < maxNotes) notes.push(sentence);
}

/** The type of an AttributeTypeAndValue, whose value is ignored but must be a string of a name. */
function nameAttributeType(element: DerElement): string {
  const pair = DerReader.over(element.bytes, limits.csrBytes).enter();
  const type = pair.oid();
  pair.text();
  pair.end();
  return type;
}

/** The type of an Extension, the rest of which is ignored but must be one. */
function extensionType(extension: DerReader): string {
  const type = extension.oid();
  if (extension.nextTag === derTag.boolean) extension.boolean();
  extension.octetString();
  extension.end();
  return type;
}

function importKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new ImprintError('key_unsupported', 'OpenSSL refuses the public key of the request.', { cause });
  }
}

function malformed(message: string): ImprintError {
  return new ImprintError('csr_invalid', message, { hint: 'Make the request as PKCS#10 (RFC 2986).' });
}
