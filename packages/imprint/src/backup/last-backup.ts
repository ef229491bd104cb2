/** What a home knows of its last backup: when it was made, and of which log. It does not know whether that one still exists. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hash, instant } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import type { AuthorityHome } from '../authority-home.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { writeSecretFile } from '../write-secret-file.ts';

const lastBackup = z.strictObject({ at: instant, size: z.int().min(0), root: hash });
export type LastBackup = z.infer<typeof lastBackup>;

const fileOf = ({ folder }: AuthorityHome) => join(folder, 'last-backup.json');

export function noteLastBackup(home: AuthorityHome, backup: LastBackup): void {
  writeSecretFile(fileOf(home), `${JSON.stringify(backup)}\n`);
}

/** Undefined where none was ever made. @throws file_invalid */
export function readLastBackup(home: AuthorityHome): LastBackup | undefined {
  const file = fileOf(home);
  if (!existsSync(file)) return undefined;
  try {
    return lastBackup.parse(JSON.parse(readBoundedFile(file, limits.noteBytes)));
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be read`, {
      hint: 'Delete it; the next backup writes it anew.',
      cause,
    });
  }
}
