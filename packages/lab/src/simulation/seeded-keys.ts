/**
 * Keys and signatures that the seed decides: ECDSA by RFC 6979 from a library, since OpenSSL draws its nonces from the machine,
 * and Ed25519 by RFC 8032. For simulations alone: whoever has the seed has every key.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '@imprint/authority/signer/signer';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import {
  derBitString,
  derExplicit,
  derInteger,
  derOid,
  derSequence,
  derSetOf,
} from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import type { Entropy } from '@imprint/sim/entropy';
import { drawKey, type KeySlot } from '@imprint/sim/key-slot';
import { p256, p384 } from '@noble/curves/nist.js';
import type { Extension } from '@peculiar/x509';

/** A private key as numbers, and what it signs: DER of r and s, or 64 bytes. */
export class SeededKey {
  readonly type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** The scalar, or the seed of Ed25519. */
  readonly #secret: Uint8Array;
  readonly #key: KeyObject;

  constructor(type: KeyType, key: KeyObject) {
    this.type = type;
    this.#key = key;
    this.spki = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
    this.#secret = new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url'));
  }

  sign(message: Uint8Array): Uint8Array {
    // OpenSSL draws nothing for Ed25519, and is the faster one
    if (this.type === 'ed25519') return new Uint8Array(sign(null, message, this.#key));
    const curve = this.type === 'ec-p256' ? p256 : p384;
    return curve.sign(message, this.#secret, { lowS: false, format: 'der' });
  }
}

export function drawSeededKey(type: KeyType, entropy: Entropy): SeededKey {
  return new SeededKey(type, drawKey(type, entropy));
}

/** The port of the authority's signing keys; faults are put before it by whoever wants some. */
export function seededSigner(type: KeyType, key: KeyObject): Signer {
  return signerOf(new SeededKey(type, key));
}

export function signerOf(seeded: SeededKey): Signer {
  return {
    custody: 'process',
    keyType: seeded.type,
    spki: seeded.spki,
    sign: async (message) => seeded.sign(message),
  };
}

/** A unit's key slot whose every byte follows from the seed. */
export class SeededKeySlot implements KeySlot {
  readonly #entropy: Entropy;
  #key: SeededKey | undefined;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  generate(type: KeyType): void {
    this.#key = drawSeededKey(type, this.#entropy);
  }

  publicKey(): { type: KeyType; spki: Uint8Array } | undefined {
    return this.#key && { type: this.#key.type, spki: this.#key.spki };
  }

  sign(bytes: Uint8Array): Uint8Array {
    return this.#held().sign(bytes);
  }

  async certificationRequest(commonName: string, extensions: Extension[] = []): Promise<Uint8Array> {
    const key = this.#held();
    const info = derSequence(
      derInteger(0),
      encodeName([{ type: 'commonName', value: commonName }]),
      key.spki,
      derExplicit(0, ...requested(extensions)),
    );
    return derSequence(info, signatureAlgorithm[key.type], derBitString(key.sign(info)));
  }

  #held(): SeededKey {
    if (this.#key === undefined) throw new TypeError('the key slot is empty');
    return this.#key;
  }
}

/** The attribute extensionRequest (RFC 2985 section 5.4.2), where anything is asked for. */
function requested(extensions: Extension[]): Uint8Array[] {
  if (extensions.length === 0) return [];
  const list = derSequence(...extensions.map((extension) => new Uint8Array(extension.rawData)));
  return [derSequence(derOid('1.2.840.113549.1.9.14'), derSetOf(list))];
}
