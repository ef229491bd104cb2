/** Compares a manifest with its contract, and says what is legal in a manifest and yet known to go wrong. */

import { parseDeviceId } from '../device-id.ts';
import { ImprintError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { keyStorageName, type ParsedContract, type StorageItem } from '../provisioning-contract.ts';
import type { YamlPath, YamlSource } from '../strict-yaml.ts';
import { planSteps } from './plan-steps.ts';
import type { JobManifest, Step, StepName } from './schema.ts';

export interface ManifestLint {
  /** Where the manifest contradicts the contract. */
  errors: Finding[];
  warnings: Finding[];
}

type Say = (path: YamlPath, message: string, hint: string) => void;

/** All findings about a parsed manifest; contradictions are looked for where a contract is given. */
export function lintManifest(
  manifest: JobManifest,
  source: YamlSource,
  contract?: ParsedContract,
): ManifestLint {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const sayTo =
    (list: Finding[]): Say =>
    (path, message, hint) =>
      void list.push({ ...source.at(path), message, hint });
  if (contract !== undefined) compareWithContract(manifest, contract, sayTo(errors));
  adviseOnSteps(manifest, sayTo(warnings));
  const inFileOrder = (a: Finding, b: Finding) => a.line - b.line || a.column - b.column;
  return { errors: errors.sort(inFileOrder), warnings: warnings.sort(inFileOrder) };
}

function adviseOnSteps(manifest: JobManifest, say: Say): void {
  const steps = manifest.provision_steps;
  for (const name of planSteps(manifest).moved) {
    say(
      ['provision_steps', indexOfStep(steps, name), 'name'],
      `${name} cannot be undone and stands before other steps: it is moved to the end, behind the proof`,
      'Move it to the end, so that the file says what is done.',
    );
  }
  for (const [index, step] of steps.entries()) {
    if ('verify_readback' in step.args && !step.args.verify_readback) {
      say(
        ['provision_steps', index, 'args', 'verify_readback'],
        `${step.name} is not read back`,
        'Set verify_readback to true: partial writes are what ships otherwise.',
      );
    }
    if (step.name === 'program-boot-flags' && !step.args.secure_boot) {
      say(
        ['provision_steps', index, 'args', 'secure_boot'],
        'secure boot stays off',
        'Set secure_boot to true.',
      );
    }
  }
  for (const [name, hint] of [
    ['write-device-id', 'An ID that only the label bears is lost with it: add the step.'],
    ['write-certs', 'Add the step: without a certificate the unit proves nothing.'],
    ['post-provision-selftest', 'Add the step, and let it report the lock state.'],
  ] as const) {
    if (indexOfStep(steps, name) < 0) say(['provision_steps'], `there is no step ${name}`, hint);
  }
  const jtag = steps.find((step) => step.name === 'program-boot-flags')?.args.disable_jtag === true;
  if (!jtag && indexOfStep(steps, 'lock-debug') < 0) {
    say(['provision_steps'], 'nothing closes the debug port', 'Add lock-debug, or set disable_jtag to true.');
  }
}

function compareWithContract(manifest: JobManifest, { contract, sha256 }: ParsedContract, say: Say): void {
  const { device, security, firmware } = manifest;
  try {
    parseDeviceId(device.device_id, contract.identity.grammar);
  } catch (error) {
    if (!(error instanceof ImprintError)) throw error;
    say(['device', 'device_id'], error.message, error.hint ?? 'Scan the label again.');
  }
  const expect = (path: YamlPath, given: string, allowed: string[]) => {
    if (allowed.includes(given)) return;
    const name = path.at(-1);
    say(
      path,
      `${name} is ${given}, which the contract does not have`,
      `The contract has ${allowed.join(', ')}.`,
    );
  };
  expect(['device', 'sku'], device.sku, contract.skus);
  expect(['device', 'hw_rev'], device.hw_rev, contract.hardware_revisions);
  expect(['security', 'key_type'], security.key_type, [contract.credential.key_type]);
  expect(['security', 'key_storage'], security.key_storage, [keyStorageName(contract)]);
  expect(['firmware', 'build_id'], firmware.build_id, [contract.firmware.build_id]);
  expect(['firmware', 'expected_sha256'], firmware.expected_sha256, [contract.firmware.sha256]);
  if (manifest.contract !== undefined) expect(['contract', 'sha256'], manifest.contract.sha256, [sha256]);

  const itemOfStep: Partial<Record<StepName, StorageItem['item']>> = {
    'write-trust-anchor': 'trust_anchor',
    'write-device-id': 'device_id',
    'write-factory-config': 'factory_config',
    'write-certs': 'device_cert',
  };
  for (const [index, step] of manifest.provision_steps.entries()) {
    const args = ['provision_steps', index, 'args'];
    const item = itemOfStep[step.name];
    if (item !== undefined && 'target_partition' in step.args) {
      const partitions = contract.storage_map
        .filter((entry) => entry.item === item)
        .map((entry) => entry.partition);
      expect([...args, 'target_partition'], step.args.target_partition, partitions);
    }
    if (step.name === 'program-boot-flags') {
      for (const flag of ['secure_boot', 'disable_jtag'] as const) {
        expect([...args, flag], String(step.args[flag]), [String(contract.boot_flags[flag])]);
      }
    }
    if (step.name === 'lock-debug') {
      expect([...args, 'permanent'], String(step.args.permanent), [
        String(contract.lock_policy.debug === 'locked-permanently'),
      ]);
    }
  }
}

function indexOfStep(steps: Step[], name: StepName): number {
  return steps.findIndex((step) => step.name === name);
}
