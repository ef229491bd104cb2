/** Entries of devices and units beyond their job: lifecycle, quarantine, operations of the route, samples. */
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { checkTransition } from '@imprint/contract/lifecycle';
import { statement } from '../../storage/statement.ts';
import type { DeviceTable, OperationResultTable } from '../../storage/tables.ts';
import { actorText, mustChangeOne, mustUpdateOne, type Projections, recordChange } from './projections.ts';

type DeviceEntries =
  | 'unit.quarantined'
  | 'unit.released'
  | 'device.transitioned'
  | 'device.debug-allowed'
  | 'operation.reported'
  | 'sample.registered'
  | 'check.recorded';

export const deviceProjections: Projections<DeviceEntries> = {
  'unit.quarantined': async (tx, entry, index) => {
    const { hardware_uid: parts, reason } = entry.data;
    const hardwareUid = hardwareUidText(parts);
    const aside = {
      quarantined: 1 as const,
      reason,
      quarantined_at: entry.at,
      quarantined_by: entry.actor.id,
    };
    await tx
      .insertInto('unit')
      .values({ hardware_uid: hardwareUid, device_id: null, ...aside })
      .onConflict((conflict) => conflict.column('hardware_uid').doUpdateSet(aside))
      .execute();
    // a unit may be set aside just because it shows a part of another: that part stays with its own unit
    await tx
      .insertInto('unit_part')
      .values(parts.map(({ kind, value }) => ({ part: `${kind}=${value}`, hardware_uid: hardwareUid })))
      .onConflict((conflict) => conflict.column('part').doNothing())
      .execute();
    const unit = await tx
      .selectFrom('unit')
      .select('device_id')
      .where('hardware_uid', '=', hardwareUid)
      .executeTakeFirstOrThrow();
    if (unit.device_id !== null) {
      await recordChange(tx, entry, index, {
        deviceId: unit.device_id,
        field: 'unit',
        value: 'quarantined',
        reason,
      });
    }
  },

  'unit.released': async (tx, entry, index) => {
    const { hardware_uid: parts, reason } = entry.data;
    const hardwareUid = hardwareUidText(parts);
    const { rows } = await releaseUnit(tx, { hardware_uid: hardwareUid });
    mustChangeOne({ rows }, 'unit_conflict', `unit ${hardwareUid} is not set aside`);
    const { device_id } = rows[0]!;
    if (device_id === null) return;
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'unit', value: 'released', reason });
  },

  'device.transitioned': async (tx, entry, index) => {
    const { device_id, from, to, reason } = entry.data;
    checkTransition(from, to, entry.actor.kind);
    mustChangeOne(
      await moveDevice(tx, { device_id, from, to }),
      'transition_refused',
      `device ${device_id} is not ${from}`,
    );
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'state', value: to, reason });
    if (to === 'manufactured') {
      const { numAffectedRows } = await dateManufacture(tx, { device_id, manufactured_at: entry.at });
      if (numAffectedRows === 1n) {
        await recordChange(tx, entry, index, {
          deviceId: device_id,
          field: 'manufactured_at',
          value: entry.at,
        });
      }
    }
    if (to === 'returned') {
      const { rows } = await countReturn(tx, { device_id });
      await recordChange(tx, entry, index, {
        deviceId: device_id,
        field: 'rma_count',
        value: String(rows[0]!.rma_count),
        reason,
      });
    }
  },

  'device.debug-allowed': async (tx, entry, index) => {
    const { device_id, approval_id, reason } = entry.data;
    const by = approval_id ?? actorText(entry);
    const result = await tx
      .updateTable('device')
      .set({ debug_exception: by })
      .where('device_id', '=', device_id)
      .where('debug_exception', 'is', null)
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_device', `no device ${device_id} without an exception`);
    await recordChange(tx, entry, index, {
      deviceId: device_id,
      field: 'debug_exception',
      value: by,
      reason,
    });
  },

  'operation.reported': async (tx, entry, index) => {
    const { data, at } = entry;
    await insertResult(tx, { log_index: index, ...data, reported_at: at });
    await recordChange(tx, entry, index, {
      deviceId: data.device_id,
      field: `operation ${data.operation}`,
      value: data.outcome,
      reason: data.note,
    });
  },

  'sample.registered': async (tx, entry, index) => {
    const { device_id, kind, check_every_minutes } = entry.data;
    await tx
      .insertInto('sample')
      .values(entry.data)
      .onConflict((conflict) => conflict.column('device_id').doUpdateSet({ kind, check_every_minutes }))
      .execute();
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'sample', value: kind });
  },

  'check.recorded': async (tx, entry, index) => {
    const { hardware_uid: _, lane: _lane, nonce: _nonce, signature_b64: _signature, ...check } = entry.data;
    await tx
      .insertInto('sample_check')
      .values({ ...check, recorded_at: entry.at })
      .execute();
    await recordChange(tx, entry, index, {
      deviceId: check.device_id,
      field: `check ${check.purpose}`,
      value: check.outcome,
      reason: check.failure_code,
    });
  },
};

const releaseUnit = statement<{ hardware_uid: string }, { device_id: string | null }>((db, arg) =>
  db
    .updateTable('unit')
    .set({ quarantined: 0, reason: null, quarantined_at: null, quarantined_by: null })
    .where('hardware_uid', '=', arg('hardware_uid'))
    .where('quarantined', '=', 1)
    .returning('device_id'),
);

const insertResult = statement<OperationResultTable>((db, arg) =>
  db.insertInto('operation_result').values({
    log_index: arg('log_index'),
    device_id: arg('device_id'),
    operation: arg('operation'),
    outcome: arg('outcome'),
    station_id: arg('station_id'),
    operator_id: arg('operator_id'),
    note: arg('note'),
    reported_at: arg('reported_at'),
  }),
);

const moveDevice = statement<{
  device_id: string;
  from: DeviceTable['state'];
  to: DeviceTable['state'];
}>((db, arg) =>
  db
    .updateTable('device')
    .set({ state: arg('to') })
    .where('device_id', '=', arg('device_id'))
    .where('state', '=', arg('from')),
);

/** The day on which it was first made: a refurbished unit keeps it, and its history shows the rest. */
const dateManufacture = statement<{ device_id: string; manufactured_at: string }>((db, arg) =>
  db
    .updateTable('device')
    .set({ manufactured_at: arg('manufactured_at') })
    .where('device_id', '=', arg('device_id'))
    .where('manufactured_at', 'is', null),
);

const countReturn = statement<{ device_id: string }, { rma_count: number }>((db, arg) =>
  db
    .updateTable('device')
    .set((row) => ({ rma_count: row('rma_count', '+', 1) }))
    .where('device_id', '=', arg('device_id'))
    .returning('rma_count'),
);
