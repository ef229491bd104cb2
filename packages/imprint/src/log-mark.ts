/**
 * The newest checkpoint that was signed here, beside the keys: a database that is older than its keys remember is not
 * written on (I-16). It is written after what it says was durable, once a minute and at the end, so it may lag but never lead.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Checkpoint,
  parseCheckpoint,
  type VerifierKey,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { readBoundedFile } from './read-bounded-file.ts';
import { writeSecretFile } from './write-secret-file.ts';

/** In the folder of the keys, and in every copy of that folder. */
export const logMarkFile = 'newest-checkpoint';

export class LogMark {
  readonly #file: string;
  readonly #monotonicMs: () => number;
  readonly #onFault: (error: unknown) => void;
  #unwritten: string | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;

  /** @param onFault hears where the folder takes no file; signing goes on, and the mark stays older than it could be */
  constructor(keys: string, monotonicMs: () => number, onFault: (error: unknown) => void) {
    this.#file = join(keys, logMarkFile);
    this.#monotonicMs = monotonicMs;
    this.#onFault = onFault;
  }

  /** Takes note of a checkpoint that was signed. */
  signed(text: string): void {
    this.#unwritten = text;
    if (this.#monotonicMs() - this.#writtenMs >= limits.logMarkEveryMs) this.flush();
  }

  /** Writes what was noted. Another process may have written a later one: that one stays. */
  flush(): void {
    const text = this.#unwritten;
    if (text === undefined) return;
    this.#unwritten = undefined;
    this.#writtenMs = this.#monotonicMs();
    try {
      if (sizeIn(this.#file) < parseCheckpoint(text).size) writeSecretFile(this.#file, text);
    } catch (error) {
      this.#onFault(error);
    }
  }
}

function sizeIn(file: string): number {
  return existsSync(file) ? parseCheckpoint(readBoundedFile(file, limits.noteBytes)).size : -1;
}

export interface MarkedCheckpoint extends Checkpoint {
  text: string;
  /** When it was written, by this machine's clock. */
  writtenAt: Date;
}

/** What stands beside the keys; undefined where nothing was signed with them yet. @throws file_invalid where it is not this log's */
export function readLogMark(keys: string, logKey: VerifierKey): MarkedCheckpoint | undefined {
  const file = join(keys, logMarkFile);
  if (!existsSync(file)) return undefined;
  try {
    const text = readBoundedFile(file, limits.noteBytes);
    return { ...verifyCheckpoint(text, logKey), text, writtenAt: statSync(file).mtime };
  } catch (cause) {
    throw new ImprintError(
      'file_invalid',
      `${file} is no checkpoint of this log: ${(cause as Error).message}`,
      {
        hint: 'Find out who changed it. Without it nobody here knows how long the log was: hold the database against a checkpoint of a station or a witness (imprint audit verify --checkpoint), then delete the file.',
        cause,
      },
    );
  }
}
