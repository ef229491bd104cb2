/**
 * What a whole batch of simulated units has in common, and how unit n comes from it: identifiers, keys, faults and
 * sessions follow from seed and number alone, whichever process makes the unit and when.
 */
import type { KeyType, ProvisioningContract } from '@imprint/contract/provisioning-contract';
import { type Entropy, seededEntropy } from './entropy.ts';
import { FaultSource, type FaultWeights } from './faults.ts';
import type { FirmwareImage } from './firmware.ts';
import { type HardwareUidKind, hardwareUidOf } from './hardware-identity.ts';
import type { HostileMode } from './hostile.ts';
import { type KeySlot, SoftwareKeySlot } from './key-slot.ts';
import type { ItemPlace, StoredItem } from './memory-map.ts';
import { SimulatedUnit, type SimulatedUnitOptions } from './simulated-unit.ts';
import type { Timing } from './timing.ts';

export interface UnitPlan {
  seed: string;
  firmware: FirmwareImage;
  hwRev: string;
  uidKinds: readonly HardwareUidKind[];
  bootFlagNames: readonly string[];
  places: readonly ItemPlace[];
  /** The key that an article unit holds from the start. */
  factoryKeyType: KeyType;
  protocol: 'full' | 'article';
  maxLine?: number;
  window?: number;
  keyDelayMs?: number;
  commandDelayMs?: (name: string) => number;
  bootDelayMs?: number;
  /** Share of exchanges that are disturbed, 0 to 1. */
  faultRate?: number;
  faultWeights?: Partial<FaultWeights>;
  hostile?: HostileMode | undefined;
  timing?: Timing;
  /** Faults from elsewhere, in place of those that `faultRate` asks for. */
  faults?: FaultSource;
  /** What a unit has as its key slot; absent, {@link SoftwareKeySlot}. */
  makeKeySlot?: (entropy: Entropy) => KeySlot;
}

export interface ContractedPlan {
  contract: ProvisioningContract;
  /** SHA-256 over the canonical JSON of the contract's storage map, hex. */
  storageMapSha256: string;
  realm: FirmwareImage['realm'];
  /** SHA-256 of the root certificate, DER, hex. */
  rootSha256: string;
  seed: string;
}

/** The plan of units that a contract describes; whatever else a unit can be set to is left as it is by default. */
export function planFromContract(given: ContractedPlan): UnitPlan {
  const { contract } = given;
  return {
    seed: given.seed,
    firmware: {
      product: contract.product,
      buildId: contract.firmware.build_id,
      sha256: contract.firmware.sha256,
      rollbackCounter: contract.firmware.rollback_counter,
      realm: given.realm,
      rootSha256: given.rootSha256,
      storageMapSha256: given.storageMapSha256,
      features: [],
      keySlot: contract.credential.storage.slot,
      keyTypes: [contract.credential.key_type],
    },
    hwRev: contract.hardware_revisions.at(-1)!,
    uidKinds: contract.identity.hardware_uid,
    bootFlagNames: Object.keys(contract.boot_flags),
    places: contract.storage_map.flatMap(({ item, partition, max_bytes }) =>
      isStoredItem(item) ? [{ item, partition, maxBytes: max_bytes }] : [],
    ),
    factoryKeyType: contract.credential.key_type,
    protocol: 'full',
  };
}

/** Makes unit n of the plan, switched off, as it comes from assembly. */
export function makeUnit(plan: UnitPlan, unit: number): SimulatedUnit {
  const entropy = (name: string) => seededEntropy(plan.seed, `unit ${unit} ${name}`);
  const makeKeySlot = plan.makeKeySlot ?? ((bytes: Entropy) => new SoftwareKeySlot(bytes));
  const keySlot = makeKeySlot(entropy('key'));
  if (plan.protocol === 'article') keySlot.generate(plan.factoryKeyType);
  const options: SimulatedUnitOptions = {
    ...settings(plan),
    board: {
      hardwareUid: hardwareUidOf(plan.seed, unit, plan.uidKinds),
      hwRev: plan.hwRev,
      keySlot,
      bootFlagNames: plan.bootFlagNames,
      places: plan.places,
    },
    firmware: plan.firmware,
    entropy: entropy('session'),
    ...(plan.faults && { faults: plan.faults }),
    ...(plan.faultRate && {
      faults: new FaultSource({
        rate: plan.faultRate,
        entropy: entropy('faults'),
        ...(plan.faultWeights && { weights: plan.faultWeights }),
      }),
    }),
    ...(plan.hostile && {
      hostile: {
        mode: plan.hostile,
        means: { otherKey: makeKeySlot(entropy('other key')), foreignId: `SN-${99_000_000 + unit}` },
      },
    }),
  };
  return new SimulatedUnit(options);
}

function settings(plan: UnitPlan): Partial<SimulatedUnitOptions> & Pick<SimulatedUnitOptions, 'protocol'> {
  const { protocol, maxLine, window, keyDelayMs, commandDelayMs, bootDelayMs, timing } = plan;
  return {
    protocol,
    ...(maxLine !== undefined && { maxLine }),
    ...(window !== undefined && { window }),
    ...(keyDelayMs !== undefined && { keyDelayMs }),
    ...(commandDelayMs && { commandDelayMs }),
    ...(bootDelayMs !== undefined && { bootDelayMs }),
    ...(timing && { timing }),
  };
}

/** The handle of a key is the unit's own affair, so a contract's `private_key` has no place here. */
function isStoredItem(item: string): item is Exclude<StoredItem, 'key'> {
  return ['device_id', 'device_cert', 'chain', 'trust_anchor', 'factory_config'].includes(item);
}
