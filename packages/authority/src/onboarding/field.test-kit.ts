/** For tests: devices that people have shipped, and what they ask for in the field. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { readRequestClaims } from '@imprint/contract/est/request-claims';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { readCertificationRequest } from '../issuing/certification-request.ts';
import { makeRequest, type RequestChanges } from '../issuing/requests.test-kit.ts';
import { type Line, TestUnit } from '../jobs/line.test-kit.ts';
import { doneUnit } from '../jobs/walk.test-kit.ts';
import { bring } from '../lifecycle/lifecycle.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import type { EnrolmentRequest } from './enrol.ts';
import type { KnownDevice } from './known-device.ts';

export interface FieldDevice {
  deviceId: string;
  /** Of the birth certificate. */
  key: KeyObject;
  /** DER. */
  certificate: Uint8Array;
  known: KnownDevice;
}

/** A device that was made, shipped and activated, all by the log. */
export async function fieldDevice(line: Line, deviceId: string): Promise<FieldDevice> {
  const { unit, der } = await doneUnit(line, new TestUnit(`unit-${deviceId}`, line.product), deviceId);
  await bring(line, deviceId, 'manufactured');
  await move(line, deviceId, 'manufactured', 'stocked', 'shipped', 'activated');
  return { deviceId, key: unit.key, certificate: der, known: await knownBy(line, der) };
}

/** Moves it from one state to the next. */
export async function move(line: Line, deviceId: string, ...states: LifecycleState[]): Promise<void> {
  for (const [at, to] of states.entries()) {
    if (at === 0) continue;
    await line.record({
      type: 'device.transitioned',
      actor: to === 'activated' ? { kind: 'device', id: deviceId } : { kind: 'person', id: 'lead' },
      data: { device_id: deviceId, from: states[at - 1]!, to, reason: `it becomes ${to}` },
    });
  }
}

/** What the gate says of a connection that proved this certificate (DER). */
export async function knownBy({ core }: Line, certificate: Uint8Array): Promise<KnownDevice> {
  const sha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
  const row = await core.ledger.reader
    .selectFrom('credential')
    .select(['credential_id', 'device_id', 'profile'])
    .where('certificate_sha256', '=', sha256)
    .executeTakeFirstOrThrow();
  return {
    deviceId: row.device_id,
    credentialId: row.credential_id,
    profile: row.profile as KnownDevice['profile'],
    certificateSha256: sha256,
  };
}

/** A request as the edge hands it on. */
export function enrolmentRequest(
  key: KeyObject = makeKey('ec-p256'),
  changes: Omit<RequestChanges, 'key'> = {},
): EnrolmentRequest {
  const der = makeRequest({ key, ...changes });
  return { csr: readCertificationRequest(der), claims: readRequestClaims(der) };
}
