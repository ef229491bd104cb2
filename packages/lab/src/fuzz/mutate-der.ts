/** Breaks DER where readers of it go wrong: tags, lengths, order, number and depth of elements, and what stands in them. */
import { concatBytes } from '@imprint/contract/bytes';
import { type DerNode, derBytes, derLists, derTree, type LengthForm } from './der-tree.ts';
import { below, bytes, type Draw, pick } from './draws.ts';
import { mutateBytes } from './mutate-bytes.ts';

const tags = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1c, 0x24, 0x30, 0x31, 0x80, 0xa0, 0xa3,
  0x1f, 0x00,
];
const forms: LengthForm[] = ['long', 'five octets', 'indefinite', 'one less', 'one more', 'huge'];
/** Contents by tag that sit at an edge of what is valid. */
const edges: Record<number, readonly string[]> = {
  1: ['00', '01', 'ff', 'ffff', ''],
  2: ['', '00', '80', '0000', '007f', '0080', 'ff80', 'ff', '7fffffff', '0080000000', '00'.repeat(21)],
  3: ['', '00', '08', '01ff', '0780', '07c0', '0080'],
  5: ['00'],
  6: ['', '80', '8001', '2a8001', '2a', 'ff'.repeat(70), '2b0601', '550413'],
  12: ['', 'c080', 'eda080', 'f4908080', '00', 'e2808e', 'efbbbf'],
  19: ['', '2a', '40', '00', '41'.repeat(65)],
  23: [
    '3236303133323030303030305a', // 260132…
    '3236303130313030303030305a',
    '3236303130313030303030302b30303030',
    '323630313031303030305a',
  ],
  24: [
    '32303236303130313030303030305a',
    '39393939313233313233353935395a',
    '32303530303130313030303030302e355a',
  ],
};

/** One change somewhere in the tree; bytes that are no tree are broken as bytes. */
export function mutateDer(draw: Draw, input: Uint8Array): Uint8Array {
  const nodes = derTree(input);
  if (nodes === undefined || nodes.length === 0 || draw() < 0.1) return mutateBytes(draw, input);
  const list = pick(draw, filledLists(nodes));
  const at = below(draw, list.length);
  list.splice(at, 1, ...changedNode(draw, list[at]!, list, nodes));
  return derBytes(nodes);
}

function filledLists(nodes: DerNode[]): DerNode[][] {
  return [...derLists(nodes)].filter(({ length }) => length > 0);
}

function changedNode(draw: Draw, node: DerNode, list: DerNode[], all: DerNode[]): DerNode[] {
  switch (below(draw, 11)) {
    case 0:
      return [{ ...node, tag: pick(draw, tags) }];
    case 1:
      return [{ ...node, tag: node.tag ^ pick(draw, [0x20, 0x80, 0x40, 0x01]) }];
    case 2:
      return [{ ...node, form: pick(draw, forms) }];
    case 3:
      return [];
    case 4:
      return [node, node];
    case 5:
      list.reverse();
      return [list[below(draw, list.length)]!];
    case 6:
      // a copy, since the element may hold the place where it is put
      return [structuredClone(pick(draw, pick(draw, filledLists(all))))];
    case 7:
      return [deep(draw, node)];
    case 8:
      return [leaf(node.tag, Buffer.from(pick(draw, edges[node.tag] ?? ['', '00']), 'hex'))];
    case 9:
      return [node, leaf(pick(draw, tags), bytes(draw, below(draw, 5)))];
    default:
      return [
        leaf(node.tag, mutateBytes(draw, node.inside === undefined ? node.content : derBytes(node.inside))),
      ];
  }
}

/** The element in many others: past the depth that is read, or just below it. */
function deep(draw: Draw, node: DerNode): DerNode {
  let outer = node;
  const levels = pick(draw, [1, 18, 22, 24, 26, 60]);
  for (let level = 0; level < levels; level++) outer = { ...leaf(0x30, new Uint8Array(0)), inside: [outer] };
  return outer;
}

function leaf(tag: number, content: Uint8Array): DerNode {
  return { tag, form: 'minimal', lead: new Uint8Array(0), inside: undefined, content: concatBytes(content) };
}
