/**
 * Publishes a version of a configuration set. Each value is held against every contract of the devices that may get it, before anything is
 * written; secrets are sealed beside the log, and stand in it as hashes alone.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import {
  type ConfigurationValue,
  deferredTypes,
  isSecretType,
  valueFault,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import type { Reading } from '../ledger/ledger.ts';
import type { ConfigurationSecretTable } from '../storage/tables.ts';
import type { ConfigurationCore } from './core.ts';
import { type Contents, contentsOf } from './layers.ts';
import { contractsOf, type SetName, type SetState, setState } from './set.ts';
import { shareAt } from './share.ts';
import type { ConfigurationVault, SecretPlace } from './vault.ts';

export interface PublishRequest extends SetName {
  /** What is to change; all else stays as it is in the version that is in force. */
  values: Readonly<Record<string, ConfigurationValue>>;
  secrets: Readonly<Record<string, ConfigurationValue>>;
  remove: readonly string[];
  /** Per cent of the devices, rising; the first at once. */
  steps: readonly number[];
  /** After how long the next step is reached by itself; null: people widen it. */
  stepMinutes: number | null;
  /** It is stopped when more devices than this fail to apply it. */
  stopAfter: number;
  reason: string;
}

export interface Published extends SetName {
  version: number;
  /** Per cent that it is offered to at once. */
  share: number;
  /** What differs from the version in force, by name. */
  changed: string[];
}

/**
 * @throws configuration_invalid (a name or value that a contract does not allow, a secret among open values, too much),
 * configuration_conflict (another version is offered to a part, or nothing would change), bad_request, unknown_order, unknown_device,
 * unknown_group, unknown_contract
 */
export async function publishConfiguration(
  core: ConfigurationCore,
  by: Actor,
  request: PublishRequest,
): Promise<Published> {
  requireSteps(request);
  const touchesSecrets = Object.keys(request.secrets).length > 0;
  const vault = touchesSecrets ? await core.vault() : undefined;
  const { scope, subject, reason } = request;
  return core.ledger.submit(async (reading) => {
    const contracts = await contractsOf(reading.tx, core.contracts, request);
    requireAllowed(contracts, request);
    const state = await setState(reading.tx, request);
    requireNothingUnderWay(request, state, reading.at);
    const inForce = state?.offered ?? state?.fallback;
    const before: Contents =
      inForce === undefined ? { values: {}, secrets: {} } : contentsOf(inForce.contents);
    const { contents, sealed } = await changed(reading, vault, request, before);
    requireRoom(contents);
    const names = changedNames(before, contents);
    if (names.length === 0) {
      throw new ImprintError('configuration_conflict', `the ${scope} ${subject} is configured so already`, {
        hint: 'Nothing was published: give a value that differs.',
      });
    }
    const version = (state?.newest ?? 0) + 1;
    const data: EntryData<'configuration.published'> = {
      scope,
      subject,
      version,
      ...contents,
      steps: [...request.steps],
      step_minutes: request.stepMinutes,
      stop_after: request.stopAfter,
      reason,
    };
    return {
      entries: [{ type: 'configuration.published', actor: by, data }],
      remember: async (tx) => {
        if (sealed.length > 0) await tx.insertInto('configuration_secret').values(sealed).execute();
      },
      reply: () => ({ scope, subject, version, share: request.steps[0]!, changed: names }),
    };
  });
}

/** @throws bad_request */
function requireSteps({ steps, stepMinutes, stopAfter, reason }: PublishRequest): void {
  const isShare = (share: number) => Number.isInteger(share) && share >= 1 && share <= 100;
  const rises = steps.every((share, at) => isShare(share) && (at === 0 || share > steps[at - 1]!));
  if (steps.length === 0 || steps.length > limits.configurationSteps || !rises) {
    throw new ImprintError('bad_request', 'steps are rising per cents from 1 to 100', {
      hint: `Such as 1, 10, 100; at most ${limits.configurationSteps} of them.`,
    });
  }
  const isWhole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (stepMinutes !== null && !isWhole(stepMinutes, 1, limits.configurationStepMinutes)) {
    throw new ImprintError('bad_request', `a step takes 1 to ${limits.configurationStepMinutes} minutes`, {
      hint: 'Leave it out where people widen it.',
    });
  }
  if (!isWhole(stopAfter, 0, limits.configurationStopAfter)) {
    throw new ImprintError('bad_request', `it stops after 0 to ${limits.configurationStopAfter} devices`, {
      hint: 'With 0 the first device that fails stops it.',
    });
  }
  if (reason.trim() === '' || reason.length > 500) {
    throw new ImprintError('bad_request', 'why is it published? A reason is needed', {
      hint: 'Give it in one sentence of at most 500 characters; it stands in the log.',
    });
  }
}

/** @throws configuration_invalid; a message never repeats a value */
function requireAllowed(contracts: readonly ProvisioningContract[], request: PublishRequest): void {
  const both = Object.keys(request.values).find((name) => Object.hasOwn(request.secrets, name));
  if (both !== undefined) throw invalid(`${both} is given twice`, 'Give it once.');
  for (const [name, value] of Object.entries({ ...request.values, ...request.secrets })) {
    if (request.remove.includes(name)) {
      throw invalid(`${name} is given and removed`, 'Do one of the two.');
    }
    const types = contracts.flatMap(
      (contract) => deferredTypes(contract.deferred_configuration).get(name) ?? [],
    );
    if (types.length === 0) throw unknownName(contracts, name);
    for (const type of types) {
      const fault = valueFault(type, value);
      if (fault !== undefined) {
        throw invalid(`${name} ${fault}`, 'So the contract has it: imprint contract show.');
      }
    }
    if (Object.hasOwn(request.values, name) && types.some(isSecretType)) {
      throw invalid(
        `${name} is a secret`,
        'Give it in a file of secrets that only you can read (mode 0600): it is sealed and stands in no log.',
      );
    }
  }
}

function unknownName(contracts: readonly ProvisioningContract[], name: string): ImprintError {
  const { product } = contracts[0]!;
  if (contracts.some(({ factory_configuration: { values } }) => Object.hasOwn(values, name))) {
    return invalid(
      `${name} is factory configuration of ${product}: it was written on the line`,
      'Only what the contract defers can be delivered to a device in the field.',
    );
  }
  return invalid(
    `no contract of ${product} defers a name ${name}`,
    'Name it under deferred_configuration in a new revision of the contract, and register that.',
  );
}

/** @throws configuration_conflict */
function requireNothingUnderWay(name: SetName, state: SetState | undefined, at: string): void {
  if (state?.offered === undefined) return;
  const share = shareAt(state.offered, at);
  if (share === 100) return;
  throw new ImprintError(
    'configuration_conflict',
    `version ${state.offered.version} of the ${name.scope} ${name.subject} is offered to ${share} % of its devices`,
    { hint: 'Widen it to 100, or roll it back, before the next one is published.' },
  );
}

/** What the set says after the change, and what of it has to be sealed. */
async function changed(
  { tx }: Reading,
  vault: ConfigurationVault | undefined,
  request: PublishRequest,
  before: Contents,
): Promise<{ contents: Contents; sealed: ConfigurationSecretTable[] }> {
  const { scope, subject } = request;
  const contents: Contents = { values: { ...before.values }, secrets: { ...before.secrets } };
  for (const name of request.remove) {
    if (!Object.hasOwn(contents.values, name) && !Object.hasOwn(contents.secrets, name)) {
      throw invalid(`${name} is not configured for the ${scope} ${subject}`, 'There is nothing to remove.');
    }
    delete contents.values[name];
    delete contents.secrets[name];
  }
  for (const [name, value] of Object.entries(request.values)) {
    delete contents.secrets[name];
    contents.values[name] = value;
  }
  const sealed: ConfigurationSecretTable[] = [];
  for (const [name, value] of Object.entries(request.secrets)) {
    const place: SecretPlace = { scope, subject, name };
    delete contents.values[name];
    const known = contents.secrets[name];
    if (known !== undefined) {
      const row = await tx
        .selectFrom('configuration_secret')
        .selectAll()
        .where('secret_sha256', '=', known)
        .executeTakeFirst();
      const old = row && vault!.open(place, { sha256: known, sealed: row.sealed });
      // the same value under another salt would look like a change
      if (old === value) continue;
    }
    const made = vault!.seal(place, value);
    contents.secrets[name] = made.sha256;
    sealed.push({ secret_sha256: made.sha256, sealed: made.sealed });
  }
  return { contents, sealed };
}

/** @throws configuration_invalid */
function requireRoom({ values, secrets }: Contents): void {
  const names = Object.keys(values).length + Object.keys(secrets).length;
  const bytes = new TextEncoder().encode(canonicalJson({ values, secrets })).length;
  if (names <= limits.configurationNames && bytes <= limits.configurationBytes) return;
  throw invalid(
    `a set has at most ${limits.configurationNames} names and ${limits.configurationBytes} bytes`,
    'Shorten it, or spread it over sets of several scopes.',
  );
}

function changedNames(before: Contents, after: Contents): string[] {
  const flat = ({ values, secrets }: Contents): Record<string, unknown> => ({
    ...values,
    ...Object.fromEntries(Object.entries(secrets).map(([name, sha256]) => [name, { sha256 }])),
  });
  const [old, now] = [flat(before), flat(after)];
  const names = new Set([...Object.keys(old), ...Object.keys(now)]);
  const text = (value: unknown) => (value === undefined ? '' : canonicalJson(value));
  return [...names].filter((name) => text(old[name]) !== text(now[name])).sort();
}

function invalid(message: string, hint: string): ImprintError {
  return new ImprintError('configuration_invalid', message, { hint });
}
