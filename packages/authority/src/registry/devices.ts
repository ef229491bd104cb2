/** Devices as people and programs see them: is it real, what was it made of, where does it stand, and since when. */
import { ImprintError } from '@imprint/contract/errors';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { limits } from '@imprint/contract/limits';
import type { Kysely, Selectable } from 'kysely';
import { statement } from '../storage/statement.ts';
import type {
  AttemptTable,
  CredentialTable,
  DeviceTable,
  JobTable,
  ProductionOrderTable,
  Tables,
} from '../storage/tables.ts';
import { type ContactList, listContacts } from './contacts.ts';
import { jobDocuments } from './job-documents.ts';

export type CredentialView = Omit<Selectable<CredentialTable>, 'certificate' | 'owner' | 'lease_expires_at'>;

export interface Firmware {
  build_id: string;
  sha256: string;
  rollback_counter: number;
}

export interface DeviceReport {
  device_id: string;
  state: LifecycleState;
  hardware_uid: HardwareUid | null;
  order_id: string;
  product: string;
  sku: string;
  /** Manufacturing batch. */
  lot: string;
  hw_rev: string | null;
  allocated_at: string;
  manufactured_at: string | null;
  contract_sha256: string;
  contract_revision: string | null;
  firmware: Firmware | null;
  last_seen_firmware: string | null;
  /** What it said of itself last; null before its first contact. */
  reported: { firmware: Firmware; configuration: { version: number } | null } | null;
  /** Who let it through or turned it away, as it was written down; a moment ago may be missing. */
  contacts: ContactList;
  /** Its debug port may stay open: the approval of it, or who allowed it where one person acts. */
  debug_exception: string | null;
  site: string | null;
  station_id: string | null;
  operator_id: string | null;
  /** The operator's name, where the registry still knows it. */
  operator: string | null;
  rma_count: number;
  job: { job_id: string; state: JobTable['state']; attempts: number; reason: string | null } | null;
  credentials: CredentialView[];
  operations: { operation: string; outcome: 'pass' | 'fail'; station_id: string; reported_at: string }[];
  /** Log index of the entry that a receipt proves; null before the unit is done. */
  completed_index: number | null;
  /** Every change of every field, oldest first. */
  history: {
    log_index: number;
    at: string;
    actor: string;
    field: string;
    value: string;
    reason: string | null;
  }[];
}

/** The exact things that made a device. */
export interface AsBuilt {
  device_id: string;
  job_id: string;
  contract_sha256: string;
  contract: string;
  manifest_sha256: string;
  manifest: string;
  factory_config: string;
  hardware_uid: HardwareUid;
  hw_rev: string;
  attempts: (Omit<Selectable<AttemptTable>, 'durations_ms'> & {
    durations_ms: Record<string, number> | null;
  })[];
  written: unknown;
  sealed: unknown;
}

export interface DeviceFilter {
  orderId?: string;
  state?: LifecycleState;
  stationId?: string;
  /** The last device ID of the page before. */
  after?: string;
  limit?: number;
}

export interface DeviceLine {
  device_id: string;
  state: LifecycleState;
  order_id: string;
  job_state: JobTable['state'] | null;
  attempts: number | null;
  station_id: string | null;
  manufactured_at: string | null;
  failure_code: string | null;
}

/** @throws unknown_device */
export async function showDevice(reader: Kysely<Tables>, deviceId: string): Promise<DeviceReport> {
  const device = await requireDevice(reader, deviceId);
  const [order] = (await selectOrder(reader, { order_id: device.order_id })).rows;
  if (order === undefined) throw new ImprintError('log_inconsistent', `order ${device.order_id} is missing`);
  const job = await jobOf(reader, device);
  const [attempt] = job === undefined ? [] : (await selectLastAttempt(reader, { job_id: job.job_id })).rows;
  return {
    device_id: deviceId,
    state: device.state,
    hardware_uid: job === undefined ? null : (JSON.parse(job.hardware_uid_parts) as HardwareUid),
    order_id: device.order_id,
    product: order.product,
    sku: order.sku,
    lot: order.lot,
    hw_rev: job?.hw_rev ?? null,
    allocated_at: device.allocated_at,
    manufactured_at: device.manufactured_at,
    contract_sha256: job?.contract_sha256 ?? order.contract_sha256,
    contract_revision: order.revision,
    firmware:
      attempt === undefined
        ? null
        : {
            build_id: attempt.firmware_build_id,
            sha256: attempt.firmware_sha256,
            rollback_counter: attempt.rollback_counter,
          },
    last_seen_firmware: device.last_seen_firmware,
    reported: parsed(device.reported) as DeviceReport['reported'],
    contacts: await listContacts(reader, { deviceId, limit: limits.pageRows }),
    debug_exception: device.debug_exception,
    site: attempt?.site ?? null,
    station_id: attempt?.station_id ?? null,
    operator_id: attempt?.operator_id ?? null,
    operator: attempt?.operator ?? null,
    rma_count: device.rma_count,
    job:
      job === undefined
        ? null
        : { job_id: job.job_id, state: job.state, attempts: job.attempt, reason: job.reason },
    credentials: await credentialsOf(reader, deviceId),
    operations: (await selectOperations(reader, { device_id: deviceId })).rows,
    completed_index: device.completed_index,
    history: (await selectHistory(reader, { device_id: deviceId })).rows,
  };
}

/** @throws unknown_device, job_state_wrong where no job was opened yet */
export async function deviceAsBuilt(reader: Kysely<Tables>, deviceId: string): Promise<AsBuilt> {
  const device = await requireDevice(reader, deviceId);
  const job = await jobOf(reader, device);
  if (job === undefined) {
    throw new ImprintError('job_state_wrong', `${deviceId} was not built yet: no job was opened for it`, {
      hint: 'It is as its order says: imprint order show.',
    });
  }
  const { text } = await reader
    .selectFrom('contract')
    .select('text')
    .where('contract_sha256', '=', job.contract_sha256)
    .executeTakeFirstOrThrow();
  const attempts = await reader
    .selectFrom('attempt')
    .selectAll()
    .where('job_id', '=', job.job_id)
    .orderBy('attempt')
    .execute();
  const documents = await jobDocuments(reader, job);
  return {
    device_id: deviceId,
    job_id: job.job_id,
    contract_sha256: job.contract_sha256,
    contract: text,
    manifest_sha256: job.manifest_sha256,
    manifest: documents.manifest,
    factory_config: documents.factory_config,
    hardware_uid: JSON.parse(job.hardware_uid_parts) as HardwareUid,
    hw_rev: job.hw_rev,
    attempts: attempts.map((attempt) => ({
      ...attempt,
      durations_ms: parsed(attempt.durations_ms) as Record<string, number> | null,
    })),
    written: parsed(documents.written ?? null),
    sealed: parsed(documents.sealed ?? null),
  };
}

/** A page of devices in the order of their IDs; `next` names where the page after it begins, null at the end. */
export async function listDevices(
  reader: Kysely<Tables>,
  filter: DeviceFilter = {},
): Promise<{ devices: DeviceLine[]; next: string | null }> {
  const limit = Math.min(Math.max(filter.limit ?? limits.pageRows, 1), limits.pageRows);
  let query = reader
    .selectFrom('device')
    .leftJoin('job', 'job.job_id', 'device.job_id')
    .select([
      'device.device_id',
      'device.state',
      'device.order_id',
      'job.state as job_state',
      'job.attempt as attempts',
      'job.station_id',
      'device.manufactured_at',
      'job.failure_code',
    ])
    .orderBy('device.device_id')
    .limit(limit + 1);
  if (filter.orderId !== undefined) query = query.where('device.order_id', '=', filter.orderId);
  if (filter.state !== undefined) query = query.where('device.state', '=', filter.state);
  if (filter.stationId !== undefined) query = query.where('job.station_id', '=', filter.stationId);
  if (filter.after !== undefined) query = query.where('device.device_id', '>', filter.after);
  const rows = await query.execute();
  const devices = rows.slice(0, limit);
  return { devices, next: rows.length > limit ? devices.at(-1)!.device_id : null };
}

async function requireDevice(reader: Kysely<Tables>, deviceId: string): Promise<Selectable<DeviceTable>> {
  const [device] = (await selectDevice(reader, { device_id: deviceId })).rows;
  if (device !== undefined) return device;
  throw new ImprintError('unknown_device', `there is no device ${deviceId}`, {
    hint: 'Check the ID letter by letter, and that this is the authority of its realm.',
  });
}

async function jobOf(
  reader: Kysely<Tables>,
  device: Selectable<DeviceTable>,
): Promise<Selectable<JobTable> | undefined> {
  if (device.job_id === null) return undefined;
  return (await selectJob(reader, { job_id: device.job_id })).rows[0];
}

async function credentialsOf(reader: Kysely<Tables>, deviceId: string): Promise<CredentialView[]> {
  const { rows } = await selectCredentials(reader, { device_id: deviceId });
  return rows.map(({ certificate: _, owner: _owner, lease_expires_at: _lease, ...view }) => view);
}

function parsed(json: string | null): unknown {
  return json === null ? null : (JSON.parse(json) as unknown);
}

const selectDevice = statement<{ device_id: string }, Selectable<DeviceTable>>((db, arg) =>
  db.selectFrom('device').selectAll().where('device_id', '=', arg('device_id')),
);

const selectOrder = statement<
  { order_id: string },
  Pick<ProductionOrderTable, 'product' | 'sku' | 'lot' | 'contract_sha256'> & { revision: string }
>((db, arg) =>
  db
    .selectFrom('production_order')
    .innerJoin('contract', 'contract.contract_sha256', 'production_order.contract_sha256')
    .select([
      'production_order.product',
      'production_order.sku',
      'production_order.lot',
      'production_order.contract_sha256',
      'contract.revision',
    ])
    .where('order_id', '=', arg('order_id')),
);

const selectJob = statement<{ job_id: string }, Selectable<JobTable>>((db, arg) =>
  db.selectFrom('job').selectAll().where('job_id', '=', arg('job_id')),
);

const selectLastAttempt = statement<
  { job_id: string },
  Selectable<AttemptTable> & { operator: string | null }
>((db, arg) =>
  db
    .selectFrom('attempt')
    .leftJoin('person', 'person.operator_id', 'attempt.operator_id')
    .selectAll('attempt')
    .select('person.name as operator')
    .where('job_id', '=', arg('job_id'))
    .orderBy('attempt', 'desc')
    .limit(1),
);

const selectCredentials = statement<{ device_id: string }, Selectable<CredentialTable>>((db, arg) =>
  db
    .selectFrom('credential')
    .selectAll()
    .where('device_id', '=', arg('device_id'))
    .orderBy('intended_at')
    .orderBy('credential_id'),
);

const selectOperations = statement<{ device_id: string }, DeviceReport['operations'][number]>((db, arg) =>
  db
    .selectFrom('operation_result')
    .select(['operation', 'outcome', 'station_id', 'reported_at'])
    .where('device_id', '=', arg('device_id'))
    .orderBy('log_index'),
);

const selectHistory = statement<{ device_id: string }, DeviceReport['history'][number]>((db, arg) =>
  db
    .selectFrom('device_history')
    .select(['log_index', 'at', 'actor', 'field', 'value', 'reason'])
    .where('device_id', '=', arg('device_id'))
    .orderBy('log_index')
    .orderBy('field'),
);
