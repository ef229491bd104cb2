/** The port to where a device keeps its private keys: a secure element, a protected key store, or a closed folder. A key never leaves it. */
import type { KeyType } from '@imprint/contract/x509/public-key';

export interface DeviceKey {
  /** Names the key within its slot; holds nothing of it. */
  handle: string;
  type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array;
  /** A signature as X.509 writes one for this type (RFC 5280 section 4.1.1.3): ECDSA as DER, Ed25519 raw. */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** How TLS is given the key. */
  tls: TlsKey;
}

/** PEM of a software key, or an engine's name for one that stays in hardware. */
export type TlsKey = { key: string } | { privateKeyEngine: string; privateKeyIdentifier: string };

export interface KeySlot {
  /** Makes a key beside those that are there; it outlives a power cut from the moment at which this resolves. */
  makeKey(type: KeyType): Promise<DeviceKey>;
  /** @throws key_locked where there is none under that handle */
  open(handle: string): Promise<DeviceKey>;
  /** Ends a key for ever; nothing where there is none. */
  forget(handle: string): Promise<void>;
  /** All that are there. */
  handles(): Promise<string[]>;
}
