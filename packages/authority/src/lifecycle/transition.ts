/**
 * The one decision by which people (and stations, where they may) move a device along its lifecycle: the table of the
 * contract package, the product's policy, the second person, and with the move all that follows from it, or nothing.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { isSecurityCode } from '@imprint/contract/failure-code';
import { checkTransition, type LifecycleState, type Transition } from '@imprint/contract/lifecycle';
import type { Selectable } from 'kysely';
import type { Job } from '../jobs/job.ts';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, DeviceHistoryTable, DeviceTable } from '../storage/tables.ts';
import type { Approved } from './approved.ts';
import { consequenceDrafts } from './consequences.ts';

export interface LifecycleCore {
  contracts: ContractShelf;
  approved: Approved;
}

/** Where a person sends a device; `released`: out of quarantine, to the state that it was set aside from. */
export type Destination = LifecycleState | 'released';

export interface TransitionRequest {
  by: Actor;
  deviceId: string;
  to: Destination;
  /** Stands in the log. Null where the actor gives none of their own, and the table asks for none. */
  reason: string | null;
  /** The list that this device stands in, where several are moved by one act. */
  list: DeviceListMark | null;
}

/** What names a list of devices to whoever approves it. */
export interface DeviceListMark {
  count: number;
  devices_sha256: string;
  order_id: string | null;
}

export interface Moved {
  device_id: string;
  from: LifecycleState;
  to: LifecycleState;
  /** `moved`: by this request; `before`: it was there already, and nothing was written. */
  outcome: 'moved' | 'before';
  entries: Draft[];
}

type Device = Selectable<DeviceTable>;

/**
 * The entries that move one device, in the order in which they hold: what it was trusted with is revoked before it moves.
 * None where it is in that state already; a device that was shipped before is that only under the same reason.
 * @throws unknown_device, transition_refused (table, policy, or a state that it did not leave), device_returned, approval_required,
 * approval_invalid, not_authorized, bad_request (no reason)
 */
export async function transitionDrafts(
  reading: Reading,
  core: LifecycleCore,
  request: TransitionRequest,
): Promise<Moved> {
  const device = await requireDevice(reading, request.deviceId);
  const from = device.state;
  const { to, reached } = await destination(reading, device, request);
  if (reached) return { device_id: device.device_id, from, to, outcome: 'before', entries: [] };
  const row = checkTransition(from, to, request.by.kind);
  const reason = reasonOf(row, request);
  const job = await lastJob(reading, device);
  if (row.onlyBack) await requireBack(reading, device, to);
  await requirePolicy(reading, core, device, to, request.by);
  await requireLiveCredential(reading, device, to);
  const entries: Draft[] = [
    ...(await secondPerson(reading, core, row, job, request)),
    ...(await consequenceDrafts(reading, { device, job, to, by: request.by, reason })),
    {
      type: 'device.transitioned',
      actor: request.by,
      data: { device_id: device.device_id, from, to, reason },
    },
  ];
  return { device_id: device.device_id, from, to, outcome: 'moved', entries };
}

/** Moves one device. @throws as {@link transitionDrafts} */
export function transitionDevice(
  ledger: Ledger,
  core: LifecycleCore,
  request: Omit<TransitionRequest, 'list'>,
): Promise<Omit<Moved, 'entries'>> {
  return ledger.submit(async (reading) => {
    const { entries, ...moved } = await transitionDrafts(reading, core, { ...request, list: null });
    return { entries, reply: () => moved };
  });
}

/** Where the request leads, and whether the device is there already. @throws transition_refused */
async function destination(
  reading: Reading,
  device: Device,
  { to, reason }: TransitionRequest,
): Promise<{ to: LifecycleState; reached: boolean }> {
  if (to === 'released') return { to: await stateToRelease(reading, device), reached: false };
  if (device.state !== to) return { to, reached: false };
  if (to !== 'shipped') return { to, reached: true };
  // the same ID in two deliveries is a wrong record or a copied label, and no repetition
  const [last] = await stateChanges(reading, device.device_id);
  if (last?.reason === (reason ?? fixedReasons.shipped)) return { to, reached: true };
  throw new ImprintError(
    'transition_refused',
    `${device.device_id} was shipped before, at ${last?.at}: ${last?.reason}`,
    { hint: 'Look at the label in your hand: this ID has left already. Set the unit aside if it is here.' },
  );
}

async function stateToRelease(reading: Reading, device: Device): Promise<LifecycleState> {
  if (device.state !== 'quarantined') {
    throw new ImprintError(
      'transition_refused',
      `${device.device_id} is ${device.state}: only what is quarantined is released`,
      { hint: `See its history: imprint device show ${device.device_id}.` },
    );
  }
  const left = await stateLeft(reading, device);
  if (left !== 'lost') return left;
  throw new ImprintError('transition_refused', `${device.device_id} was lost before it was set aside`, {
    hint: 'Whoever had it meanwhile is not known: return it, and refurbish or scrap it.',
  });
}

const fixedReasons: Partial<Record<LifecycleState, string>> & { shipped: string } = {
  manufactured: 'manufactured',
  stocked: 'counted into stock',
  shipped: 'shipped',
};

/** @throws bad_request */
function reasonOf(row: Transition, { reason, deviceId }: TransitionRequest): string {
  if (reason !== null && reason.trim() !== '' && reason.length <= 500) return reason;
  const fixed = fixedReasons[row.to];
  if (reason === null && !row.reasonRequired && fixed !== undefined) return fixed;
  throw new ImprintError('bad_request', `why does ${deviceId} become ${row.to}? A reason is needed`, {
    hint: 'Give it in one sentence of at most 500 characters; it stands in the log.',
  });
}

/** A release leads to the state that was left, and nowhere else. @throws transition_refused */
async function requireBack(reading: Reading, device: Device, to: LifecycleState): Promise<void> {
  const left = await stateLeft(reading, device);
  if (left === to) return;
  throw new ImprintError(
    'transition_refused',
    `${device.device_id} was ${left} when it was set aside; it cannot become ${to}`,
    { hint: `Release it to where it was: ${left}.`, context: { from: device.state, to, left } },
  );
}

/** The state before the present one. */
async function stateLeft(reading: Reading, { device_id }: Device): Promise<LifecycleState> {
  const [, before] = await stateChanges(reading, device_id);
  if (before !== undefined) return before.value as LifecycleState;
  throw new ImprintError('log_inconsistent', `the history of ${device_id} does not say what it was before`, {
    hint: 'Run imprint audit verify.',
  });
}

/** What the product's contract says of units that come back. @throws transition_refused */
async function requirePolicy(
  reading: Reading,
  core: LifecycleCore,
  device: Device,
  to: LifecycleState,
  by: Actor,
): Promise<void> {
  if (to !== 'refurbished' || device.state !== 'returned') return;
  const { contract_sha256 } = await reading.tx
    .selectFrom('production_order')
    .select('contract_sha256')
    .where('order_id', '=', device.order_id)
    .executeTakeFirstOrThrow();
  const { product, rework } = await core.contracts.get(reading.tx, contract_sha256);
  if (by.kind === 'station' && (rework.custody_lost === 'scrap' || rework.accepted_by !== 'station')) {
    const waits =
      rework.custody_lost === 'scrap' ? 'is to be scrapped' : 'was not accepted for refurbishing yet';
    throw new ImprintError('device_returned', `${device.device_id} came back from the field and ${waits}`, {
      hint: 'Lay the unit into the box of returns and call the line lead, who accepts it or scraps it.',
    });
  }
  if (rework.custody_lost === 'scrap') {
    throw new ImprintError(
      'transition_refused',
      `the contract of ${product} refurbishes nothing: what came back is scrapped`,
      { hint: `imprint device scrap ${device.device_id} --reason …` },
    );
  }
}

/** What goes to stock, to a customer or into use has to be able to prove itself. @throws transition_refused */
async function requireLiveCredential(reading: Reading, device: Device, to: LifecycleState): Promise<void> {
  if (to !== 'stocked' && to !== 'shipped' && to !== 'activated') return;
  const { rows } = await selectActive(reading.tx, { device_id: device.device_id });
  if (rows.length > 0) return;
  throw new ImprintError(
    'transition_refused',
    `${device.device_id} has no live certificate: it was revoked, or never issued`,
    { hint: 'Set it aside and scrap it, or return it and have it refurbished.' },
  );
}

/** The entries that use up the approval, where this takes one. @throws as {@link Approved} */
async function secondPerson(
  reading: Reading,
  core: LifecycleCore,
  row: Transition,
  job: Job | undefined,
  { by, deviceId, list }: TransitionRequest,
): Promise<Draft[]> {
  if (row.approval === 'in-bulk' && list !== null && list.count > 1) {
    return core.approved(reading, by, { act: 'device.ship-bulk', parameters: list });
  }
  // the code stays with the job, whatever became of it: a detour through other states is no way around the second person
  const code = job?.failure_code ?? null;
  if (row.approval !== 'security-code' || code === null || !isSecurityCode(code)) return [];
  const parameters = { device_id: deviceId, to: row.to };
  return core.approved(reading, by, { act: 'quarantine.release', parameters });
}

async function requireDevice(reading: Reading, deviceId: string): Promise<Device> {
  const [device] = (await selectDevice(reading.tx, { device_id: deviceId })).rows;
  if (device !== undefined) return device;
  throw new ImprintError('unknown_device', `there is no device ${deviceId}`, {
    hint: 'Check the ID letter by letter, and that this is the authority of its realm.',
  });
}

/** The newest job, whether it is the present one or a former one. */
async function lastJob(reading: Reading, { job_id }: Device): Promise<Job | undefined> {
  if (job_id === null) return undefined;
  return reading.tx.selectFrom('job').selectAll().where('job_id', '=', job_id).executeTakeFirst();
}

type StateChange = Pick<DeviceHistoryTable, 'at' | 'value' | 'reason'>;

/** The two newest changes of the device's state, the newest first. */
async function stateChanges(reading: Reading, deviceId: string): Promise<StateChange[]> {
  return (await selectStates(reading.tx, { device_id: deviceId })).rows;
}

const selectDevice = statement<{ device_id: string }, Device>((db, arg) =>
  db.selectFrom('device').selectAll().where('device_id', '=', arg('device_id')),
);

const selectStates = statement<{ device_id: string }, StateChange>((db, arg) =>
  db
    .selectFrom('device_history')
    .select(['at', 'value', 'reason'])
    .where('device_id', '=', arg('device_id'))
    .where('field', '=', 'state')
    .orderBy('log_index', 'desc')
    .limit(2),
);

const selectActive = statement<{ device_id: string }, Pick<CredentialTable, 'credential_id'>>((db, arg) =>
  db
    .selectFrom('credential')
    .select('credential_id')
    .where('device_id', '=', arg('device_id'))
    .where('profile', '=', 'idevid')
    .where('status', '=', 'active')
    .limit(1),
);
