/**
 * The device that asks for a certificate, looked up once more inside the decision that gives it one: the gate let the request through a
 * moment ago, and whatever was revoked, moved or ran out since counts (I-11, I-14).
 */
import { ImprintError } from '@imprint/contract/errors';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Kysely, Selectable } from 'kysely';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import { statement } from '../storage/statement.ts';
import type { CaTable, CredentialTable, Tables } from '../storage/tables.ts';
import { isCertifiedAnew } from './certified-anew.ts';
import type { KnownDevice } from './known-device.ts';

export type Credential = Selectable<CredentialTable>;

export interface EnrollingDevice {
  deviceId: string;
  hardwareUid: string;
  /** The job that made it, and where that was. */
  jobId: string;
  site: string;
  /** What the certificate that it asks with stands for. */
  credential: Credential;
  /** The one that it was made under. */
  contract: ProvisioningContract;
  /** The key of its CA was stolen: it gets another certificate for the key that it has, and nothing else. */
  isAnew: boolean;
}

const dayMs = 86_400_000;

/** @throws not_authorized where the device or its certificate does not pass any more */
export async function requireEnrolling(
  reading: { tx: Kysely<Tables>; at: string },
  contracts: ContractShelf,
  known: KnownDevice,
): Promise<EnrollingDevice> {
  const [row] = (await select(reading.tx, { credential_id: known.credentialId })).rows;
  if (
    row === undefined ||
    row.device_id !== known.deviceId ||
    row.certificate_sha256 !== known.certificateSha256
  ) {
    throw noMore('This certificate is of no device that is known here.');
  }
  const isAnew = isCertifiedAnew(row);
  const { state, hardware_uid, made_by, contract_sha256, site, ca_status, compromised_since, ...credential } =
    row;
  if (state !== 'shipped' && state !== 'activated') throw noMore(`This device is ${state}.`);
  if (made_by === null || made_by !== credential.job_id || site === null) {
    throw noMore('This certificate is of an earlier life of the device.');
  }
  if (!isAnew && ca_status !== 'active' && ca_status !== 'retired')
    throw noMore('The CA of this certificate is not trusted.');
  const contract = await contracts.get(reading.tx, contract_sha256);
  if (!isAnew && !isAccepted(credential, reading.at, contract)) {
    throw noMore('This certificate was revoked, replaced, or ran out.');
  }
  return {
    deviceId: known.deviceId,
    hardwareUid: hardware_uid,
    jobId: made_by,
    site,
    credential,
    contract,
    isAnew,
  };
}

/** I-7: active, or superseded for no longer than the contract's days (its successor's first use revokes it). */
export function isAccepted(
  { status, not_after, superseded_at }: Pick<Credential, 'status' | 'not_after' | 'superseded_at'>,
  at: string,
  contract: ProvisioningContract,
): boolean {
  if (at > not_after) return false;
  if (status === 'active') return true;
  return status === 'superseded' && superseded_at !== null && at <= endOfGrace(superseded_at, contract);
}

/** Until when a credential that was superseded then is accepted at most: ISO 8601, UTC. */
export function endOfGrace(supersededAt: string, { credential }: ProvisioningContract): string {
  return new Date(Date.parse(supersededAt) + credential.profile.successor_days * dayMs).toISOString();
}

function noMore(what: string): ImprintError {
  return new ImprintError('not_authorized', what, {
    hint: 'Use the newest certificate of this device; its record says what became of it: imprint device show.',
  });
}

type Row = Credential & {
  state: LifecycleState;
  hardware_uid: string;
  made_by: string | null;
  contract_sha256: string;
  site: string | null;
  ca_status: CaTable['status'] | null;
  compromised_since: string | null;
};

const select = statement<{ credential_id: string }, Row>((db, arg) =>
  db
    .selectFrom('credential')
    .innerJoin('device', 'device.device_id', 'credential.device_id')
    .innerJoin('job', 'job.job_id', 'credential.job_id')
    .leftJoin('ca', 'ca.certificate_sha256', 'credential.issuer_sha256')
    .selectAll('credential')
    .select((row) => [
      'device.state',
      'device.job_id as made_by',
      'job.hardware_uid',
      'job.contract_sha256',
      'ca.status as ca_status',
      'ca.compromised_since',
      row
        .selectFrom('attempt')
        .select('attempt.site')
        .whereRef('attempt.job_id', '=', 'job.job_id')
        .orderBy('attempt.attempt', 'desc')
        .limit(1)
        .as('site'),
    ])
    .where('credential.credential_id', '=', arg('credential_id')),
);
