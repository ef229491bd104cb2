/**
 * What a device is given and what it says of it. Only an activated device is given anything, looked up at each request (I-14); a version
 * that more devices fail to apply than people allowed is taken back in the very decision that hears of the last one.
 */
import type { ConfigurationReport, DeviceConfiguration } from '@imprint/contract/api/device-configuration';
import type { VersionRef } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import {
  type ConfigurationValue,
  deferredTypes,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import type { Kysely } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { notIn } from '../ledger/projections/configuration.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';
import type { Tables } from '../storage/tables.ts';
import type { ConfigurationCore } from './core.ts';
import { layersOf, requireDevice } from './layers.ts';
import { type Layer, mostSpecificFirst, type OpenSecret, resolveLayers } from './resolve.ts';
import type { ConfigurationVault } from './vault.ts';
import { withoutSecrets } from './without-secrets.ts';

/** An answer as HTTP has it: 304 where the device holds this already. */
export type ConfigurationAnswer =
  | { status: 200; etag: string; body: DeviceConfiguration }
  | { status: 304; etag: string };

/**
 * @param ifNoneMatch the request's header of that name, as it came
 * @throws device_not_activated, unknown_device, log_inconsistent (a secret that the log does not have)
 */
export async function getConfiguration(
  core: ConfigurationCore,
  device: KnownDevice,
  ifNoneMatch?: string,
): Promise<ConfigurationAnswer> {
  const vault = await core.vault();
  const { body } = await effective(
    core,
    vault,
    core.ledger.reader,
    device.deviceId,
    core.clock().toISOString(),
  );
  const { etag } = body;
  return matches(ifNoneMatch, etag) ? { status: 304, etag } : { status: 200, etag, body };
}

/**
 * Records what came of a configuration. The same word again changes nothing.
 * @throws configuration_conflict where the device is to have another one by now; device_not_activated; rate_limited where it has
 * said too much of this one
 */
export async function reportConfiguration(
  core: ConfigurationCore,
  device: KnownDevice,
  report: ConfigurationReport,
): Promise<{ etag: string }> {
  const vault = await core.vault();
  const { deviceId } = device;
  return core.ledger.submit(async (reading) => {
    const { body, secrets } = await effective(core, vault, reading.tx, deviceId, reading.at);
    const { etag, versions } = body;
    if (report.etag !== etag) {
      throw new ImprintError(
        'configuration_conflict',
        'this device is to have another configuration by now',
        {
          hint: 'Fetch it, apply it, and report on that.',
        },
      );
    }
    const { outcome } = report;
    const detail = report.detail === null ? null : withoutSecrets(report.detail, secrets);
    const before = await reading.tx
      .selectFrom('device_configuration')
      .selectAll()
      .where('device_id', '=', deviceId)
      .executeTakeFirst();
    const reply = () => ({ etag });
    if (before?.etag === etag) {
      if (before.outcome === outcome && before.detail === detail) return { entries: [], reply };
      requireMeasure(before.reports);
    }
    const applied = before === undefined ? [] : (JSON.parse(before.applied_versions) as VersionRef[]);
    const blamed = outcome === 'failed' ? notIn(versions, applied) : [];
    return {
      entries: [
        {
          type: 'configuration.applied',
          actor: { kind: 'device', id: deviceId },
          data: { device_id: deviceId, etag, outcome, detail, versions },
        },
        ...(await stopDrafts(reading, deviceId, blamed)),
      ],
      reply,
    };
  });
}

/** @throws unknown_device, device_not_activated */
async function effective(
  core: ConfigurationCore,
  vault: ConfigurationVault,
  db: Kysely<Tables>,
  deviceId: string,
  at: string,
): Promise<{ body: DeviceConfiguration; secrets: ConfigurationValue[] }> {
  const device = await requireDevice(db, deviceId);
  if (device.state !== 'activated') {
    throw new ImprintError('device_not_activated', `${deviceId} is ${device.state}, not activated`, {
      hint: 'A device is configured from its first contact on, until it is retired or comes back.',
    });
  }
  const layers = mostSpecificFirst(await layersOf(db, device, at));
  const contract = await core.contracts.get(db, device.contract_sha256);
  const open = await secretsOf(db, vault, layers);
  const resolved = resolveLayers(layers, deferredTypes(contract.deferred_configuration), open);
  const values = Object.fromEntries(resolved.map(({ name, value }) => [name, value!]));
  return {
    body: {
      etag: vault.etag(deviceId, values),
      values,
      // also one of which no value was taken: it may be the one that took a name away
      versions: layers.map(({ scope, subject, version }) => ({ scope, subject, version })),
    },
    secrets: resolved.filter((one) => one.secret).map((one) => one.value!),
  };
}

/** Reads what is sealed once, and opens of it what is asked for. */
async function secretsOf(
  db: Kysely<Tables>,
  vault: ConfigurationVault,
  layers: readonly Layer[],
): Promise<OpenSecret> {
  const hashes = layers.flatMap(({ secrets }) => Object.values(secrets));
  const rows =
    hashes.length === 0
      ? []
      : await db
          .selectFrom('configuration_secret')
          .selectAll()
          .where('secret_sha256', 'in', hashes)
          .execute();
  const sealed = new Map(rows.map((row) => [row.secret_sha256, row.sealed]));
  return ({ scope, subject }, name, sha256) => {
    const found = sealed.get(sha256);
    if (found !== undefined) return vault.open({ scope, subject, name }, { sha256, sealed: found });
    throw new ImprintError('log_inconsistent', `the secret ${name} of the ${scope} ${subject} is missing`, {
      hint: 'Publish it anew: the log alone cannot bring it back.',
    });
  };
}

/** @throws rate_limited */
function requireMeasure(reports: number): void {
  if (reports < limits.configurationReports) return;
  throw new ImprintError('rate_limited', 'the device has said enough of this configuration', {
    hint: 'It is heard again when it gets another one.',
  });
}

/** Takes back each of the versions that now too many devices have failed to apply. */
async function stopDrafts(reading: Reading, deviceId: string, blamed: VersionRef[]): Promise<Draft[]> {
  const drafts: Draft[] = [];
  for (const { scope, subject, version } of blamed) {
    const row = await reading.tx
      .selectFrom('configuration_version')
      .select((eb) => [
        'state',
        'stop_after',
        eb
          .selectFrom('configuration_failure as f')
          .select((f) => f.fn.countAll<number>().as('count'))
          .whereRef('f.scope', '=', 'configuration_version.scope')
          .whereRef('f.subject', '=', 'configuration_version.subject')
          .whereRef('f.version', '=', 'configuration_version.version')
          .where('f.device_id', '!=', deviceId)
          .as('others'),
      ])
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .where('version', '=', version)
      .executeTakeFirstOrThrow();
    const failed = Number(row.others) + 1;
    if (row.state !== 'offered' || failed <= row.stop_after) continue;
    drafts.push({
      type: 'configuration.stopped',
      actor: { kind: 'authority', id: 'configuration' },
      data: { scope, subject, version, failed },
    });
  }
  return drafts;
}

/** If-None-Match (RFC 9110 section 13.1.2): `*`, or entity tags, compared weakly. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${etag}"`);
}
