/** I-7: one public key serves one device for ever; a unit that presents another's is set aside with the other. */
import { ImprintError } from '@imprint/contract/errors';
import type { CertificationRequest } from '../issuing/certification-request.ts';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { refuseExcluded } from '../registry/excluded-keys.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable } from '../storage/tables.ts';
import type { Job } from './job.ts';
import type { StationCaller } from './line-core.ts';
import type { Refusal } from './once.ts';
import { quarantineDrafts } from './quarantine.ts';
import { isWithinReach } from './reach.ts';

/**
 * The refusal of a key that was ever certified for another device; undefined for a fresh one, and for the present job's own. The
 * presenting unit is set aside, and the other one too where it is unfinished and of an order that this station works on: a request
 * proves possession, and not when, so that whoever overheard one can present it again.
 * @throws key_reused for a key that was revoked as compromised, that a former job of the device left, or that another realm has certified
 */
export async function knownKey(
  reading: Reading,
  caller: StationCaller,
  job: Job,
  csr: CertificationRequest,
): Promise<{ entries: Draft[]; refusal: Refusal } | undefined> {
  await refuseExcluded(reading.tx, csr.publicKeySha256);
  const { rows } = await selectOwner(reading.tx, { public_key_sha256: csr.publicKeySha256 });
  const known = rows[0];
  if (!known) return undefined;
  await refuseSpent(reading, job, csr);
  if (known.device_id === job.device_id) return undefined;
  const entries: Draft[] = [
    {
      type: 'alarm.raised',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        kind: 'foreign-identity',
        subject: job.job_id,
        detail: `a unit scanned as ${job.device_id} presented the key of ${known.device_id}`,
      },
    },
  ];
  const isInReach = await isWithinReach(reading, caller, known.device_id);
  for (const deviceId of isInReach ? [job.device_id, known.device_id] : [job.device_id]) {
    entries.push(
      ...(await quarantineDrafts(reading, caller, deviceId, {
        step: 'key',
        failure_code: 'foreign_identity',
        reason: `one key was presented for ${job.device_id} and ${known.device_id}`,
      })),
    );
  }
  const refusal: Refusal = {
    code: 'key_reused',
    message: `this key belongs to ${known.device_id}`,
    hint: 'Put the unit into the quarantine box; a line lead decides.',
  };
  return { entries, refusal };
}

/**
 * A key that a person revoked as compromised is certified for nobody again, its own device included: whoever has the key would
 * have the new certificate too. So it is with the key that a unit made in a former job: nobody knows who had it since.
 * @throws key_reused
 */
async function refuseSpent(reading: Reading, job: Job, csr: CertificationRequest): Promise<void> {
  const { rows } = await selectUses(reading.tx, { public_key_sha256: csr.publicKeySha256 });
  if (rows.some(({ revocation_reason }) => revocation_reason === 'key-compromise')) {
    throw new ImprintError('key_reused', 'this key was revoked as compromised', {
      hint: 'Put the unit into the quarantine box; a line lead decides.',
    });
  }
  if (rows.every(({ device_id, job_id }) => device_id !== job.device_id || job_id === job.job_id)) return;
  throw new ImprintError('key_reused', `the unit still holds the key that ${job.device_id} had before`, {
    hint: 'Scan the unit again, so that it makes a new one; if it does not, scrap it.',
  });
}

const selectUses = statement<
  { public_key_sha256: string },
  Pick<CredentialTable, 'device_id' | 'job_id' | 'revocation_reason'>
>((db, arg) =>
  db
    .selectFrom('credential')
    .select(['device_id', 'job_id', 'revocation_reason'])
    .where('device_id', '=', (eb) =>
      eb
        .selectFrom('public_key')
        .select('device_id')
        .where('public_key_sha256', '=', arg('public_key_sha256')),
    )
    .where('public_key_sha256', '=', arg('public_key_sha256')),
);

const selectOwner = statement<{ public_key_sha256: string }, { device_id: string }>((db, arg) =>
  db.selectFrom('public_key').select('device_id').where('public_key_sha256', '=', arg('public_key_sha256')),
);
