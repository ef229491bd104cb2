/**
 * DER as a tree that may be written wrongly: a reader and a writer of their own, which share nothing with the strict reader that
 * they test. The reader takes any bytes; what it cannot cut into elements it leaves as content.
 */
import { concatBytes } from '@imprint/contract/bytes';

/** How an element's length is written; everything but `minimal` is wrong in DER. */
export type LengthForm = 'minimal' | 'long' | 'five octets' | 'indefinite' | 'one less' | 'one more' | 'huge';

export interface DerNode {
  tag: number;
  form: LengthForm;
  /** Octets of content before the elements inside: the count of unused bits of a BIT STRING that wraps some. */
  lead: Uint8Array;
  /** Elements inside, or none and the content as it is. */
  inside: DerNode[] | undefined;
  content: Uint8Array;
}

const none = new Uint8Array(0);
const deepest = 100;

/**
 * The elements in these bytes; `undefined` where they cannot be cut into whole ones. `unwraps`: it looks into OCTET STRINGs and BIT
 * STRINGs as well, where certificates keep more DER.
 */
export function derTree(bytes: Uint8Array, unwraps = true, depth = 0): DerNode[] | undefined {
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const first = bytes[at + 1];
    if (first === undefined || (tag & 0x1f) === 0x1f || depth > deepest) return undefined;
    const count = first < 0x80 ? 0 : first & 0x7f;
    let length = count === 0 ? first : 0;
    for (let octet = 0; octet < count; octet++) length = length * 256 + (bytes[at + 2 + octet] ?? 0);
    const end = at + 2 + count + length;
    if (first === 0x80 || count > 3 || end > bytes.length) return undefined;
    nodes.push(node(tag, bytes.subarray(at + 2 + count, end), unwraps, depth));
    at = end;
  }
  return nodes;
}

function node(tag: number, content: Uint8Array, unwraps: boolean, depth: number): DerNode {
  const isWrapping = unwraps && (tag === 0x04 || tag === 0x03);
  const lead = isWrapping && tag === 0x03 ? content.subarray(0, 1) : none;
  const isConstructed = (tag & 0x20) !== 0;
  const inside =
    isConstructed || (isWrapping && content.length > 2)
      ? derTree(content.subarray(lead.length), unwraps, depth + 1)
      : undefined;
  return { tag, form: 'minimal', lead, inside, content };
}

/** The bytes of these elements, each written as its form says. */
export function derBytes(nodes: readonly DerNode[]): Uint8Array {
  return concatBytes(...nodes.map(elementBytes));
}

function elementBytes({ tag, form, lead, inside, content }: DerNode): Uint8Array {
  const body = inside === undefined ? content : concatBytes(lead, derBytes(inside));
  if (form === 'indefinite') return concatBytes(Uint8Array.of(tag, 0x80), body, Uint8Array.of(0, 0));
  return concatBytes(Uint8Array.of(tag), lengthOctets(body.length, form), body);
}

function lengthOctets(length: number, form: LengthForm): Uint8Array {
  if (form === 'huge') return Uint8Array.of(0x83, 0xff, 0xff, 0xff);
  if (form === 'five octets') return Uint8Array.of(0x85, 0, 0, 0, length >> 8, length & 0xff);
  const written = Math.max(0, form === 'one less' ? length - 1 : form === 'one more' ? length + 1 : length);
  const octets: number[] = [];
  for (let rest = written; rest > 0; rest >>= 8) octets.unshift(rest & 0xff);
  if (form === 'long') octets.unshift(0);
  if (written < 0x80 && form !== 'long') return Uint8Array.of(written);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

/** How many levels of elements stand within the outermost ones. */
export function derDepth(nodes: readonly DerNode[]): number {
  return Math.max(0, ...nodes.map(({ inside }) => (inside === undefined ? 0 : 1 + derDepth(inside))));
}

/** Every list of elements in the tree, the outermost first. */
export function* derLists(nodes: DerNode[]): Generator<DerNode[]> {
  yield nodes;
  for (const { inside } of nodes) if (inside !== undefined) yield* derLists(inside);
}
