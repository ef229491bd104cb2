/** Opens an authority or a station as far as it opens, and looks at all that the doctor knows to look at. Nothing is changed by looking. */
import { readFileSync } from 'node:fs';
import { openStationHome } from '@imprint/station/station-home';
import { authorityHome, readConfiguration } from '../authority-home.ts';
import { openAuthority, systemClock } from '../open-authority.ts';
import { authorityChecks } from './authority/checks.ts';
import type { Secrets } from './authority/facts.ts';
import { type Checked, runChecks } from './check.ts';
import { type Kernel, thisKernel } from './disk-encryption.ts';
import { stationChecks } from './station/checks.ts';

/** @throws home_missing, file_invalid where there is no authority at all */
export async function examineAuthority(
  folder: string,
  secrets: Secrets = {},
  kernel: Kernel = thisKernel,
): Promise<Checked[]> {
  const home = authorityHome(folder);
  const configuration = readConfiguration(home);
  const opened = await openAuthority(folder).catch((error: Error) => error);
  try {
    const now = systemClock();
    return await runChecks(authorityChecks, {
      ...{ home, configuration, opened, now, uid: ownUid(), kernel, secrets },
    });
  } finally {
    if (!(opened instanceof Error)) await opened.close();
  }
}

/** A folder that is no station's is told by the first check. */
export function examineStation(folder: string, kernel: Kernel = thisKernel): Promise<Checked[]> {
  return runChecks(stationChecks, {
    folder,
    opened: orError(() => openStationHome(folder)),
    now: systemClock,
    uid: ownUid(),
    groups: groupNames(process.getgroups?.() ?? []),
    kernel,
  });
}

/** Systems without users do not exist among those that this runs on. */
function ownUid(): number {
  return process.getuid?.() ?? 0;
}

function groupNames(ids: readonly number[]): string[] {
  const lines = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  return lines.filter(([, , id]) => ids.includes(Number(id))).map(([name]) => name!);
}

function orError<T>(open: () => T): T | Error {
  try {
    return open();
  } catch (error) {
    return error as Error;
  }
}
