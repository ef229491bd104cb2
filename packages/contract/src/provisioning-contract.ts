/**
 * The provisioning contract of a product: the one file that says what is written into a unit, where, how the backend
 * verifies it and how it rotates. This module is the door to it; nothing else reads the file.
 */

export { ownOperations } from './provisioning-contract/cross-checks.ts';
export { keyStorageName } from './provisioning-contract/key-storage.ts';
export { type ParsedContract, parseProvisioningContract } from './provisioning-contract/parse.ts';
export {
  contractSchema,
  type DeviceIdGrammar,
  type KeyType,
  type ProvisioningContract,
  type StorageItem,
} from './provisioning-contract/schema.ts';
