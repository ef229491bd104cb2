/** Time and randomness as the authority's core takes them: injected, so that a test or a simulation decides both. */
import type { KeyObject } from 'node:crypto';
import type { KeyType } from '@imprint/contract/provisioning-contract';

/** The present, as the authority believes it. */
export type Clock = () => Date;

/** So many bytes from a cryptographically secure generator. */
export type Entropy = (length: number) => Uint8Array;

/** A new private key. In production the operating system's generator makes it; a simulation may take it from its seed. */
export type KeyMaker = (type: KeyType) => KeyObject;
