/** What the checks of a station look at. */
import type { StationHome } from '@imprint/station/station-home';
import { type Check, type Finding, unknown } from '../check.ts';
import type { Kernel } from '../disk-encryption.ts';

export interface StationFacts {
  folder: string;
  /** The station, or why its folder does not open. */
  opened: StationHome | Error;
  now: () => Date;
  /** Who runs this, and the groups by their names. */
  uid: number;
  groups: readonly string[];
  kernel: Kernel;
}

export function ofStation(
  name: string,
  look: (station: StationHome, facts: StationFacts) => Finding | Promise<Finding>,
): Check<StationFacts> {
  return {
    name,
    look: (facts) =>
      facts.opened instanceof Error
        ? unknown('the station does not open, see station')
        : look(facts.opened, facts),
  };
}
