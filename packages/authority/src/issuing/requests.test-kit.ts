/** For tests: certification requests as a unit makes them, and as an attacker does. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import {
  derBitString,
  derElement,
  derExplicit,
  derInteger,
  derSequence,
} from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import { digestOf, keyTypeOf } from '../signer/key-type.ts';
import { makeKey } from '../signer/software.ts';

export interface RequestChanges {
  key?: KeyObject;
  /** Replaces the key that is presented; the request stays signed by `key`. */
  spki?: Uint8Array;
  subject?: Uint8Array;
  /** Attributes, DER. */
  attributes?: readonly Uint8Array[];
  version?: number;
  algorithm?: Uint8Array;
  digest?: string | null;
  signature?: Uint8Array;
}

/** A request that is right in all but what `changes` changes. */
export function makeRequest(changes: RequestChanges = {}): Uint8Array {
  const key = changes.key ?? makeKey('ec-p256');
  const info = derSequence(
    derInteger(changes.version ?? 0),
    changes.subject ?? encodeName([{ type: 'commonName', value: 'SN-00012345' }]),
    changes.spki ?? spkiOf(key),
    derExplicit(0, ...(changes.attributes ?? [])),
  );
  const type = keyTypeOf(key);
  const digest = changes.digest === undefined ? digestOf(type) : changes.digest;
  return derSequence(
    info,
    changes.algorithm ?? signatureAlgorithm[type],
    derBitString(changes.signature ?? sign(digest, info, key)),
  );
}

export function spkiOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

/** SEQUENCEs nested so many levels deep. */
export function nested(depth: number): Uint8Array {
  let element = derElement(0x30);
  for (let level = 1; level < depth; level++) element = derElement(0x30, element);
  return element;
}
