/** What a new job is pinned to: its manifest and factory configuration, made from the contract for this one board. */
import type { StationRequest } from '@imprint/contract/api/station';
import type { EntryData } from '@imprint/contract/audit/entry';
import { factoryConfigText } from '@imprint/contract/factory-config';
import { manifestFromContract, pinManifest } from '@imprint/contract/job-manifest';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Selectable } from 'kysely';
import type { ProductionOrderTable } from '../storage/tables.ts';
import type { LineCore } from './line-core.ts';

export function newJobData(
  { logId, realm }: Pick<LineCore, 'logId' | 'realm'>,
  contract: ProvisioningContract,
  order: Selectable<ProductionOrderTable>,
  {
    jobId,
    deviceId,
    request,
  }: {
    jobId: string;
    deviceId: string;
    request: Pick<StationRequest<'openJob'>, 'hardware_uid' | 'hw_rev'>;
  },
): EntryData<'job.opened'> {
  const { sku, contract_sha256: contractSha256 } = order;
  const { hw_rev: hwRev } = request;
  const manifest = pinManifest(manifestFromContract(contract, contractSha256, { deviceId, hwRev, sku }));
  return {
    job_id: jobId,
    order_id: order.order_id,
    device_id: deviceId,
    hardware_uid: request.hardware_uid,
    sku,
    hw_rev: hwRev,
    contract_sha256: contractSha256,
    manifest_sha256: manifest.sha256,
    manifest: manifest.text,
    factory_config: factoryConfigText({ contract, contractSha256, logId, realm, sku, hwRev }),
  };
}
