/** Which devices were heard of last, and which were turned away: what the listener for devices wrote down beside the log. */
import type { Kysely } from 'kysely';
import type { DeviceContactTable, DeviceRefusalTable, Tables } from '../storage/tables.ts';

export interface ContactList {
  /** The newest first. */
  refused: DeviceRefusalTable[];
  seen: DeviceContactTable[];
}

/** The newest of both, or those of one device. `limit`: rows of each. */
export async function listContacts(
  reader: Kysely<Tables>,
  { deviceId, limit }: { deviceId?: string | undefined; limit: number },
): Promise<ContactList> {
  const refused = reader.selectFrom('device_refusal').selectAll().orderBy('last_at', 'desc').limit(limit);
  const seen = reader.selectFrom('device_contact').selectAll().orderBy('last_seen_at', 'desc').limit(limit);
  return {
    refused: await (deviceId === undefined ? refused : refused.where('device_id', '=', deviceId)).execute(),
    seen: await (deviceId === undefined ? seen : seen.where('device_id', '=', deviceId)).execute(),
  };
}
