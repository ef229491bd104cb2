/** What the keys of a provisioning contract must agree on among themselves: each disagreement is an error. */

import { grammarFaults } from '../device-id.ts';
import { factoryConfigText } from '../factory-config.ts';
import { limits } from '../limits.ts';
import type { YamlPath } from '../strict-yaml.ts';
import { keyStorageName } from './key-storage.ts';
import type { ProvisioningContract, StorageItem } from './schema.ts';
import { isNamedLikeSecret, secretFaults } from './secret-remarks.ts';

/** A remark about the value at a path; where it stands in the file is the caller's to know. */
export interface Remark {
  path: YamlPath;
  message: string;
  hint: string;
}

/** Every disagreement in a contract whose single keys are in order. */
export function crossChecks(contract: ProvisioningContract): Remark[] {
  return [
    ...grammarRemarks(contract),
    ...storageRemarks(contract),
    ...configurationRemarks(contract),
    ...lockRemarks(contract),
    ...routeRemarks(contract),
    ...validityRemarks(contract),
    ...custodyRemarks(contract),
    ...operationalRemarks(contract),
  ];
}

/**
 * What stands against registering a contract that is new, beside {@link crossChecks}: contracts that were registered before there was this
 * rule stay valid under their hash.
 */
export function newContractRemarks({ onboarding, operational }: ProvisioningContract): Remark[] {
  if (onboarding === 'factory' || operational !== undefined) return [];
  return [
    {
      path: ['onboarding'],
      message: `onboarding ${onboarding} fetches an operational credential, and the contract does not say what it is`,
      hint: 'Add operational: { validity_days: 30 }, or set onboarding to factory.',
    },
  ];
}

/** Operations that Imprint itself carries out. All others are another program's, and external. */
export const ownOperations = ['provision', 'seal', 'pack'] as const;

const storageItems = [
  'trust_anchor',
  'device_id',
  'factory_config',
  'device_cert',
  'chain',
  'private_key',
  'boot_flags',
  'debug_lock',
] as const satisfies StorageItem['item'][];

function grammarRemarks({ identity, credential }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = grammarFaults(identity.grammar).map(({ field, message, hint }) => ({
    path: ['identity', 'grammar', field],
    message,
    hint,
  }));
  const inElement = identity.borne_by.indexOf('secure-element');
  if (inElement >= 0 && credential.storage.class !== 'secure-element') {
    remarks.push({
      path: ['identity', 'borne_by', inElement],
      message: 'the ID is borne by a secure element, but the key is not stored in one',
      hint: 'Name the carrier that the unit has, or set credential.storage.class to secure-element.',
    });
  }
  return remarks;
}

function storageRemarks({ storage_map: map }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  for (const item of storageItems) {
    const entries = map.filter((entry) => entry.item === item).length;
    if (entries === 1) continue;
    remarks.push({
      path: ['storage_map'],
      message:
        entries === 0 ? `storage_map does not say where ${item} lies` : `storage_map names ${item} twice`,
      hint: 'Each item that is written stands in the map once.',
    });
  }
  for (const [index, entry] of map.entries()) {
    const isKey = entry.item === 'private_key';
    const say = (field: string, message: string, hint: string) =>
      remarks.push({ path: ['storage_map', index, field], message, hint });
    if (isKey && entry.read_back !== 'forbidden') {
      say('read_back', 'a private key is never read back', 'Set read_back to forbidden.');
    }
    if (isKey !== (entry.access === 'sign-only')) {
      say(
        'access',
        `access sign-only is for private_key and nothing else, not ${entry.access} for ${entry.item}`,
        'Correct it.',
      );
    }
    if (!isKey && entry.read_back === 'forbidden') {
      say(
        'read_back',
        `${entry.item} is written, so it must be read back`,
        'Set read_back to required or hash.',
      );
    }
    if ((entry.item === 'device_id' || entry.item === 'device_cert') && entry.read_back === 'hash') {
      say(
        'read_back',
        `${entry.item} must be read back whole: it is compared with the label and verified`,
        'Set read_back to required.',
      );
    }
  }
  return remarks;
}

function configurationRemarks(contract: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  const { values } = contract.factory_configuration;
  for (const { name, path } of deferredPlaces(contract)) {
    if (!Object.hasOwn(values, name)) continue;
    remarks.push({
      path,
      message: `${name} is both factory configuration and deferred`,
      hint: 'Write it on the line, or deliver it after activation; not both.',
    });
  }
  remarks.push(...deferredRemarks(contract), ...secretFaults(values));
  const slot = `slot-${contract.credential.storage.slot}`;
  if (Object.hasOwn(values, 'key_handle') && values.key_handle !== slot) {
    remarks.push({
      path: ['factory_configuration', 'values', 'key_handle'],
      message: `key_handle does not name the slot of the key, ${keyStorageName(contract)}`,
      hint: `Set it to ${slot}.`,
    });
  }
  const index = contract.storage_map.findIndex((entry) => entry.item === 'factory_config');
  const room = Math.min(
    contract.storage_map[index]?.max_bytes ?? factoryConfigBytesMax,
    factoryConfigBytesMax,
  );
  const needed = longestFactoryConfig(contract);
  if (needed > room) {
    remarks.push({
      path: ['storage_map', index, 'max_bytes'],
      message: `factory_config can take ${needed} bytes and has room for ${room}`,
      hint: 'Give it more room, or move values to deferred_configuration.',
    });
  }
  return remarks;
}

function deferredPlaces({ deferred_configuration: { names = [], values = {} } }: ProvisioningContract) {
  return [
    ...names.map((name, at) => ({ name, path: ['deferred_configuration', 'names', at] })),
    ...Object.keys(values).map((name) => ({ name, path: ['deferred_configuration', 'values', name] })),
  ];
}

function deferredRemarks({ deferred_configuration: deferred }: ProvisioningContract): Remark[] {
  const { names = [], values = {} } = deferred;
  const remarks: Remark[] = [];
  for (const [name, type] of Object.entries(values)) {
    const path = ['deferred_configuration', 'values', name];
    if (names.includes(name)) {
      remarks.push({ path, message: `${name} stands among names too`, hint: 'Leave it out of names.' });
    }
    if (type.type !== 'boolean' && type.secret === undefined && isNamedLikeSecret(name)) {
      remarks.push({
        path,
        message: `${name} is named like a secret, and the contract does not say whether it is one`,
        hint: 'Add secret: true, which keeps it out of logs and lists, or secret: false.',
      });
    }
  }
  if (names.length + Object.keys(values).length > limits.configurationNames) {
    remarks.push({
      path: ['deferred_configuration'],
      message: `more than ${limits.configurationNames} names are deferred`,
      hint: 'Put what belongs together into one text.',
    });
  }
  return remarks;
}

/** The unit's protocol carries no longer one. */
const factoryConfigBytesMax = 8_192;

/** Bytes of the longest text that is written as factory configuration under this contract. */
function longestFactoryConfig(contract: ProvisioningContract): number {
  const longest = (texts: string[]) => texts.reduce((a, b) => (b.length > a.length ? b : a));
  return factoryConfigText({
    contract,
    contractSha256: '0'.repeat(64),
    logId: '0'.repeat(64),
    realm: 'prod',
    sku: longest(contract.skus),
    hwRev: longest(contract.hardware_revisions),
  }).length;
}

function lockRemarks({ lock_policy, boot_flags, storage_map: map }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  if (lock_policy.debug === 'open' && boot_flags.disable_jtag) {
    remarks.push({
      path: ['boot_flags', 'disable_jtag'],
      message: 'disable_jtag burns the debug port shut while lock_policy leaves it open',
      hint: 'Set disable_jtag to false for bring-up, or lock_policy.debug to locked.',
    });
  }
  const index = map.findIndex((entry) => entry.item === 'debug_lock');
  if (lock_policy.debug === 'locked-permanently' && index >= 0 && map[index]?.access !== 'one-way') {
    remarks.push({
      path: ['storage_map', index, 'access'],
      message: 'a permanent debug lock lies in a fuse, which is one-way',
      hint: 'Set access to one-way, or lock_policy.debug to locked.',
    });
  }
  return remarks;
}

function routeRemarks({ route }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  const say = (index: number, message: string, hint: string) =>
    remarks.push({ path: index < 0 ? ['route'] : ['route', index], message, hint });
  const operations = route.map((step) => step.operation);

  for (const [index, { operation, external }] of route.entries()) {
    const isOwn = (ownOperations as readonly string[]).includes(operation);
    if (isOwn && external === true) say(index, `${operation} is not external`, 'Remove external.');
    if (!isOwn && external !== true) {
      say(
        index,
        `${operation} is no operation of ours`,
        `Ours are ${ownOperations.join(', ')}; mark others external: true.`,
      );
    }
    if (operations.indexOf(operation) < index)
      say(index, `${operation} stands twice`, 'Name each operation once.');
  }
  for (const operation of ['provision', 'seal']) {
    if (!operations.includes(operation))
      say(-1, `the route has no ${operation}`, `Add { operation: ${operation} }.`);
  }
  const [provision, seal, pack] = ownOperations.map((operation) => operations.indexOf(operation)) as [
    number,
    number,
    number,
  ];
  if (seal >= 0 && seal < provision) {
    say(seal, 'seal stands before provision', 'What cannot be undone comes after the identity is proven.');
  }
  if (pack >= 0 && pack !== route.length - 1) {
    say(pack, 'pack is not the last operation', 'It proves the unit as it ships: nothing may follow.');
  }
  return remarks;
}

function validityRemarks({ credential: { profile } }: ProvisioningContract): Remark[] {
  if (profile.validity === 'forever' || profile.successor_days < profile.validity.days) return [];
  return [
    {
      path: ['credential', 'profile', 'successor_days'],
      message: 'a superseded credential would be accepted for longer than it is valid',
      hint: 'Make successor_days smaller than validity.days.',
    },
  ];
}

function operationalRemarks({ operational, credential }: ProvisioningContract): Remark[] {
  const { successor_days } = credential.profile;
  if (operational === undefined || successor_days < operational.validity_days) return [];
  return [
    {
      path: ['operational', 'validity_days'],
      message: 'a superseded operational credential would be accepted for longer than it is valid',
      hint: 'Make it larger than credential.profile.successor_days.',
    },
  ];
}

/** Where everything that comes back is scrapped there is nothing to accept and no board to swap. */
function custodyRemarks({ rework }: ProvisioningContract): Remark[] {
  if (rework.custody_lost === 'rotate') return [];
  return (['accepted_by', 'board_swap'] as const)
    .filter((key) => rework[key] !== undefined)
    .map((key) => ({
      path: ['rework', key],
      message: `${key} says how units are refurbished, and custody_lost scraps them`,
      hint: `Leave ${key} out, or set custody_lost to rotate.`,
    }));
}
