/** Entries of production orders and of the device IDs that belong to them. */
import { canonicalJson } from '@imprint/contract/canonical-json';
import { actorText, mustUpdateOne, type Projections } from './projections.ts';

type OrderEntries = 'order.created' | 'order.ids-allocated' | 'order.quota-raised' | 'order.closed';

export const orderProjections: Projections<OrderEntries> = {
  'order.created': async (tx, { at, data }) => {
    await tx
      .insertInto('production_order')
      .values({
        ...data,
        station_share: data.station_share ?? null,
        hardware_revisions: canonicalJson(data.hardware_revisions),
        sites: canonicalJson(data.sites),
        stations: canonicalJson(data.stations),
        created_at: at,
        closed_at: null,
        issued: 0,
      })
      .execute();
  },

  'order.ids-allocated': async (tx, entry, index) => {
    const { order_id, device_ids } = entry.data;
    await tx
      .insertInto('device')
      .values(
        device_ids.map((device_id) => ({
          device_id,
          order_id,
          state: 'allocated' as const,
          hardware_uid: null,
          job_id: null,
          issued: 0 as const,
          allocated_at: entry.at,
          manufactured_at: null,
          completed_index: null,
          rma_count: 0,
          last_seen_firmware: null,
          reported: null,
          debug_exception: null,
        })),
      )
      .execute();
    await tx
      .insertInto('device_history')
      .values(
        device_ids.map((device_id) => ({
          log_index: index,
          device_id,
          at: entry.at,
          actor: actorText(entry),
          field: 'state',
          value: 'allocated',
          reason: `order ${order_id}`,
        })),
      )
      .execute();
  },

  /** Less than before, or nothing more, is refused: what was promised to a line is not taken back (I-23). */
  'order.quota-raised': async (tx, { data }) => {
    const { order_id, quantity, scrap_allowance } = data;
    const result = await tx
      .updateTable('production_order')
      .set({ quantity, scrap_allowance })
      .where('order_id', '=', order_id)
      .where('closed_at', 'is', null)
      .where('quantity', '<=', quantity)
      .where('scrap_allowance', '<=', scrap_allowance)
      .where((row) => row.or([row('quantity', '<', quantity), row('scrap_allowance', '<', scrap_allowance)]))
      .executeTakeFirst();
    mustUpdateOne(result, 'bad_request', `order ${order_id} is not open, or has as many already`);
  },

  'order.closed': async (tx, { at, data }) => {
    const result = await tx
      .updateTable('production_order')
      .set({ closed_at: at })
      .where('order_id', '=', data.order_id)
      .where('closed_at', 'is', null)
      .executeTakeFirst();
    mustUpdateOne(result, 'order_closed', `order ${data.order_id} is not open`);
  },
};
