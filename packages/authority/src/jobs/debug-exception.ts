/**
 * A device whose debug port stays open against its contract: allowed for one device, before it is made, by two people (I-18), where
 * its contract has exceptions at all. It stands on the device's record and on its receipt for ever.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import { requireApproval } from '../access/require-approval.ts';
import type { Ledger, Reading } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';

/**
 * Allows it.
 * @throws unknown_device, device_already_done, bad_request where the contract has no exceptions or there is one already;
 * approval_required, approval_invalid
 */
export function allowDebug(
  ledger: Ledger,
  contracts: ContractShelf,
  by: Actor,
  deviceId: string,
  reason: string,
): Promise<{ device_id: string; approval_id: string | null }> {
  return ledger.submit(async (reading) => {
    await requireOpenTo(reading, contracts, deviceId);
    const approved = await requireApproval(reading, 'debug.exception', { device_id: deviceId }, by);
    const used = approved.find((entry) => entry.type === 'approval.used');
    const data = { device_id: deviceId, approval_id: used?.data.approval_id ?? null, reason };
    return {
      entries: [...approved, { type: 'device.debug-allowed', actor: by, data }],
      reply: () => ({ device_id: deviceId, approval_id: data.approval_id }),
    };
  });
}

/** The exception that lets this device's port be open; null where it has none, or where its contract knows none. */
export async function debugExceptionOf(
  { tx }: Pick<Reading, 'tx'>,
  { lock_policy }: ProvisioningContract,
  deviceId: string,
): Promise<string | null> {
  if (lock_policy.exception === 'never') return null;
  const device = await tx
    .selectFrom('device')
    .select('debug_exception')
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  return device?.debug_exception ?? null;
}

async function requireOpenTo(reading: Reading, contracts: ContractShelf, deviceId: string): Promise<void> {
  const device = await reading.tx
    .selectFrom('device')
    .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
    .select([
      'device.state',
      'device.debug_exception',
      'device.completed_index',
      'production_order.contract_sha256',
    ])
    .where('device.device_id', '=', deviceId)
    .executeTakeFirst();
  if (device === undefined) {
    throw new ImprintError('unknown_device', `there is no device ${deviceId}`, {
      hint: 'Check the ID; an order allocates it.',
    });
  }
  if (device.state !== 'allocated' || device.completed_index !== null) {
    throw new ImprintError(
      'device_already_done',
      `${deviceId} is made already: its port is as its receipt says`,
      {
        hint: 'Allow it before the unit is sealed.',
      },
    );
  }
  if (device.debug_exception !== null) {
    throw new ImprintError('bad_request', `${deviceId} has an exception already: ${device.debug_exception}`, {
      hint: 'See imprint device show.',
    });
  }
  const { lock_policy, product } = await contracts.get(reading.tx, device.contract_sha256);
  if (lock_policy.exception === 'approval' && lock_policy.debug !== 'open') return;
  throw new ImprintError('bad_request', `the contract of ${product} knows no exception to its debug lock`, {
    hint: 'A contract that has them says lock_policy.exception: approval.',
  });
}
