/** The contract as a C header, so that firmware is built against the same storage map, versions and pins. */

import { deviceIdLength } from '../device-id.ts';
import { ImprintError } from '../errors.ts';
import { storageMapSha256 } from '../factory-config.ts';
import type { ProvisioningContract } from './schema.ts';

export interface HeaderPins {
  realm: 'dev' | 'test' | 'prod';
  /** SHA-256 of the realm's root certificate, DER, lower-case hex. */
  rootSha256: string;
}

/**
 * A C99 header: constants as macros, the storage map as an X macro, hashes as byte lists. It defines no object, so it
 * can be included anywhere; and it stops a build that expects another realm.
 *
 * @throws ImprintError `bad_request` where the root pin is not a SHA-256.
 */
export function renderCHeader(contract: ProvisioningContract, sha256: string, pins: HeaderPins): string {
  if (!/^[0-9a-f]{64}$/.test(pins.rootSha256)) {
    throw new ImprintError('bad_request', 'the root pin is not 64 lower-case hex digits', {
      hint: 'Give the SHA-256 of the root certificate in DER.',
    });
  }
  const { identity, credential, firmware } = contract;
  const blocks = [
    [
      `/* Provisioning contract: ${contract.product} ${contract.revision}, realm ${pins.realm}. Made by imprint contract header; do not edit. */`,
      '#ifndef IMPRINT_CONTRACT_H',
      '#define IMPRINT_CONTRACT_H',
    ],
    [
      text('PRODUCT', contract.product),
      text('CONTRACT_REVISION', contract.revision),
      text('CONTRACT_SHA256', sha256),
      bytes('CONTRACT_SHA256', sha256),
    ],
    realmBlock(pins),
    [
      number('DEVICE_ID_LENGTH', deviceIdLength(identity.grammar)),
      text('KEY_TYPE', credential.key_type),
      define(`KEY_TYPE_${macroName(credential.key_type)}`, '1'),
      number('KEY_SLOT', credential.storage.slot),
    ],
    [
      text('FIRMWARE_BUILD_ID', firmware.build_id),
      number('FIRMWARE_ROLLBACK_COUNTER', firmware.rollback_counter),
      number('FACTORY_CONFIGURATION_VERSION', contract.factory_configuration.version),
      number('DEFERRED_CONFIGURATION_VERSION', contract.deferred_configuration.version),
    ],
    [
      ...Object.entries(contract.boot_flags).map(([name, value]) =>
        number(`BOOT_FLAG_${macroName(name)}`, value ? 1 : 0),
      ),
      number('DEBUG_LOCKED', contract.lock_policy.debug === 'open' ? 0 : 1),
      number('REFURBISHED', contract.rework.custody_lost === 'rotate' ? 1 : 0),
      number('DEBUG_LOCK_PERMANENT', contract.lock_policy.debug === 'locked-permanently' ? 1 : 0),
    ],
    storageBlock(contract),
    ['#endif /* IMPRINT_CONTRACT_H */'],
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** A build names the realm that it is meant for (`-DIMPRINT_EXPECT_REALM_PROD=1`), and a header of another stops it. */
function realmBlock({ realm, rootSha256 }: HeaderPins): string[] {
  const realms = ['dev', 'test', 'prod'] as const;
  return [
    text('REALM', realm),
    ...realms.map((name) => number(`REALM_IS_${macroName(name)}`, name === realm ? 1 : 0)),
    text('ROOT_SHA256', rootSha256),
    bytes('ROOT_SHA256', rootSha256),
    ...realms
      .filter((name) => name !== realm)
      .flatMap((name) => [
        `#if defined(IMPRINT_EXPECT_REALM_${macroName(name)})`,
        `#error "this header pins the ${realm} realm, and the build expects ${name}"`,
        '#endif',
      ]),
  ];
}

function storageBlock(contract: ProvisioningContract): string[] {
  const map = contract.storage_map;
  const hash = storageMapSha256(contract);
  const rows = map.map((entry) => {
    const access = `IMPRINT_ACCESS_${macroName(entry.access)}`;
    const readBack = `IMPRINT_READ_BACK_${macroName(entry.read_back)}`;
    return `  X(${entry.item}, ${quoted(entry.partition)}, ${entry.max_bytes}, ${access}, ${readBack})`;
  });
  return [
    ...['FIELD_WRITABLE', 'LOCKED_AT_SEAL', 'ONE_WAY', 'SIGN_ONLY'].map((name, i) =>
      number(`ACCESS_${name}`, i),
    ),
    ...['REQUIRED', 'HASH', 'FORBIDDEN'].map((name, i) => number(`READ_BACK_${name}`, i)),
    ...map.flatMap((entry) => [
      text(`STORAGE_${macroName(entry.item)}_PARTITION`, entry.partition),
      number(`STORAGE_${macroName(entry.item)}_MAX_BYTES`, entry.max_bytes),
    ]),
    '/* X(item, partition, max_bytes, access, read_back) */',
    `#define IMPRINT_STORAGE_MAP(X) \\\n${rows.join(' \\\n')}`,
    number('STORAGE_ITEMS', map.length),
    text('STORAGE_MAP_SHA256', hash),
    bytes('STORAGE_MAP_SHA256', hash),
  ];
}

function define(name: string, value: string): string {
  return `#define IMPRINT_${name} ${value}`;
}

function text(name: string, value: string): string {
  return define(name, quoted(value));
}

/** Unsigned, as registers and counters are: the largest roll-back counter has the type of its neighbours. */
function number(name: string, value: number): string {
  return define(name, `${value}u`);
}

function bytes(name: string, hex: string): string {
  const list = hex.match(/../g)!.map((byte) => `0x${byte}`);
  return define(`${name}_BYTES`, `{ ${list.join(', ')} }`);
}

/** All texts of a contract that land here are limited by its schema to characters that C strings take as they are. */
function quoted(value: string): string {
  if (!/^[A-Za-z0-9._:-]*$/.test(value)) {
    throw new ImprintError('internal', 'a text of the contract does not fit a C string');
  }
  return `"${value}"`;
}

function macroName(word: string): string {
  return word.toUpperCase().replaceAll('-', '_');
}
