/**
 * Many devices by one act: each with an outcome of its own, a few at a time so that the line does not wait, and to be begun
 * anew after any interruption. What leaves in bulk leaves only where people counted as many.
 */
import type { TransitionOutcome } from '@imprint/contract/api/lifecycle';
import type { Actor } from '@imprint/contract/audit/entry';
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Ledger } from '../ledger/ledger.ts';
import { eachOfList, listMark, requireAsCounted } from './each-of-list.ts';
import {
  type Destination,
  type DeviceListMark,
  type LifecycleCore,
  type TransitionRequest,
  transitionDrafts,
} from './transition.ts';

export interface ListedDevice {
  deviceId: string;
  /** Its own reason, in the place of the list's. */
  reason: string | null;
}

export interface ListRequest {
  by: Actor;
  to: Destination;
  reason: string | null;
  devices: readonly ListedDevice[];
  /** The order whose stock it is, where it is one's. */
  orderId?: string;
  /** How many things people counted; null where nobody did. */
  count: number | null;
  dryRun: boolean;
}

export interface ListOutcome {
  moved: number;
  before: number;
  refused: number;
  outcomes: TransitionOutcome[];
}

/** What stands against one device; everything else stands against the whole list, which is sent again. */
const ofOneDevice: readonly ErrorCode[] = [
  'approval_invalid',
  'approval_required',
  'bad_request',
  'device_returned',
  'transition_refused',
  'unknown_device',
];

/**
 * Moves every device of the list, or says what would come of it. `onOutcomes` is called after each tick with what is durable.
 * @throws bad_request (a device twice, too many, shipping without a count), count_wrong, approval_required: nothing was changed then;
 * storage_failed, clock_untrusted, unavailable: the devices that were told of are moved, the list is sent again
 */
export async function transitionList(
  ledger: Ledger,
  core: LifecycleCore,
  request: ListRequest,
  onOutcomes: (outcomes: readonly TransitionOutcome[]) => void = () => {},
): Promise<ListOutcome> {
  const mark = markOf(request);
  await requireCounted(ledger, core, request, mark);
  const result: ListOutcome = { moved: 0, before: 0, refused: 0, outcomes: [] };
  result.outcomes = await eachOfList(
    request.devices,
    (row) => moveOne(ledger, core, request, mark, row),
    (outcomes) => {
      for (const { outcome } of outcomes) result[outcome]++;
      onOutcomes(outcomes);
    },
  );
  return result;
}

async function moveOne(
  ledger: Ledger,
  core: LifecycleCore,
  { by, to, reason, dryRun }: ListRequest,
  list: DeviceListMark,
  row: ListedDevice,
): Promise<TransitionOutcome> {
  const one: TransitionRequest = { by, deviceId: row.deviceId, to, reason: row.reason ?? reason, list };
  // a dry run says what stands against each device, beside the approval that the whole list still needs
  const asked: LifecycleCore = dryRun ? { ...core, approved: exceptTheList(core) } : core;
  try {
    return await ledger.submit(async (reading) => {
      const { entries, ...moved } = await transitionDrafts(reading, asked, one);
      const reply = { ...moved, code: null, message: null, hint: null };
      return { entries: dryRun ? [] : entries, reply: () => reply };
    });
  } catch (error) {
    if (!isImprintError(error, ...ofOneDevice)) throw error;
    const { code, message, hint = null } = error;
    return { device_id: row.deviceId, outcome: 'refused', from: null, to: null, code, message, hint };
  }
}

function exceptTheList({ approved }: LifecycleCore): LifecycleCore['approved'] {
  return async (reading, by, act) => (act.act === 'device.ship-bulk' ? [] : approved(reading, by, act));
}

/** Before the first of a list leaves: it is as long as people counted, every device is there to leave, and a second person agrees. */
async function requireCounted(
  ledger: Ledger,
  core: LifecycleCore,
  request: ListRequest,
  mark: DeviceListMark,
): Promise<void> {
  const { devices, to, count, by, dryRun } = request;
  requireAsCounted(count, devices.length);
  if (to !== 'shipped' || devices.length === 1) return;
  if (count === null) {
    throw new ImprintError('bad_request', 'nobody has said how many things leave', {
      hint: 'Count what lies there, and give that number.',
    });
  }
  const notThere = await notReadyToShip(ledger, request);
  if (notThere.length > 0) {
    throw new ImprintError(
      'count_wrong',
      `${count} were counted, and ${count - notThere.length} of the list can leave`,
      {
        hint: `Look for these first: ${notThere
          .slice(0, 5)
          .map(({ deviceId, state }) => `${deviceId} (${state})`)
          .join(', ')}.`,
        context: { counted: count, not_in_stock: notThere.length },
      },
    );
  }
  if (dryRun) return;
  await ledger.submit(async (reading) => {
    const entries = await core.approved(reading, by, { act: 'device.ship-bulk', parameters: mark });
    return { entries, reply: () => undefined };
  });
}

/** The devices of the list that are neither in stock with a live certificate nor shipped by this same act before. */
async function notReadyToShip(
  ledger: Ledger,
  { devices, reason }: ListRequest,
): Promise<{ deviceId: string; state: string }[]> {
  const found: { deviceId: string; state: string }[] = [];
  for (let at = 0; at < devices.length; at += limits.pageRows) {
    const some = devices.slice(at, at + limits.pageRows);
    const rows = await ledger.reader
      .selectFrom('device')
      .select((device) => [
        'device_id',
        'state',
        device
          .selectFrom('device_history')
          .select('device_history.reason')
          .whereRef('device_history.device_id', '=', 'device.device_id')
          .where('device_history.field', '=', 'state')
          .orderBy('device_history.log_index', 'desc')
          .limit(1)
          .as('last_reason'),
        device
          .selectFrom('credential')
          .select((credential) => credential.fn.countAll<number>().as('count'))
          .whereRef('credential.device_id', '=', 'device.device_id')
          .where('credential.profile', '=', 'idevid')
          .where('credential.status', '=', 'active')
          .as('live'),
      ])
      .where(
        'device_id',
        'in',
        some.map(({ deviceId }) => deviceId),
      )
      .execute();
    const known = new Map(rows.map((row) => [row.device_id, row]));
    for (const row of some) {
      const device = known.get(row.deviceId);
      const isBefore =
        device?.state === 'shipped' && device.last_reason === (row.reason ?? reason ?? 'shipped');
      if (device?.state === 'stocked' && Number(device.live) === 0) {
        found.push({ deviceId: row.deviceId, state: 'without a live certificate' });
      } else if (device?.state !== 'stocked' && !isBefore) {
        found.push({ deviceId: row.deviceId, state: device?.state ?? 'unknown' });
      }
    }
  }
  return found;
}

/** @throws bad_request */
function markOf({ devices, orderId }: ListRequest): DeviceListMark {
  const { count, sha256 } = listMark(devices.map(({ deviceId }) => deviceId));
  return { count, devices_sha256: sha256, order_id: orderId ?? null };
}

/**
 * What leaves with an order: its devices in stock, and those that left under this reason before, as after an interruption. In the
 * order of their IDs.
 * @throws unknown_order
 */
export async function stockOfOrder(
  ledger: Pick<Ledger, 'reader'>,
  orderId: string,
  reason: string,
): Promise<ListedDevice[]> {
  const order = await ledger.reader
    .selectFrom('production_order')
    .select('order_id')
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  if (order === undefined) {
    throw new ImprintError('unknown_order', `there is no order ${orderId}`, {
      hint: 'See imprint order list.',
    });
  }
  const rows = await ledger.reader
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', orderId)
    .where((device) =>
      device.or([
        device('state', '=', 'stocked'),
        device.and([
          device('state', '=', 'shipped'),
          device.exists(
            device
              .selectFrom('device_history')
              .select('device_history.log_index')
              .whereRef('device_history.device_id', '=', 'device.device_id')
              .where('device_history.field', '=', 'state')
              .where('device_history.value', '=', 'shipped')
              .where('device_history.reason', '=', reason),
          ),
        ]),
      ]),
    )
    .orderBy('device_id')
    .execute();
  return rows.map(({ device_id }) => ({ deviceId: device_id, reason: null }));
}
