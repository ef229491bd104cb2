/** The one-page document of a provisioning contract: what firmware, manufacturing and cloud teams read and sign off. */

import { deviceIdCapacity, deviceIdLength, formatDeviceId } from '../device-id.ts';
import { deferredTypes, typeText } from './deferred-configuration.ts';
import { keyStorageName } from './key-storage.ts';
import type { DeviceIdGrammar, ProvisioningContract } from './schema.ts';

/**
 * The contract as Markdown. `sha256` is that of the contract's file; the page says nothing that the file does not.
 */
export function renderContract(contract: ProvisioningContract, sha256: string): string {
  const { product, revision } = contract;
  const sections = [
    `# Provisioning contract: ${product} ${revision}`,
    `Contract SHA-256: \`${sha256}\``,
    `For ${listed(contract.skus)}, hardware ${listed(contract.hardware_revisions)}. ` +
      'This page is made from the contract file; change that, not this.',
    section('Identity', identityLines(contract)),
    section('Credential', credentialLines(contract)),
    '## What is written, and where',
    storageTable(contract),
    section('Configuration', configurationLines(contract)),
    section('Firmware and lock', firmwareLines(contract)),
    section('Way over the line', lineLines(contract)),
    section('How the backend verifies it', verificationLines(contract)),
    section('How it rotates', rotationLines(contract)),
  ];
  return `${sections.join('\n\n')}\n`;
}

function identityLines({ identity }: ProvisioningContract): string[] {
  return [
    `Device ID: ${grammarText(identity.grammar)}`,
    `Derived: ${identity.derived_from}. Borne by: ${identity.borne_by.join(', ')}.`,
    `A unit reports these hardware identifiers: ${identity.hardware_uid.join(', ')}.`,
  ];
}

function grammarText(grammar: DeviceIdGrammar): string {
  if ('uuid' in grammar) return 'a UUID in lower case (RFC 9562).';
  const fields = [
    grammar.prefix && `\`${grammar.prefix}\``,
    grammar.site_length > 0 && `site (${grammar.site_length})`,
    grammar.year_length > 0 && `year (${grammar.year_length} digits)`,
    `serial (${grammar.body_length} of \`${grammar.body_alphabet}\`)`,
    grammar.check !== 'none' && `check character (${grammar.check})`,
  ].filter((field) => field !== false && field !== '');
  const scope = grammar.site_length > 0 || grammar.year_length > 0 ? ' for each site and year' : '';
  const capacity = deviceIdCapacity(grammar).toLocaleString('en-US');
  return `${fields.join(' + ')}, ${deviceIdLength(grammar)} characters, as in \`${exampleId(grammar)}\`; ${capacity} serials${scope}.`;
}

function exampleId(grammar: Exclude<DeviceIdGrammar, { uuid: true }>): string {
  const site = Array.from({ length: grammar.site_length }, (_, i) =>
    grammar.check === 'luhn-mod-n'
      ? grammar.body_alphabet[i % grammar.body_alphabet.length]
      : 'M123456789'[i],
  ).join('');
  return formatDeviceId({ site, year: 2026, serial: 1n }, grammar);
}

function credentialLines(contract: ProvisioningContract): string[] {
  const { credential } = contract;
  const { profile } = credential;
  const validity =
    profile.validity === 'forever' ? 'without end (IEEE 802.1AR)' : `${profile.validity.days} days`;
  return [
    `Key: ${credential.key_type}, made by the unit in \`${keyStorageName(contract)}\`, access ${credential.storage.access}. It never leaves the unit.`,
    attestationText(credential.attestation),
    `Certificate: subject O = ${escaped(profile.organization)}, serialNumber = device ID; hardware type ${profile.hardware_type_oid}; valid ${validity}, from at most ${profile.skew_minutes} minutes before issuing.`,
  ];
}

function attestationText(attestation: ProvisioningContract['credential']['attestation']): string {
  return `Attestation: ${attestation}. That the key lies in this hardware is proven through a station, not by the hardware itself.`;
}

function storageTable({ storage_map: map }: ProvisioningContract): string {
  const rows = map.map(
    (entry) =>
      `| ${entry.item} | ${entry.partition} | ${entry.max_bytes} | ${entry.access} | ${entry.read_back} |`,
  );
  return [
    '| item | partition | bytes at most | access | read back |',
    '|---|---|---:|---|---|',
    ...rows,
  ].join('\n');
}

function configurationLines(contract: ProvisioningContract): string[] {
  const { factory_configuration: factory, deferred_configuration: deferred } = contract;
  const delivered = [...deferredTypes(deferred)].map(([name, type]) => `${name} (${typeText(type)})`);
  const values = Object.entries(factory.values).map(([name, value]) => `${name} = ${escaped(String(value))}`);
  return [
    `Written on the line (version ${factory.version}): ${values.join(', ') || 'nothing'}.`,
    `Delivered after activation (version ${deferred.version}): ${delivered.join('; ') || 'nothing'}.`,
  ];
}

function firmwareLines({ firmware, boot_flags, lock_policy }: ProvisioningContract): string[] {
  const flags = Object.entries(boot_flags).map(([name, value]) => `${name} = ${value}`);
  const exception = lock_policy.exception === 'never' ? 'no exception' : 'an exception needs an approval';
  return [
    `Firmware: ${firmware.build_id}, roll-back counter ${firmware.rollback_counter}, SHA-256 \`${firmware.sha256}\`.`,
    `Boot flags: ${flags.join(', ')}.`,
    `Debug port: ${lock_policy.debug}; ${exception}.`,
  ];
}

function lineLines({ route, label, onboarding, rework }: ProvisioningContract): string[] {
  const operations = route.map((step) => (step.external ? `${step.operation} (external)` : step.operation));
  return [
    `Route: ${operations.join(' → ')}.`,
    `Label: ${label.symbology}, ${label.mode}. Every label is scanned back.`,
    `Onboarding: ${onboarding}. At most ${rework.attempts_cap} attempts a unit.`,
  ];
}

function verificationLines({ revocation, clone }: ProvisioningContract): string[] {
  const outcome = { alarm: 'refused, with an alarm', quarantine: 'quarantined' };
  return [
    'Scanned ID, read-back ID and certificate ID are the same.',
    'The unit signs a fresh challenge after the write, and its lock, boot and firmware state after sealing.',
    `The certificate chains to the root of its realm, is in the registry as active, and is not revoked; a revocation is visible within ${revocation.visible_within_minutes} minutes.`,
    `A device whose key is used from two places at once is ${outcome[clone?.two_places ?? 'alarm']}; one that runs on another board is ${outcome[clone?.other_hardware ?? 'quarantine']}.`,
  ];
}

function rotationLines({ credential, operational, rework }: ProvisioningContract): string[] {
  const { profile } = credential;
  return [
    ...operationalLines(operational, credential.key_type),
    `A superseded credential is accepted until its successor is first used, at most ${profile.successor_days} days.`,
    ...custodyLines(rework),
  ];
}

function operationalLines(
  operational: ProvisioningContract['operational'],
  birthKeyType: ProvisioningContract['credential']['key_type'],
): string[] {
  if (operational === undefined) return [];
  const { validity_days, key_type = birthKeyType, renewal_key } = operational;
  const key = renewal_key === 'new' ? 'each renewal has a new key' : 'a renewal may keep the key';
  return [
    `Operational certificate: fetched in the field, ${key_type}, valid ${validity_days} days, same subject; ${key}.`,
  ];
}

function custodyLines({ custody_lost, accepted_by, board_swap }: ProvisioningContract['rework']): string[] {
  if (custody_lost === 'scrap') return ['A unit that left our custody is scrapped.'];
  const accepts = accepted_by === 'station' ? 'A station that scans it' : 'A person';
  const board = board_swap === 'allowed' ? 'it may get another board' : 'it keeps its board';
  return [
    'A unit that left our custody gets a new key and new credentials before it ships again; the old ones are revoked when it returns.',
    `${accepts} accepts it for refurbishing; ${board}.`,
  ];
}

function section(title: string, lines: string[]): string {
  return `## ${title}\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}

function listed(items: string[]): string {
  return items.map((item) => `\`${item}\``).join(', ');
}

/** Free text of the contract must not become Markdown or HTML of the page. */
function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()<>#+!|~&]/g, (character) => `\\${character}`);
}
