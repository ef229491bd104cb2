/** Whether the board in the fixture is one that order and contract ask for, as the station reads it; Attest lets the unit say it itself. */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Selectable } from 'kysely';
import type { ProductionOrderTable } from '../storage/tables.ts';
import type { Job } from './job.ts';

const flashAgain = 'Flash the firmware of the contract and scan again.';

/** @throws evidence_wrong: hardware revision, hardware identifiers, firmware or roll-back counter */
export function requireFitting(
  contract: ProvisioningContract,
  order: Selectable<ProductionOrderTable>,
  job: Job | undefined,
  request: StationRequest<'openJob'>,
): void {
  const refuse = (message: string, hint: string) => new ImprintError('evidence_wrong', message, { hint });
  const revisions = JSON.parse(order.hardware_revisions) as string[];
  if (!revisions.includes(request.hw_rev)) {
    throw refuse(
      `the unit has hardware revision ${request.hw_rev}; order ${order.order_id} takes ${revisions.join(', ')}`,
      'Take the unit out and check which board this is.',
    );
  }
  // manifest and factory configuration of an earlier attempt were made for one revision
  if (job && job.hw_rev !== request.hw_rev) {
    throw refuse(
      `the unit says hardware revision ${request.hw_rev}; it began as ${job.hw_rev}`,
      'Take the unit out and check which board this is.',
    );
  }
  const kinds = new Set(request.hardware_uid.map(({ kind }) => kind));
  const missing = contract.identity.hardware_uid.filter((kind) => !kinds.has(kind));
  if (missing.length > 0) {
    throw refuse(
      `the unit does not say its ${missing.join(', ')}, by which the contract tells units apart`,
      'Check the fixture’s contacts and the unit’s firmware.',
    );
  }
  const { firmware } = contract;
  const found = request.firmware;
  if (found.build_id !== firmware.build_id || found.sha256 !== firmware.sha256) {
    throw refuse(
      `the unit runs firmware ${found.build_id}; the contract asks for ${firmware.build_id} with the hash ${firmware.sha256.slice(0, 12)}…`,
      flashAgain,
    );
  }
  if (found.rollback_counter < firmware.rollback_counter) {
    throw refuse(
      `the unit's roll-back counter is ${found.rollback_counter}; the contract asks for ${firmware.rollback_counter} or more`,
      flashAgain,
    );
  }
}
