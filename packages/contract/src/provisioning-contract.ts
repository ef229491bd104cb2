/**
 * The provisioning contract of a product: the one file that says what is written into a unit, where, how the backend
 * verifies it and how it rotates. This module is the door to it; nothing else reads the file.
 */

export { type HeaderPins, renderCHeader } from './provisioning-contract/c-header.ts';
export { ownOperations } from './provisioning-contract/cross-checks.ts';
export { contractJsonSchema } from './provisioning-contract/json-schema.ts';
export { keyStorageName } from './provisioning-contract/key-storage.ts';
export { type ParsedContract, parseProvisioningContract } from './provisioning-contract/parse.ts';
export { renderContract } from './provisioning-contract/render.ts';
export {
  contractSchema,
  type DeviceIdGrammar,
  type KeyType,
  type ProvisioningContract,
  type StorageItem,
} from './provisioning-contract/schema.ts';
