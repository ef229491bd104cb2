/** Breaks bytes that have no structure known here: flipped, cut, doubled, inserted. */
import { concatBytes } from '@imprint/contract/bytes';
import { below, bytes, type Draw, pick } from './draws.ts';

/** Octets at which readers of lengths, tags and text tend to turn. */
const turningOctets = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xc0, 0xed, 0xff];

/** One change somewhere. */
export function mutateBytes(draw: Draw, input: Uint8Array): Uint8Array {
  const at = below(draw, input.length + 1);
  const to = Math.min(input.length, at + 1 + Math.floor(draw() ** 3 * input.length));
  const head = input.subarray(0, at);
  const part = input.subarray(at, to);
  const tail = input.subarray(to);
  switch (below(draw, 8)) {
    case 0:
      return concatBytes(
        head,
        part.map((octet, index) => (index === 0 ? octet ^ (1 << below(draw, 8)) : octet)),
        tail,
      );
    case 1:
      return concatBytes(
        head,
        part.map((octet, index) => (index === 0 ? pick(draw, turningOctets) : octet)),
        tail,
      );
    case 2:
      return concatBytes(head, tail);
    case 3:
      return concatBytes(head, part, part, tail);
    case 4:
      return concatBytes(head, bytes(draw, 1 + below(draw, 8)), part, tail);
    case 5:
      return new Uint8Array(head);
    case 6:
      return concatBytes(input, bytes(draw, 1 + below(draw, 4)));
    default:
      return concatBytes(
        head,
        new Uint8Array(1 + below(draw, 300)).fill(pick(draw, turningOctets)),
        part,
        tail,
      );
  }
}
