/** What the authority and a process that signs for it say to each other, over the channel that Node puts between parent and child. */
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import type { TokenPlace } from './token-place.ts';
import type { TokenReference } from './token-reference.ts';

/** The key types that a token is asked for. */
export type TokenKeyType = 'ec-p256' | 'ec-p384';

/** Bytes of a digest, and of r and of s: SHA-256 with P-256, SHA-384 with P-384. */
export const fieldBytes: Record<TokenKeyType, number> = { 'ec-p256': 32, 'ec-p384': 48 };

/** A key that is to be made in a token. */
export interface KeyToMake {
  place: TokenPlace;
  keyType: TokenKeyType;
  label: string;
  keyId: Uint8Array;
}

/** The PIN travels with the first message, and nowhere else: no argument and no variable of the process holds it. */
export type Request =
  | { kind: 'open'; reference: TokenReference; pin: Uint8Array; sparing?: boolean | undefined }
  | { kind: 'make-key'; key: KeyToMake; pin: Uint8Array }
  /** Digests one after another. */
  | { kind: 'sign'; digests: Uint8Array };

/** One for each request, in their order. */
export type Reply =
  | { kind: 'opened'; keyType: TokenKeyType; point: Uint8Array }
  | { kind: 'key-made' }
  /** r and s of each digest, one after another; fewer where one failed, after which the parent ends the process. */
  | { kind: 'signed'; signatures: Uint8Array; refusal?: Refusal | undefined }
  | { kind: 'refused'; refusal: Refusal };

/** An {@link ImprintError} on its way between processes. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  hint?: string | undefined;
}

export function toRefusal(error: unknown): Refusal {
  // of a foreign error nothing is repeated: a library may quote in it what it was called with
  if (!(error instanceof ImprintError)) {
    return { code: 'unavailable', message: 'The process that signs failed inside.' };
  }
  return { code: error.code, message: error.message, hint: error.hint };
}

export function fromRefusal({ code, message, hint }: Refusal): ImprintError {
  return new ImprintError(code, message, hint === undefined ? {} : { hint });
}
