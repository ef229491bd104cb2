/**
 * What the log says of the configuration that devices are given: its versions, to how many they are offered, and what came of it. Open
 * values stand here as they are; of a secret only a hash that nobody can guess the value from.
 */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { configurationName, configurationValue } from '../../provisioning-contract/deferred-configuration.ts';
import { deviceIdText, hash, name, sentence } from './fields.ts';

/** What a configuration set is for, the least specific first: a more specific one wins, name by name. */
export const configurationScope = z.enum(['product', 'order', 'group', 'device']);
export type ConfigurationScope = z.infer<typeof configurationScope>;

const number = z.int().min(1).max(1_000_000_000);
/** Per cent of the devices of a scope. */
const share = z.int().min(1).max(100);

/** A configuration set: a product, an order, a group or a device by its name. */
const set = { scope: configurationScope, subject: z.string().regex(/^[A-Za-z0-9.:_-]{1,64}$/) };

/** Names what a device was given: the same values are the same text, for this device alone. */
export const configurationEtag = z.string().regex(/^[0-9a-f]{32}$/);

export const versionRef = z.strictObject({ ...set, version: number });
export type VersionRef = z.infer<typeof versionRef>;

export const configurationOutcome = z.enum(['applied', 'failed']);

const deviceIds = z.array(deviceIdText).max(limits.idsPerLogEntry);

export const configurationEntries = {
  /** A new version of a set, whole: what it does not name the set does not say. */
  'configuration.published': z.strictObject({
    ...set,
    version: number,
    values: z.record(configurationName, configurationValue),
    /** SHA-256 of a random salt, the place of the value and the value; salt and value are sealed beside the log. */
    secrets: z.record(configurationName, hash),
    /** To how many it is offered at first, and after each step; the authority's clock goes on by itself where steps have minutes. */
    steps: z.array(share).min(1).max(limits.configurationSteps),
    step_minutes: z.nullable(z.int().min(1).max(limits.configurationStepMinutes)),
    /** It is stopped when more devices than this fail to apply it. */
    stop_after: z.int().min(0).max(limits.configurationStopAfter),
    reason: sentence,
  }),
  /** It is offered to so many from now on, or more where its steps are further. */
  'configuration.widened': z.strictObject({ ...set, version: number, share, reason: sentence }),
  /** The authority took it back: too many devices failed to apply it. Their set is the last good one again. */
  'configuration.stopped': z.strictObject({ ...set, version: number, failed: z.int().min(1) }),
  /** People took it back. `to`: the version that all devices of the set get now; null: none. */
  'configuration.rolled-back': z.strictObject({
    ...set,
    from: number,
    to: z.nullable(number),
    reason: sentence,
  }),
  /** A device says what came of the configuration that it was given. */
  'configuration.applied': z.strictObject({
    device_id: deviceIdText,
    etag: configurationEtag,
    outcome: configurationOutcome,
    detail: z.nullable(sentence),
    /** The versions that it was put together from. */
    versions: z.array(versionRef).max(configurationScope.options.length),
  }),
  'group.created': z.strictObject({ group_id: name, product: name, reason: sentence }),
  /** A device stands in one group at most: one that is added leaves the group that it was in. */
  'group.changed': z.strictObject({
    group_id: name,
    added: deviceIds,
    removed: deviceIds,
    reason: sentence,
  }),
} as const;
