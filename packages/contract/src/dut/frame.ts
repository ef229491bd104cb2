/**
 * One line of the DUT protocol: the article's JSON, closed by a sequence number and a CRC once `hello` was spoken.
 * A damaged line is told apart from a wrong one, and nothing in a line is believed before its CRC fits.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { crc32Hex } from './crc32.ts';

const encoder = new TextEncoder();
const seq = z.int().min(0).max(0xffffffff);
/**
 * Names what travels in chunks by its bytes and their SHA-256. `staged`: the JSON text of the payload. `held`: the
 * JSON text of the object that a short reply would carry beside `seq`, `ok` and `crc`.
 */
export const wholeReference = z.strictObject({
  length: z.int().min(1).max(limits.dutMessageBytes),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const framedRequest = z.strictObject({
  seq,
  cmd: z.string().max(64),
  payload: z.optional(z.record(z.string(), z.unknown())),
  staged: z.optional(wholeReference),
});

const framedReply = z.looseObject({
  seq,
  ok: z.boolean(),
  error: z.optional(z.string().max(64)),
  detail: z.optional(z.string().max(400)),
  held: z.optional(wholeReference),
});

export type FramedRequest = z.infer<typeof framedRequest>;
export type FramedReply = z.infer<typeof framedReply>;

/** `garbled`: noise, nothing to be believed. `wrong`: it came over whole and is not a message. */
export type Framed<T> = { kind: 'frame'; frame: T } | { kind: 'garbled' } | { kind: 'wrong'; reason: string };

/** The line (without newline) for a request or reply: `{…,"crc":"xxxxxxxx"}`, the CRC taken over all before `,"crc"`. */
export function frameLine(message: FramedRequest | FramedReply): string {
  const body = JSON.stringify(message).slice(0, -1);
  return `${body},"crc":"${crc32Hex(encoder.encode(body))}"}`;
}

const tail = /,"crc":"([0-9a-f]{8})"\}\s*$/;

/** Places at which a message is looked for, from the line's end: a hostile line full of them costs so many CRCs. */
const mostStarts = 4;

function unframe(line: string): { text: string } | undefined {
  const end = tail.exec(line);
  if (!end) return undefined;
  // Whatever a booting unit printed without a newline may stand before the message, a torn message too; the CRC tells
  // where the whole one begins. Inside a message the mark cannot stand: quotes in its strings are escaped.
  let start = end.index;
  for (let tried = 0; tried < mostStarts && start > 0; tried++) {
    start = line.lastIndexOf('{"seq":', start - 1);
    if (start < 0) return undefined;
    const body = line.slice(start, end.index);
    if (crc32Hex(encoder.encode(body)) === end[1]) return { text: `${body}}` };
  }
  return undefined;
}

function parse<T>(line: string, schema: z.ZodType<T>): Framed<T> {
  const found = unframe(line);
  if (!found) return { kind: 'garbled' };
  let value: unknown;
  try {
    value = JSON.parse(found.text);
  } catch {
    return { kind: 'wrong', reason: 'the line is not JSON' };
  }
  const result = schema.safeParse(value);
  if (result.success) return { kind: 'frame', frame: result.data };
  const issue = result.error.issues[0]!;
  return { kind: 'wrong', reason: `${issue.path.join('.') || 'message'}: ${issue.message}` };
}

/** Reads a request line as the unit does. */
export function parseRequestLine(line: string): Framed<FramedRequest> {
  return parse(line, framedRequest);
}

/** Reads a reply line as the station does. */
export function parseReplyLine(line: string): Framed<FramedReply> {
  return parse(line, framedReply);
}
