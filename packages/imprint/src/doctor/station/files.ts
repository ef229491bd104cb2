/** Whether key, journal and labels are for the station's user alone. */
import { join } from 'node:path';
import { stationFiles } from '@imprint/station/station-home';
import { type Check, together } from '../check.ts';
import { privateFiles } from '../private-files.ts';
import type { StationFacts } from './facts.ts';

export const files: Check<StationFacts> = {
  name: 'files',
  look: ({ folder, uid }) =>
    together(
      privateFiles([folder, join(folder, stationFiles.key), join(folder, 'labels')], { uid }),
      `its folder and key are closed, and belong to user ${uid}`,
    ),
};
