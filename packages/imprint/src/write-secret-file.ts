/** Writes a secret where a person named a file. It trusts nothing that stands there: no link is followed, no mode is taken over. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncToDisk } from './sync-to-disk.ts';

/** The text, readable by its owner alone from the first byte on, whole or not at all, and on the disk. */
export function writeSecretFile(path: string, text: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(draft, path);
  syncToDisk(dirname(path));
}
