/**
 * A slot that makes a key, signs with it and never gives it away: no method, property, inspection or JSON of it
 * reaches the private half. Signing and requests stand on OpenSSL and `@peculiar/x509`, not on Imprint's own DER.
 */
import 'reflect-metadata';
import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign,
  webcrypto,
} from 'node:crypto';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import { cryptoProvider, type Extension, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { Entropy } from './entropy.ts';

cryptoProvider.set(webcrypto as unknown as Crypto);

/** What a unit asks of its secure element or key store. */
export interface KeySlot {
  /** Makes a new key in the slot; the one before is gone for ever. */
  generate(type: KeyType): void;
  /** SubjectPublicKeyInfo, DER, of the key in the slot. */
  publicKey(): { type: KeyType; spki: Uint8Array } | undefined;
  /** P-256: SHA-256, DER. P-384: SHA-384, DER. Ed25519: 64 bytes. Throws where the slot is empty. */
  sign(bytes: Uint8Array): Uint8Array;
  /** A PKCS #10 request, DER, signed by the key in the slot. Throws where the slot is empty. */
  certificationRequest(commonName: string, extensions?: Extension[]): Promise<Uint8Array>;
}

/** A key slot in software. The entropy alone decides its keys, so that a seed gives the same ones again. */
export class SoftwareKeySlot implements KeySlot {
  readonly #entropy: Entropy;
  #key: { type: KeyType; privateKey: KeyObject; spki: Uint8Array } | undefined;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  generate(type: KeyType): void {
    const privateKey = drawKey(type, this.#entropy);
    const spki = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
    this.#key = { type, privateKey, spki };
  }

  publicKey(): { type: KeyType; spki: Uint8Array } | undefined {
    return this.#key && { type: this.#key.type, spki: this.#key.spki.slice() };
  }

  sign(bytes: Uint8Array): Uint8Array {
    const { type, privateKey } = this.#held();
    return new Uint8Array(sign(digests[type], bytes, privateKey));
  }

  async certificationRequest(commonName: string, extensions: Extension[] = []): Promise<Uint8Array> {
    const { type, privateKey } = this.#held();
    const algorithm = webAlgorithms[type];
    const request = await Pkcs10CertificateRequestGenerator.create(
      {
        name: [{ CN: [commonName] }],
        keys: {
          privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']) as CryptoKey,
          publicKey: createPublicKey(privateKey).toCryptoKey(algorithm, true, ['verify']) as CryptoKey,
        },
        signingAlgorithm: algorithm,
        extensions,
      },
      webcrypto as unknown as Crypto,
    );
    return new Uint8Array(request.rawData);
  }

  #held(): { type: KeyType; privateKey: KeyObject } {
    if (!this.#key) throw new TypeError('the key slot is empty');
    return this.#key;
  }
}

/** Lower-case hex SHA-256, by OpenSSL. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes);
}

const digests = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null } as const;

const webAlgorithms = {
  'ec-p256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ec-p384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  ed25519: { name: 'Ed25519' },
};

/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410 section 7). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The private key that these bytes decide. */
export function drawKey(type: KeyType, entropy: Entropy): KeyObject {
  if (type === 'ed25519') {
    const der = Buffer.concat([ed25519Prefix, entropy(32)]);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  }
  const [curve, crv, size] =
    type === 'ec-p256' ? (['prime256v1', 'P-256', 32] as const) : (['secp384r1', 'P-384', 48] as const);
  const pair = createECDH(curve);
  for (;;) {
    const scalar = Buffer.from(entropy(size));
    try {
      pair.setPrivateKey(scalar);
    } catch {
      continue; // zero or past the group's order: once in 2^32 draws or far less
    }
    const point = pair.getPublicKey();
    const key = {
      kty: 'EC',
      crv,
      d: scalar.toString('base64url'),
      x: point.subarray(1, 1 + size).toString('base64url'),
      y: point.subarray(1 + size).toString('base64url'),
    };
    return createPrivateKey({ key, format: 'jwk' });
  }
}
