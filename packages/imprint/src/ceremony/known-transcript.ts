/**
 * How far a root's transcript had come when its keys were last used, kept beside the keys. A stick goes from hand to hand and may come
 * back as it was before: with an older one the root would number a CRL twice, and leave out of it whom it has revoked.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Transcript } from '@imprint/authority/trust/transcript';
import { hash } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import { readBoundedFile } from '../read-bounded-file.ts';
import { writeSecretFile } from '../write-secret-file.ts';

/** In the key folder, and in every copy of it; an older copy knows less, and refuses nothing that is right. */
export const knownTranscriptFile = 'transcript-head.json';
const known = z.strictObject({ lines: z.int().min(1), head: hash });

/** @throws ceremony_invalid where the transcript lacks what was done with these keys; file_invalid where that cannot be read */
export function requireKnownTranscript(keyFolder: string, transcript: Transcript): void {
  const file = join(keyFolder, knownTranscriptFile);
  if (!existsSync(file)) return;
  const { lines, head } = read(file);
  if (lines <= transcript.lines.length && headAfter(transcript, lines) === head) return;
  throw new ImprintError(
    'ceremony_invalid',
    `these keys were used up to line ${lines} of a transcript, head ${head}, and the stick does not hold that line`,
    {
      hint: `It is an older copy, or it was changed: bring the stick whose head is on paper. Nothing was signed. If that one is lost for ever, hierarchy.md says what is lost with it; then take ${file} away.`,
    },
  );
}

/** To be called when all of the transcript is on the stick's disk. */
export function noteTranscript(keyFolder: string, { lines, head }: Transcript): void {
  if (lines.length === 0) return;
  writeSecretFile(join(keyFolder, knownTranscriptFile), `${JSON.stringify({ lines: lines.length, head })}\n`);
}

/** What was the head after so many lines. */
function headAfter({ lines, head }: Transcript, count: number): string {
  return lines[count]?.previous ?? head;
}

function read(file: string): z.infer<typeof known> {
  try {
    return known.parse(JSON.parse(readBoundedFile(file, limits.noteBytes)));
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be read`, {
      hint: 'Find out who changed it. Hold the stick against the head on paper (imprint root check --head), then take the file away.',
      cause,
    });
  }
}
