/** The mark of a home that was restored and not released: while it stands, nothing is written and no checkpoint is signed (I-16). */
import { existsSync, rmSync } from 'node:fs';
import { hash, instant } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import type { AuthorityHome } from '../authority-home.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { syncToDisk } from '../sync-to-disk.ts';
import { writeSecretFile } from '../write-secret-file.ts';

const held = z.strictObject({
  version: z.literal(1),
  backup_at: instant,
  /** Of the log as it was restored, with the entries that were brought. */
  size: z.int().min(1),
  root: hash,
  brought: z.int().min(0),
  /** Checkpoints from elsewhere, as text, that the log has to continue before it is released. */
  checkpoints: z
    .array(
      z.strictObject({
        text: z.string().max(limits.noteBytes),
        cosigned_by: z.nullable(z.string().max(256)),
        told_size: z.int().min(0),
      }),
    )
    .max(limits.evidenceCheckpoints),
});
export type Held = z.infer<typeof held>;

const heldFileBytes = 2 * limits.noteBytes * limits.evidenceCheckpoints;
export function writeHeld(home: AuthorityHome, content: Held): void {
  writeSecretFile(home.heldFile, `${JSON.stringify(content, null, 2)}\n`);
}

/** Undefined where the home is not held. @throws file_invalid: a mark that cannot be read holds as well */
export function readHeld(home: AuthorityHome): Held | undefined {
  const file = home.heldFile;
  if (!existsSync(file)) return undefined;
  try {
    return held.parse(JSON.parse(readBoundedFile(file, heldFileBytes)));
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be read: ${(cause as Error).message}`, {
      hint: 'The home is held, and nobody knows on what grounds. Restore the backup again into a new folder.',
      cause,
    });
  }
}

export function endHeld(home: AuthorityHome): void {
  rmSync(home.heldFile);
  syncToDisk(home.folder);
}
