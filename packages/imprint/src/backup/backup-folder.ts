/**
 * What a backup's folder holds, and under which names: all of an authority but its keys. A manifest tells the hash of every
 * file, and the log's key has signed it; what stands there beside them makes it no backup.
 */
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hash, instant, realmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import { readBoundedFile } from '../read-bounded-file.ts';

export const backupFiles = {
  manifest: 'manifest.json',
  /** The log's, over the manifest. */
  signature: 'manifest.sig',
  database: 'imprint.db',
  /** Not as in a home: nobody can serve a backup as it is. */
  configuration: 'configuration.json',
  certificates: 'certificates',
  logKey: 'certificates/log.vkey',
  /** Signed over exactly the log that the database holds. */
  checkpoint: 'checkpoint',
} as const;

const needed: readonly string[] = [
  backupFiles.database,
  backupFiles.configuration,
  backupFiles.logKey,
  backupFiles.checkpoint,
];

const path = z
  .string()
  .regex(
    /^(?:imprint\.db|configuration\.json|checkpoint|certificates(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){1,4})$/,
  );

const manifest = z.strictObject({
  version: z.literal(1),
  made_at: instant,
  realm: realmName,
  origin: z.string().min(1).max(200),
  size: z.int().min(1),
  /** Over the entries, hex. */
  root: hash,
  schema_version: z.int().min(1),
  files: z
    .array(z.strictObject({ path, bytes: z.int().min(0), sha256: hash }))
    .min(needed.length)
    .max(limits.backupFiles),
});
export type Manifest = z.infer<typeof manifest>;
export type FileFacts = Manifest['files'][number];

/** With its exact text. @throws file_invalid, where it is none, or where a file is not named that every backup has */
export function readManifest(folder: string): Manifest & { text: string } {
  const file = join(folder, backupFiles.manifest);
  const refuse = (what: string, cause?: unknown) =>
    new ImprintError('file_invalid', `${folder} is no backup: ${what}`, {
      hint: 'Name the folder that imprint backup made. One that was broken off has no manifest: make another.',
      cause,
    });
  let stored: Manifest;
  let text: string;
  try {
    text = readBoundedFile(file, limits.manifestFileBytes);
    stored = manifest.parse(JSON.parse(text));
  } catch (cause) {
    const what =
      cause instanceof z.ZodError
        ? `${cause.issues[0]!.path.join('.')}: ${cause.issues[0]!.message}`
        : (cause as Error).message;
    throw refuse(`${backupFiles.manifest}: ${what}`, cause);
  }
  const named = new Set(stored.files.map((one) => one.path));
  if (named.size !== stored.files.length) throw refuse('its manifest names a file twice');
  const missing = needed.find((one) => !named.has(one));
  if (missing !== undefined) throw refuse(`its manifest does not name ${missing}`);
  return { ...stored, text };
}

/**
 * The files below a folder by their paths, with slashes, sorted.
 * @throws file_invalid for what is neither file nor folder: a link could lead anywhere
 */
export function filesBelow(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(folder, name);
      if (entry.isFile()) return [name];
      throw new ImprintError('file_invalid', `${join(folder, name)} is neither a file nor a folder`, {
        hint: 'A backup holds plain files alone. Find out who put it there.',
      });
    })
    .sort();
}

/** Length and SHA-256 of a file, read in pieces. */
export async function factsOf(folder: string, name: string): Promise<FileFacts> {
  const file = join(folder, name);
  const digest = createHash('sha256');
  for await (const piece of createReadStream(file)) digest.update(piece as Buffer);
  return { path: name, bytes: lstatSync(file).size, sha256: digest.digest('hex') };
}
