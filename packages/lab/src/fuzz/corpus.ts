/** The inputs that are kept: interesting ones and every one that once failed, a file each under `corpus/<target>/`. They are always read first. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CorpusFile {
  /** From the folder of the fuzzing on. */
  name: string;
  input: Uint8Array;
}

export const corpusFolder = fileURLToPath(new URL('./corpus/', import.meta.url));

export function corpusOf(target: string): CorpusFile[] {
  const folder = join(corpusFolder, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => ({
      name: `corpus/${target}/${file}`,
      input: new Uint8Array(readFileSync(join(folder, file))),
    }));
}
