/** When the certificates of the stations end. */
import { limits } from '@imprint/contract/limits';
import { ok, warn } from '../check.ts';
import { daysUntil } from '../ends.ts';
import { ofDatabase } from './facts.ts';

const named = 8;

export const stationCertificates = ofDatabase('station certificates', async ({ storage }, { now }) => {
  const rows = await storage.reader
    .selectFrom('station')
    .select(['station_id', 'not_after'])
    .where('status', '=', 'confirmed')
    .where('not_after', 'is not', null)
    .orderBy('not_after')
    .execute();
  const soon = rows.filter(
    ({ not_after }) => daysUntil(now, new Date(not_after!)) < limits.stationEndsSoonDays,
  );
  if (soon.length === 0) return ok(`${rows.length} stations, none of whose certificates ends soon`);
  const told = soon.slice(0, named).map(({ station_id, not_after }) => {
    const days = daysUntil(now, new Date(not_after!));
    return `${station_id} ${days < 0 ? 'is over' : `ends in ${days} days`}`;
  });
  if (soon.length > named) told.push(`and ${soon.length - named} more`);
  return warn(
    told.join(', '),
    'A station whose certificate is over takes no work: revoke it, invite it again and enrol it anew, or revoke it where it is gone.',
  );
});
