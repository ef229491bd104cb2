/** Entries for tests: a realm with one order, and the drafts of one unit's way through the line, each valid by its schema. */
import { createHash } from 'node:crypto';
import type { Actor, EntryData, EntryType } from '@imprint/contract/audit/entry';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import type { Draft, Ledger } from './ledger.ts';

export const h = (text: string) => createHash('sha256').update(text).digest('hex');
const station: Actor = { kind: 'station', id: 'st-1' };
const person: Actor = { kind: 'person', id: 'p-1' };

export function draft<T extends EntryType>(type: T, data: EntryData<T>, actor: Actor = station): Draft {
  return { type, actor, data } as unknown as Draft;
}

/** Submits drafts as one decision and gives the index of the first. */
export function append(ledger: Ledger, ...entries: Draft[]): Promise<number> {
  return ledger.submit(async () => ({ entries, reply: (firstIndex) => firstIndex }));
}

export const contractSha256 = h('contract');

/** Realm, contract, station and an order with these device IDs. */
export function opening(deviceIds: string[], orderId = 'o-1'): Draft[] {
  return [
    draft('realm.created', {
      organization: 'Example',
      root_sha256: h('root'),
      log_origin: 'log.example.com/dev',
      log_id: h('log'),
      issuing_ca_sha256: h('ca'),
      station_ca_sha256: h('station ca'),
    }),
    draft('contract.registered', {
      contract_sha256: contractSha256,
      product: 'gateway',
      revision: 'r1',
      text: 'x',
    }),
    draft('station.invited', {
      station_id: 'st-1',
      site: 'berlin',
      line: 'l-1',
      lanes: 4,
      expires_at: '2026-01-09T09:00:00.000Z',
    }),
    draft('operator.registered', { operator_id: 'op-1' }, person),
    order(orderId, deviceIds.length),
    draft('order.ids-allocated', { order_id: orderId, device_ids: deviceIds }, person),
  ];
}

/** A CA that is asked for and installed; its certificate is none. */
export function caEntries(which: string): Draft[] {
  const ca_id = `device-${which}`;
  return [
    draft('ca.requested', {
      ca_id,
      kind: 'device',
      subject: `Device Issuing CA ${which}`,
      public_key_sha256: h(`key of ${ca_id}`),
      scope: { product: 'gateway', site: 'berlin', year: 2026 },
      crl_partitions: 64,
      replaces: which === 'first' ? null : 'device-first',
    }),
    draft('ca.installed', { ca_id, certificate_sha256: h(ca_id), certificate_b64: 'AAAA' }),
  ];
}

export function order(orderId: string, quantity: number): Draft {
  return draft(
    'order.created',
    {
      order_id: orderId,
      product: 'gateway',
      sku: 'gateway-wifi',
      lot: 'lot-1',
      contract_sha256: contractSha256,
      hardware_revisions: ['B2'],
      quantity,
      scrap_allowance: 0,
      id_source: 'imported',
      sites: ['berlin'],
      stations: [],
      opens_at: '2026-01-01T00:00:00.000Z',
      closes_at: '2027-01-01T00:00:00.000Z',
    },
    person,
  );
}

/** A device in a group, with a configuration of its product that it applied and one that it could not apply. */
export function configured(deviceId: string): Draft[] {
  const device: Actor = { kind: 'device', id: deviceId };
  const set = { scope: 'product', subject: 'gateway' } as const;
  const published = (version: number) =>
    draft(
      'configuration.published',
      {
        ...set,
        version,
        values: { report_minutes: version },
        secrets: { wifi_psk: h(`psk ${version}`) },
        steps: [1, 50, 100],
        step_minutes: 60,
        stop_after: 0,
        reason: 'new network',
      },
      person,
    );
  const said = (version: number, outcome: 'applied' | 'failed') =>
    draft(
      'configuration.applied',
      {
        device_id: deviceId,
        etag: h(`etag ${version}`).slice(0, 32),
        outcome,
        detail: outcome === 'failed' ? 'no such network' : null,
        versions: [{ ...set, version }],
      },
      device,
    );
  return [
    draft('group.created', { group_id: 'acme', product: 'gateway', reason: 'a customer' }, person),
    draft('group.changed', { group_id: 'acme', added: [deviceId], removed: [], reason: 'delivered' }, person),
    published(1),
    draft('configuration.widened', { ...set, version: 1, share: 100, reason: 'all is well' }, person),
    said(1, 'applied'),
    published(2),
    said(2, 'failed'),
    draft('configuration.stopped', { ...set, version: 2, failed: 1 }, { kind: 'authority', id: 'a-1' }),
  ];
}

export const uidOf = (deviceId: string): HardwareUid => [{ kind: 'mcu-uid', value: `uid-${deviceId}` }];
const jobOf = (deviceId: string) => `j-${deviceId}`;
const readBack = (deviceId: string) => ({
  device_id: deviceId,
  certificate_sha256: h(`certificate ${deviceId}`),
  chain_sha256: h('chain'),
  trust_anchor_sha256: h('root'),
  factory_config_sha256: h('config'),
});
const signature = { attempt: 1, nonce: h('nonce'), signature_b64: 'AAAA' };
const seal = {
  before: { debug_lock: 'open' as const, boot_flags: { secure_boot: false } },
  after: { debug_lock: 'locked' as const, boot_flags: { secure_boot: true } },
  acts: ['write_boot_flags' as const, 'finalize' as const],
};
const firmware = { build_id: 'fw-1', sha256: h('fw'), rollback_counter: 1 };

export function jobOpened(deviceId: string, uid = uidOf(deviceId), jobId = jobOf(deviceId)): Draft {
  return draft('job.opened', {
    job_id: jobId,
    order_id: 'o-1',
    device_id: deviceId,
    hardware_uid: uid,
    sku: 'gateway-wifi',
    hw_rev: 'B2',
    contract_sha256: contractSha256,
    manifest_sha256: h('manifest'),
    manifest: '{}',
    factory_config: '{}',
  });
}

export function attemptStarted(deviceId: string, attempt = 1): Draft {
  return draft('attempt.started', {
    job_id: jobOf(deviceId),
    attempt,
    operation: 'provision',
    station_id: 'st-1',
    site: 'berlin',
    where: { lane: 1, carrier: null, position: null },
    operator_id: 'op-1',
    station_version: '0.1.0',
    station_configuration_sha256: h('station configuration'),
    firmware,
    lease_expires_at: '2026-01-09T09:00:00.000Z',
  });
}

export function attemptEnded(deviceId: string, attempt = 1): Draft {
  return draft('attempt.ended', {
    job_id: jobOf(deviceId),
    attempt,
    outcome: 'failed',
    step: 'write',
    failure_code: 'link_lost',
    reason: 'the cable was pulled',
    durations_ms: { write: 120 },
  });
}

export function intended(
  deviceId: string,
  serial = h(deviceId).slice(0, 32),
  key = `key ${deviceId}`,
): Draft {
  return draft('credential.intended', {
    credential_id: `c-${serial}`,
    job_id: jobOf(deviceId),
    device_id: deviceId,
    profile: 'idevid',
    profile_sha256: h('profile'),
    issuer_sha256: h('ca'),
    serial,
    tbs_sha256: h(`tbs ${serial}`),
    key_type: 'ec-p256',
    public_key_sha256: h(key),
    not_before: '2026-01-09T08:00:00.000Z',
    not_after: '9999-12-31T23:59:59.000Z',
    owner: 'a-1',
    ignored: ['a subject (2.5.4.3) was asked for and is ignored'],
    lease_expires_at: '2026-01-09T08:01:00.000Z',
  });
}

export function issued(deviceId: string, serial = h(deviceId).slice(0, 32)): Draft {
  return draft('credential.issued', {
    credential_id: `c-${serial}`,
    certificate_sha256: h(`certificate ${serial}`),
    certificate_b64: Buffer.from(`certificate ${serial}`).toString('base64'),
  });
}

export function revoked(serial: string): Draft {
  return draft('credential.revoked', { credential_id: `c-${serial}`, serial, reason: 'key-lost' });
}

export function written(deviceId: string): Draft {
  return draft('job.written', { job_id: jobOf(deviceId), attempt: 1, read_back: readBack(deviceId) });
}

export function proven(deviceId: string): Draft {
  return draft('job.proven', {
    job_id: jobOf(deviceId),
    certificate_sha256: h(`certificate ${deviceId}`),
    prove: signature,
  });
}

export function sealed(deviceId: string): Draft {
  return draft('job.sealed', { job_id: jobOf(deviceId), attempt: 1, seal });
}

export function completed(deviceId: string): Draft {
  return draft('job.completed', {
    job_id: jobOf(deviceId),
    order_id: 'o-1',
    lot: 'lot-1',
    product: 'gateway',
    sku: 'gateway-wifi',
    device_id: deviceId,
    hardware_uid: uidOf(deviceId),
    hw_rev: 'B2',
    site: 'berlin',
    station_id: 'st-1',
    where: { lane: 1, carrier: null, position: null },
    operator_id: 'op-1',
    contract_sha256: contractSha256,
    contract_revision: 'r1',
    manifest_sha256: h('manifest'),
    log_id: h('log'),
    key_type: 'ec-p256',
    public_key_sha256: h(`key ${deviceId}`),
    certificate_sha256: h(`certificate ${deviceId}`),
    certificate_serial: h(deviceId).slice(0, 32),
    issuer_sha256: h('ca'),
    assurance: 'proven-through-station',
    prove: signature,
    attest: {
      ...signature,
      state: {
        debug_lock: 'locked',
        boot_flags: { secure_boot: true },
        firmware_build_id: 'fw-1',
        firmware_sha256: h('fw'),
        rollback_counter: 1,
        boot_count: 2,
        trust_anchor_sha256: h('root'),
        factory_config_sha256: h('config'),
        storage_map_sha256: h('map'),
      },
    },
    reported: {
      read_back: readBack(deviceId),
      seal,
      selftest: { passed: true, checks: ['flash'] },
      label: { mode: 'preprinted', scanned_back: deviceId },
      station_version: '0.1.0',
      station_configuration_sha256: h('station configuration'),
      durations_ms: { key: 60, write: 120 },
    },
  });
}

export function quarantined(deviceId: string): Draft[] {
  return [
    draft('job.quarantined', {
      job_id: jobOf(deviceId),
      step: 'prove',
      failure_code: 'proof_wrong',
      reason: 'it proved another key',
    }),
    draft('unit.quarantined', { hardware_uid: uidOf(deviceId), reason: 'it proved another key' }),
    transitioned(deviceId, 'allocated', 'quarantined'),
  ];
}

type State = EntryData<'device.transitioned'>['to'];

export function transitioned(deviceId: string, from: State, to: State): Draft {
  return draft('device.transitioned', { device_id: deviceId, from, to, reason: 'as it goes' });
}

/** All of a unit's entries, decision by decision, from its first scan to `manufactured`. */
export function wholeWay(deviceId: string): Draft[][] {
  return [
    [jobOpened(deviceId), attemptStarted(deviceId)],
    [intended(deviceId)],
    [issued(deviceId)],
    [written(deviceId)],
    [proven(deviceId)],
    [sealed(deviceId)],
    [completed(deviceId), transitioned(deviceId, 'allocated', 'manufactured')],
  ];
}
