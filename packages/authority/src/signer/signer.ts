/** The port to a private key that signs: only what stands behind it ever holds the key. */
import type { KeyType } from '@imprint/contract/provisioning-contract';

/**
 * One private key. `sign` may be called many times at once. It resolves with the signature in the form that a
 * certificate carries (ECDSA: DER of r and s, over SHA-256 for P-256 and SHA-384 for P-384; Ed25519: 64 bytes), or it
 * rejects with `key_locked` or `unavailable`; after a rejection the signature may nevertheless have been made.
 */
export interface Signer {
  /**
   * Where the key is: in this process, whose own library signs exactly the bytes it is handed, or in a device or program elsewhere,
   * whose answer is verified before anything is released (I-3).
   */
  readonly custody: 'process' | 'elsewhere';
  readonly keyType: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
  /**
   * Throws `unavailable` or `key_locked` while no signature can be had, and sees to it that one can again; absent where that never
   * happens. Asked before an intent is made, so that none is made in vain.
   */
  requireReady?(): void;
}
