/**
 * The transcript of a root: one line for each thing that was done with its keys, by which two people, over which files. Each line
 * holds the hash of the one before, so that whoever wrote down the last hash on paper can tell a line that was changed, dropped or
 * put between.
 */
import { hash, instant, realmName } from '@imprint/contract/audit/entry';
import { toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson, parseCanonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { z } from 'zod';

/** A file of the stick, by its path from the stick's folder on. */
const file = z.strictObject({
  file: z.string().regex(/^[a-z]+\/[a-z0-9][a-z0-9.-]{0,79}$/),
  sha256: hash,
});
export type StickFile = z.infer<typeof file>;

const person = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{C}]+$/u);

const line = z.strictObject({
  v: z.literal(1),
  seq: z.int().min(1),
  at: instant,
  act: z.enum(['root.begun', 'root.created', 'ca.signed', 'crl.issued', 'bundle.issued']),
  realm: realmName,
  organization: z.string().min(1).max(64),
  people: z.tuple([person, person]),
  /** What it is about: the CA that was signed, the root whose CRL it is; else empty. */
  subject: z.string().max(64),
  /** Of a CRL or bundle; null elsewhere. */
  number: z.nullable(z.int().min(1)),
  in: z.array(file).max(4),
  out: z.array(file).max(4),
  /** SHA-256 of the line before, without its newline; zeros for the first. */
  previous: hash,
});
export type TranscriptLine = z.infer<typeof line>;
export type Act = Omit<TranscriptLine, 'v' | 'seq' | 'previous'>;

export interface Transcript {
  lines: TranscriptLine[];
  /** SHA-256 of the last line: what people write down. Zeros where there is none. */
  head: string;
  /** The length in bytes of the whole lines: what follows was cut off while it was written. */
  wholeBytes: number;
}

const beginning = '0'.repeat(64);

/** The text of the next line, with its newline. */
export function nextLine({ lines, head }: Transcript, act: Act): string {
  return `${canonicalJson({ v: 1, seq: lines.length + 1, previous: head, ...act })}\n`;
}

/**
 * The lines of a transcript that holds in itself: form, order, hashes, one realm and organization, two people each, times that go on.
 * @throws ceremony_invalid with the line
 */
export function readTranscript(text: string): Transcript {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines: TranscriptLine[] = [];
  let head = beginning;
  for (const [at, body] of whole.split('\n').slice(0, -1).entries()) {
    const refuse = (what: string, cause?: unknown) => invalid(at + 1, what, cause);
    let next: TranscriptLine;
    try {
      next = line.parse(parseCanonicalJson(body));
    } catch (cause) {
      throw refuse('it cannot be read', cause);
    }
    const last = lines.at(-1);
    if (next.seq !== at + 1 || next.previous !== head) throw refuse('it does not follow the one before');
    if (last !== undefined && (next.realm !== last.realm || next.organization !== last.organization)) {
      throw refuse('it is of another realm or organization');
    }
    if (last !== undefined && next.at < last.at) throw refuse('it is earlier than the one before');
    if (samePerson(...next.people)) throw refuse('it names one person twice');
    const isFirst = next.act === 'root.begun';
    const isSecond = next.act === 'root.created';
    if (isFirst !== (at === 0) || (isSecond && last?.act !== 'root.begun') || (at === 1 && !isSecond)) {
      throw refuse('a root is begun and created once, before anything else');
    }
    lines.push(next);
    head = sha256Hex(toUtf8(body));
  }
  return { lines, head, wholeBytes: toUtf8(whole).length };
}

/** Names as people write them: case, width and space around them do not make two people of one. */
export function samePerson(one: string, other: string): boolean {
  const plain = (name: string) => name.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
  return plain(one) === plain(other);
}

function invalid(at: number, what: string, cause?: unknown): ImprintError {
  return new ImprintError('ceremony_invalid', `Line ${at} of the transcript does not hold: ${what}.`, {
    hint: 'Do not use this stick. Compare it with the copy in the other safe.',
    context: { line: at },
    ...(cause === undefined ? {} : { cause }),
  });
}
