/** Configuration as people see it: which sets there are, what each version says, and what a device gets. A secret is a name and nothing more (I-19). */
import type { ConfigurationScope, VersionRef } from '@imprint/contract/audit/entry';
import { limits } from '@imprint/contract/limits';
import {
  type ConfigurationValue,
  deferredTypes,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import type { Kysely } from 'kysely';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { Tables } from '../storage/tables.ts';
import { contentsOf, layersOf, requireDevice } from './layers.ts';
import { mostSpecificFirst, resolveLayers } from './resolve.ts';
import { requireSet, type SetName, type VersionRow } from './set.ts';
import { shareAt } from './share.ts';

export interface SetLine extends SetName {
  newest: number;
  /** The version that is offered, and to how many per cent now. */
  offered: number | null;
  share: number | null;
  /** What everybody else gets. */
  fallback: number | null;
}

export interface VersionView {
  version: number;
  state: VersionRow['state'];
  /** Open values by name. */
  values: Record<string, ConfigurationValue>;
  /** Names of secrets. */
  secrets: string[];
  /** Per cent that it is offered to; null where it is not under way. */
  share: number | null;
  steps: number[];
  step_minutes: number | null;
  stop_after: number;
  /** How often a device went over to it, and how many devices failed to. */
  applied: number;
  failed: number;
  author: string;
  reason: string;
  published_at: string;
  ended_at: string | null;
  end_reason: string | null;
}

export interface SetReport extends SetLine {
  /** The newest first, one page of them. */
  versions: VersionView[];
  /** Devices that fail to apply the newest version: some of them, the latest first. */
  failures: { device_id: string; detail: string | null; failed_at: string }[];
}

export interface DeviceConfigurationView {
  device_id: string;
  /** False: it is given nothing in its present state. */
  delivered: boolean;
  state: string;
  group_id: string | null;
  versions: VersionRef[];
  values: { name: string; value: ConfigurationValue | null; secret: boolean; from: VersionRef }[];
  /** What it said last; null before it did. */
  last_report: {
    etag: string;
    outcome: 'applied' | 'failed';
    detail: string | null;
    versions: VersionRef[];
    reported_at: string;
  } | null;
}

/** All sets, by scope and name. @param at the present, ISO 8601 */
export async function listConfigurations(
  reader: Kysely<Tables>,
  at: string,
  scope?: ConfigurationScope,
): Promise<SetLine[]> {
  const rows = await reader
    .selectFrom('configuration_set as set')
    .leftJoin('configuration_version as v', (join) =>
      join
        .onRef('v.scope', '=', 'set.scope')
        .onRef('v.subject', '=', 'set.subject')
        .onRef('v.version', '=', 'set.offered'),
    )
    .selectAll('set')
    .select(['v.share', 'v.steps', 'v.step_minutes', 'v.published_at'])
    .$if(scope !== undefined, (query) => query.where('set.scope', '=', scope!))
    .orderBy('set.scope')
    .orderBy('set.subject')
    .execute();
  return rows.map(({ share, steps, step_minutes, published_at, ...line }) => ({
    ...line,
    share:
      share === null || steps === null || published_at === null
        ? null
        : shareAt({ share, steps, step_minutes, published_at }, at),
  }));
}

/** @throws unknown_configuration */
export async function showSet(reader: Kysely<Tables>, name: SetName, at: string): Promise<SetReport> {
  const { newest, offered, fallback } = await requireSet(reader, name);
  const { scope, subject } = name;
  const rows = await reader
    .selectFrom('configuration_version')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('configuration_failure as f')
        .select((failure) => failure.fn.countAll<number>().as('failed'))
        .whereRef('f.scope', '=', 'configuration_version.scope')
        .whereRef('f.subject', '=', 'configuration_version.subject')
        .whereRef('f.version', '=', 'configuration_version.version')
        .as('failed'),
    )
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .orderBy('version', 'desc')
    .limit(limits.pageRows)
    .execute();
  const failures = await reader
    .selectFrom('configuration_failure')
    .select(['device_id', 'detail', 'failed_at'])
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .where('version', '=', newest)
    .orderBy('failed_at', 'desc')
    .orderBy('device_id')
    .limit(limits.pageRows)
    .execute();
  return {
    scope,
    subject,
    newest,
    offered: offered?.version ?? null,
    share: offered === undefined ? null : shareAt(offered, at),
    fallback: fallback?.version ?? null,
    versions: rows.map(({ failed, ...row }) => versionView(row, Number(failed), at)),
    failures,
  };
}

/**
 * What a device gets, or would get once it is activated. It takes no key: a secret's value counts as one that fits.
 * @throws unknown_device
 */
export async function showDeviceConfiguration(
  reader: Kysely<Tables>,
  contracts: ContractShelf,
  deviceId: string,
  at: string,
): Promise<DeviceConfigurationView> {
  const device = await requireDevice(reader, deviceId);
  const layers = mostSpecificFirst(await layersOf(reader, device, at));
  const { deferred_configuration } = await contracts.get(reader, device.contract_sha256);
  const last = await reader
    .selectFrom('device_configuration')
    .select(['etag', 'outcome', 'detail', 'versions', 'reported_at'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  return {
    device_id: deviceId,
    delivered: device.state === 'activated',
    state: device.state,
    group_id: device.group_id,
    versions: layers.map(({ scope, subject, version }) => ({ scope, subject, version })),
    values: resolveLayers(layers, deferredTypes(deferred_configuration)).map((one) => ({
      ...one,
      value: one.value ?? null,
    })),
    last_report: last === undefined ? null : { ...last, versions: JSON.parse(last.versions) as VersionRef[] },
  };
}

function versionView(row: VersionRow, failed: number, at: string): VersionView {
  const { scope: _scope, subject: _subject, contents, share: _share, steps, ...rest } = row;
  const { values, secrets } = contentsOf(contents);
  return {
    ...rest,
    values,
    secrets: Object.keys(secrets).sort(),
    share: row.state === 'offered' ? shareAt(row, at) : null,
    steps: JSON.parse(steps) as number[],
    failed,
  };
}
