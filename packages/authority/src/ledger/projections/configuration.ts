/** Entries of configuration: versions of a set, how far each is offered, what devices made of them, and groups. */
import type { VersionRef } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import type { Kysely } from 'kysely';
import type { DeviceConfigurationTable, Tables } from '../../storage/tables.ts';
import { actorText, type EntryOf, mustUpdateOne, type Projections, recordChange } from './projections.ts';

type ConfigurationEntries =
  | 'configuration.published'
  | 'configuration.widened'
  | 'configuration.stopped'
  | 'configuration.rolled-back'
  | 'configuration.applied'
  | 'group.created'
  | 'group.changed';

export const configurationProjections: Projections<ConfigurationEntries> = {
  'configuration.published': async (tx, entry) => {
    const { scope, subject, version, values, secrets, steps, step_minutes, stop_after, reason } = entry.data;
    const before = await setOf(tx, { scope, subject });
    if (before !== undefined && before.offered !== null) {
      await setState(tx, { scope, subject, version: before.offered }, 'offered', { state: 'good' });
    }
    await tx
      .insertInto('configuration_version')
      .values({
        scope,
        subject,
        version,
        state: 'offered',
        contents: canonicalJson({ secrets, values }),
        share: steps[0]!,
        steps: canonicalJson(steps),
        step_minutes,
        stop_after,
        applied: 0,
        author: actorText(entry),
        reason,
        published_at: entry.at,
        ended_at: null,
        end_reason: null,
      })
      .execute();
    const set = {
      newest: version,
      offered: version,
      fallback: before?.offered ?? before?.fallback ?? null,
    };
    await tx
      .insertInto('configuration_set')
      .values({ scope, subject, ...set })
      .onConflict((conflict) => conflict.columns(['scope', 'subject']).doUpdateSet(set))
      .execute();
  },

  'configuration.widened': async (tx, { data: { scope, subject, version, share } }) => {
    await setState(tx, { scope, subject, version }, 'offered', { share });
  },

  'configuration.stopped': async (tx, { at, data: { scope, subject, version, failed } }) => {
    const ended = { ended_at: at, end_reason: `${failed} devices failed to apply it` };
    await setState(tx, { scope, subject, version }, 'offered', { state: 'stopped', ...ended });
    await tx
      .updateTable('configuration_set')
      .set({ offered: null })
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .execute();
  },

  'configuration.rolled-back': async (tx, { at, data: { scope, subject, from, to, reason } }) => {
    await tx
      .updateTable('configuration_version')
      .set({ state: 'rolled-back', ended_at: at, end_reason: reason })
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .where('version', '=', from)
      .where('state', '!=', 'stopped')
      .execute();
    if (to !== null) {
      const result = await tx
        .updateTable('configuration_version')
        .set({ state: 'good', ended_at: null, end_reason: null })
        .where('scope', '=', scope)
        .where('subject', '=', subject)
        .where('version', '=', to)
        .executeTakeFirst();
      mustUpdateOne(result, 'unknown_configuration', `there is no version ${to} to go back to`);
    }
    const result = await tx
      .updateTable('configuration_set')
      .set({ offered: null, fallback: to })
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_configuration', `there is no configuration of ${scope} ${subject}`);
  },

  'configuration.applied': async (tx, entry, index) => {
    const { device_id, etag, outcome, detail, versions } = entry.data;
    const before = await tx
      .selectFrom('device_configuration')
      .selectAll()
      .where('device_id', '=', device_id)
      .executeTakeFirst();
    const appliedBefore = refsOf(before?.applied_versions);
    if (outcome === 'applied') await countApplied(tx, device_id, notIn(versions, appliedBefore));
    else await countFailed(tx, entry, notIn(versions, appliedBefore));
    const applied = outcome === 'applied' ? versions : appliedBefore;
    const row: Omit<DeviceConfigurationTable, 'device_id'> = {
      etag,
      outcome,
      detail,
      versions: canonicalJson(versions),
      applied_versions: canonicalJson(applied),
      reports: before?.etag === etag ? before.reports + 1 : 1,
      reported_at: entry.at,
    };
    await tx
      .insertInto('device_configuration')
      .values({ device_id, ...row })
      .onConflict((conflict) => conflict.column('device_id').doUpdateSet(row))
      .execute();
    await recordChange(tx, entry, index, {
      deviceId: device_id,
      field: 'configuration',
      value: `${outcome}: ${versions.map(refText).join(', ') || 'nothing'}`,
      reason: detail,
    });
  },

  'group.created': async (tx, { at, data: { group_id, product, reason } }) => {
    await tx
      .insertInto('configuration_group')
      .values({ group_id, product, created_at: at, reason })
      .execute();
  },

  'group.changed': async (tx, entry, index) => {
    const { group_id, added, removed, reason } = entry.data;
    const change = (deviceId: string, value: string) =>
      recordChange(tx, entry, index, { deviceId, field: 'group', value, reason });
    for (const device_id of removed) {
      await tx
        .deleteFrom('configuration_member')
        .where('device_id', '=', device_id)
        .where('group_id', '=', group_id)
        .execute();
      await change(device_id, 'none');
    }
    for (const device_id of added) {
      await tx
        .insertInto('configuration_member')
        .values({ device_id, group_id })
        .onConflict((conflict) => conflict.column('device_id').doUpdateSet({ group_id }))
        .execute();
      await change(device_id, group_id);
    }
  },
};

export const refText = ({ scope, subject, version }: VersionRef) => `${scope} ${subject} ${version}`;

function refsOf(json: string | undefined): VersionRef[] {
  return json === undefined ? [] : (JSON.parse(json) as VersionRef[]);
}

/**
 * The versions that a device had not applied before: whatever came of a new configuration came of these.
 */
export function notIn(versions: readonly VersionRef[], known: readonly VersionRef[]): VersionRef[] {
  const texts = new Set(known.map(refText));
  return versions.filter((one) => !texts.has(refText(one)));
}

function setOf(tx: Kysely<Tables>, { scope, subject }: Pick<VersionRef, 'scope' | 'subject'>) {
  return tx
    .selectFrom('configuration_set')
    .select(['offered', 'fallback'])
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .executeTakeFirst();
}

async function setState(
  tx: Kysely<Tables>,
  ref: VersionRef,
  from: 'offered',
  change: Partial<{
    state: 'good' | 'stopped';
    share: number;
    ended_at: string;
    end_reason: string;
  }>,
): Promise<void> {
  const result = await tx
    .updateTable('configuration_version')
    .set(change)
    .where('scope', '=', ref.scope)
    .where('subject', '=', ref.subject)
    .where('version', '=', ref.version)
    .where('state', '=', from)
    .executeTakeFirst();
  mustUpdateOne(result, 'configuration_conflict', `${refText(ref)} is not offered`);
}

async function countApplied(tx: Kysely<Tables>, deviceId: string, refs: VersionRef[]): Promise<void> {
  for (const { scope, subject, version } of refs) {
    await tx
      .updateTable('configuration_version')
      .set((row) => ({ applied: row('applied', '+', 1) }))
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .where('version', '=', version)
      .execute();
    await tx
      .deleteFrom('configuration_failure')
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .where('version', '=', version)
      .where('device_id', '=', deviceId)
      .execute();
  }
}

async function countFailed(
  tx: Kysely<Tables>,
  { at, data: { device_id, detail } }: EntryOf<'configuration.applied'>,
  refs: VersionRef[],
): Promise<void> {
  for (const { scope, subject, version } of refs) {
    const failure = { detail, failed_at: at };
    await tx
      .insertInto('configuration_failure')
      .values({ scope, subject, version, device_id, ...failure })
      .onConflict((conflict) =>
        conflict.columns(['scope', 'subject', 'version', 'device_id']).doUpdateSet(failure),
      )
      .execute();
  }
}
