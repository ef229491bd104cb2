/** Whether the folder is a station's: settings, key and certificate can be read and belong together. */
import { isImprintError } from '@imprint/contract/errors';
import { type Check, fail, ok } from '../check.ts';
import type { StationFacts } from './facts.ts';

export const folder: Check<StationFacts> = {
  name: 'station',
  look: ({ opened }) => {
    if (opened instanceof Error) {
      const hint = isImprintError(opened) ? opened.hint : undefined;
      return fail(opened.message, hint ?? 'Mend what is named, or revoke the station and enrol it anew.');
    }
    const { station_id, realm, lanes } = opened.settings;
    return ok(`${station_id} of the ${realm} realm, ${lanes.length} lanes`);
  },
};
