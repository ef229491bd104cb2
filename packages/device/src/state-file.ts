/** The device's record in a file. */
import { readFileSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import type { StateStore } from './device-state.ts';
import { writeWhole } from './write-whole.ts';

export function stateFile(path: string): StateStore {
  return {
    read: async () => {
      try {
        return readFileSync(path, 'utf8');
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw failed('read', cause);
      }
    },
    write: async (text) => {
      try {
        writeWhole(path, text);
      } catch (cause) {
        throw failed('written', cause);
      }
    },
  };
}

function failed(what: string, cause: unknown): ImprintError {
  return new ImprintError(
    'storage_failed',
    `the device's record cannot be ${what}: ${(cause as Error).message}`,
    {
      hint: 'What was there before is still there. Look at the disk.',
      cause,
    },
  );
}
