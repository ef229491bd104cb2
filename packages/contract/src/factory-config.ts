/** The text that is written to a unit as its factory configuration: what it may know for ever, and nothing secret. */
import { canonicalJson } from './canonical-json.ts';
import { sha256Hex } from './hash.ts';
import type { ProvisioningContract } from './provisioning-contract/schema.ts';

export interface FactoryConfigInput {
  contract: ProvisioningContract;
  contractSha256: string;
  /** SHA-256 of the log's public key, hex: the unit binds its signatures to this log. */
  logId: string;
  realm: string;
  sku: string;
  hwRev: string;
}

/** Canonical JSON, ASCII. The unit keeps and hashes the text as it stands, and reads `log_id` and `contract_sha256` from it. */
export function factoryConfigText(input: FactoryConfigInput): string {
  return canonicalJson({
    config_version: input.contract.factory_configuration.version,
    contract_revision: input.contract.revision,
    contract_sha256: input.contractSha256,
    hw_rev: input.hwRev,
    log_id: input.logId,
    product: input.contract.product,
    realm: input.realm,
    sku: input.sku,
    values: input.contract.factory_configuration.values,
  });
}

/** SHA-256 over the canonical JSON of the contract's storage map; the firmware carries it (C header) and attests it. */
export function storageMapSha256(contract: ProvisioningContract): string {
  return sha256Hex(new TextEncoder().encode(canonicalJson(contract.storage_map)));
}
