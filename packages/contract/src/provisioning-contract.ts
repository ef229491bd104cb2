/**
 * The provisioning contract of a product: the one file that says what is written into a unit, where, how the backend
 * verifies it and how it rotates. This module is the door to it; nothing else reads the file.
 */

export type {
  DeviceIdGrammar,
  KeyType,
  ProvisioningContract,
  StorageItem,
} from './provisioning-contract/schema.ts';
