/** How far a station's word about other units goes: to orders that it works on itself, and no further. */
import { isImprintError } from '@imprint/contract/errors';
import type { Reading } from '../ledger/ledger.ts';
import { requireAssigned } from './authorize-station.ts';
import type { StationCaller } from './line-core.ts';

/**
 * Whether the device belongs to an order that the station works on. What a station says of a unit of another order is its
 * word alone: it is written down for people, and sets nothing aside, so that a stolen station cannot stop another line.
 */
export async function isWithinReach(
  reading: Reading,
  { stationId }: StationCaller,
  deviceId: string,
): Promise<boolean> {
  const order = await reading.tx
    .selectFrom('production_order')
    .innerJoin('device', 'device.order_id', 'production_order.order_id')
    .selectAll('production_order')
    .where('device.device_id', '=', deviceId)
    .executeTakeFirst();
  const station = await reading.tx
    .selectFrom('station')
    .select(['site', 'lanes'])
    .where('station_id', '=', stationId)
    .executeTakeFirst();
  if (!order || !station) return false;
  // which program runs there, and since when, has no part in where it may work
  const asked = { stationId, ...station, version: '', configurationSha256: '', sessionLogSize: 0 };
  try {
    requireAssigned(asked, order);
    return true;
  } catch (error) {
    if (isImprintError(error, 'not_authorized', 'wrong_site')) return false;
    throw error;
  }
}
