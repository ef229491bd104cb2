/**
 * How a secret can stand in bytes that somebody wrote: as it is, in hex, in base64 at any alignment (so also inside PEM,
 * DER, JWK or a token), as a list of numbers, and each of these wrapped once more.
 */

export interface Form {
  name: string;
  bytes: Buffer;
}

/** What is shorter cannot be told from chance. */
export const leastBytes = 8;
/** From twice this length on, one half of a form gives the secret away too, and cannot be chance. */
const halfBytes = 16;

/**
 * Every form of a secret that the search knows, each also by its halves, so that a cut line is found too.
 * @throws TypeError where the secret is so short that it would be found everywhere
 */
export function formsOf(secret: Uint8Array): Form[] {
  if (secret.length < leastBytes)
    throw new TypeError(`a secret of ${secret.length} bytes cannot be searched`);
  const bytes = Buffer.from(secret);
  const wrapped = (['hex', 'base64', 'base64url'] as const).flatMap((kind) =>
    encoded(Buffer.from(bytes.toString(kind)), ` of ${kind}`),
  );
  const plain = { name: 'plain bytes', bytes };
  // Several forms can be the same bytes: the plainest, which stands first, gives the name.
  const all = [plain, ...encoded(bytes, ''), ...wrapped].reverse();
  const unique = new Map(all.map((form) => [form.bytes.toString('latin1'), form]));
  return [...unique.values()].flatMap(withHalves).filter((form) => form.bytes.length >= leastBytes);
}

function encoded(bytes: Buffer, what: string): Form[] {
  const form = (name: string, text: string) => ({ name: name + what, bytes: Buffer.from(text) });
  const hex = bytes.toString('hex');
  return [
    form('hex', hex),
    form('upper-case hex', hex.toUpperCase()),
    form('numbers', [...bytes].join(',')),
    ...[0, 1, 2].flatMap((offset) => {
      const text = base64Within(bytes, offset);
      const url = text.replaceAll('+', '-').replaceAll('/', '_');
      return [
        form('base64', text),
        form('base64url', url),
        form('URL-encoded base64', encodeURIComponent(text)),
      ];
    }),
  ];
}

/** The characters of a longer base64 text that these bytes alone decide, where `offset` bytes stand before them. */
function base64Within(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replaceAll('=', '');
  const shared = (offset + bytes.length) % 3 === 0 ? 0 : 1;
  return text.slice(Math.ceil((offset * 8) / 6), text.length - shared);
}

function withHalves(form: Form): Form[] {
  const { name, bytes } = form;
  if (bytes.length < 2 * halfBytes) return [form];
  const middle = bytes.length >> 1;
  return [
    { name, bytes: bytes.subarray(0, middle) },
    { name, bytes: bytes.subarray(middle) },
  ];
}
