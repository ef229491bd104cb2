/** Makes the manifest that the authority pins in a job: the contract, filled in for one unit. */

import { ImprintError } from '../errors.ts';
import { keyStorageName, type ProvisioningContract, type StorageItem } from '../provisioning-contract.ts';
import type { JobManifest } from './schema.ts';

export interface ManifestInput {
  deviceId: string;
  hwRev: string;
  sku: string;
  /** File names of the chain, issuing certificate first. */
  chain?: string[];
  /** How long the unit's self-test may take. */
  selftestTimeoutS?: number;
}

/**
 * The manifest for one unit under a contract. Its irreversible steps are last already, so a plan moves nothing.
 *
 * @param sha256 of the contract's file
 * @throws ImprintError `manifest_invalid` where SKU or hardware revision is not the contract's.
 */
export function manifestFromContract(
  contract: ProvisioningContract,
  sha256: string,
  input: ManifestInput,
): JobManifest {
  refuseUnless(contract.skus.includes(input.sku), `the contract has no SKU ${input.sku}`);
  refuseUnless(
    contract.hardware_revisions.includes(input.hwRev),
    `the contract has no hardware revision ${input.hwRev}`,
  );
  return {
    job_version: 1,
    device: { device_id: input.deviceId, hw_rev: input.hwRev, sku: input.sku },
    security: {
      key_type: contract.credential.key_type,
      key_storage: keyStorageName(contract),
      certs: {
        device_cert: `${input.deviceId}.crt`,
        chain: input.chain ?? ['mfg-intermediate.crt', 'root-ca.crt'],
      },
    },
    firmware: { build_id: contract.firmware.build_id, expected_sha256: contract.firmware.sha256 },
    provision_steps: [
      { name: 'write-trust-anchor', args: written(contract, 'trust_anchor') },
      {
        name: 'write-device-id',
        args: { target_partition: partitionOf(contract, 'device_id'), encode: 'ascii' },
      },
      { name: 'write-factory-config', args: written(contract, 'factory_config') },
      { name: 'write-certs', args: written(contract, 'device_cert') },
      { name: 'post-provision-selftest', args: { timeout_s: input.selftestTimeoutS ?? 15 } },
      { name: 'program-boot-flags', args: { ...contract.boot_flags } },
      ...lockStep(contract),
    ],
    contract: { product: contract.product, revision: contract.revision, sha256 },
  };
}

function lockStep({ lock_policy }: ProvisioningContract): JobManifest['provision_steps'] {
  if (lock_policy.debug === 'open') return [];
  return [{ name: 'lock-debug', args: { permanent: lock_policy.debug === 'locked-permanently' } }];
}

function written(contract: ProvisioningContract, item: StorageItem['item']) {
  return { target_partition: partitionOf(contract, item), verify_readback: true };
}

function partitionOf(contract: ProvisioningContract, item: StorageItem['item']): string {
  const entry = contract.storage_map.find((candidate) => candidate.item === item);
  if (entry === undefined) {
    throw new ImprintError('contract_invalid', `storage_map does not say where ${item} lies`);
  }
  return entry.partition;
}

function refuseUnless(condition: boolean, message: string): void {
  if (condition) return;
  throw new ImprintError('manifest_invalid', message, {
    hint: 'Choose one that the contract names, or add it in a new contract revision.',
  });
}
