/** Opens a station's journal without the station: nothing is made, mended or set aside. */
import { ImprintError } from '@imprint/contract/errors';
import { Journal } from '@imprint/station/journal';
import { openJournalDatabase } from '@imprint/station/journal-database';

/**
 * The journal in a file that is there. The caller closes it.
 * @throws storage_failed while the station runs, or where the journal is damaged
 */
export function openJournalToLook(path: string): Journal {
  try {
    return new Journal(openJournalDatabase(path), () => new Date().toISOString());
  } catch (cause) {
    throw new ImprintError('storage_failed', `${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'Stop the station first, if it runs. If it does not, its journal is damaged: it sets it aside when it starts.',
      cause,
    });
  }
}
