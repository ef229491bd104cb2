/** Says where a key in a token is: library, token and key. It holds no secret; the PIN comes from elsewhere. */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';

/** PKCS#11 2.40 section 3.2: a label is 32 bytes of UTF-8 and a serial number 16, padded with blanks that are no part of it. */
const padded = (bytes: number) =>
  z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= bytes && text.trimEnd() === text, {
      error: `has at most ${bytes} bytes and no blank at its end`,
    });

const place = {
  /** Absolute path of the vendor's PKCS#11 library. */
  module: z.string().max(4096).regex(/^\//, 'is an absolute path'),
  /** Label of the token. */
  token: padded(32),
  /** Tells two tokens of one label apart. */
  serial: z.optional(padded(16)),
};

export const tokenReference = z
  .strictObject({
    ...place,
    /** CKA_ID of the private key, in hex. */
    key_id: z.optional(z.string().regex(/^(?:[0-9a-f]{2}){1,64}$/, 'is hex, in lower case')),
    /** CKA_LABEL of the private key. */
    key_label: z.optional(z.string().min(1).max(255)),
    /** Processes that sign at once, each over a session of its own; absent: one. */
    processes: z.optional(z.int().min(1).max(limits.signingProcesses)),
  })
  .refine(({ key_id, key_label }) => (key_id === undefined) !== (key_label === undefined), {
    error: 'names the key by key_id or by key_label, and by one of them alone',
  });

export type TokenReference = z.infer<typeof tokenReference>;

/**
 * The reference that `text` is, from a file called `name`.
 * @throws file_invalid
 */
export function parseTokenReference(text: string, name: string): TokenReference {
  try {
    return tokenReference.parse(JSON.parse(text));
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const why = issue === undefined ? '' : `: ${[...issue.path, issue.message].join(' ')}`;
    throw new ImprintError('file_invalid', `${name} names no key of a token${why}`, {
      hint: 'Write {"module": "/path/of/the/library.so", "token": "label", "key_id": "hex"} in it.',
      cause,
    });
  }
}

/** The text of a file that holds the reference. */
export function tokenReferenceText(reference: TokenReference): string {
  return `${JSON.stringify(reference, null, 2)}\n`;
}
