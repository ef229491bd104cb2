/**
 * Receipts: the entry that says a unit is done, the proof that the log holds it, a checkpoint over both and the
 * certificates, in the one form that anybody can verify offline.
 */
import { decodeEntry, type RealmName } from '@imprint/contract/audit/entry';
import { writeReceipt } from '@imprint/contract/audit/receipt';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import { unpackEntry } from '../storage/packed-entry.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, DeviceTable, LogEntryTable, Tables } from '../storage/tables.ts';
import { chainOf } from '../trust/issuers.ts';
import type { Checkpoints } from './checkpoints.ts';
import { proveInclusion } from './tiles.ts';

export interface ReceiptSource {
  reader: Kysely<Tables>;
  checkpoints: Checkpoints;
  realm: RealmName;
}

/**
 * The receipt of a device that is done, as text.
 * @throws unknown_device, job_state_wrong where it is not done; log_inconsistent, key_locked
 */
export async function proveDevice(source: ReceiptSource, deviceId: string): Promise<string> {
  const [device] = (await selectDevice(source.reader, { device_id: deviceId })).rows;
  if (device === undefined) throw new ImprintError('unknown_device', `there is no device ${deviceId}`);
  if (device.completed_index === null) {
    throw new ImprintError(
      'job_state_wrong',
      `${deviceId} is ${device.state} and not done: it has no receipt`,
      {
        hint: 'A receipt exists once the unit was sealed and proved itself again.',
      },
    );
  }
  return proveEntry(source, device.completed_index);
}

/** The receipt of the job.completed entry at this index of the committed log. */
export async function proveEntry(source: ReceiptSource, index: number): Promise<string> {
  const [row] = (await selectEntry(source.reader, { log_index: index })).rows;
  if (row === undefined) throw new ImprintError('bad_request', `the log has no entry ${index}`);
  const bytes = unpackEntry(row.packed);
  const entry = decodeEntry(bytes);
  if (entry.type !== 'job.completed') {
    throw new ImprintError(
      'bad_request',
      `entry ${index} is ${entry.type}: only job.completed has a receipt`,
    );
  }
  const checkpoint = await source.checkpoints.latest();
  return writeReceipt({
    realm: source.realm,
    entry: bytes,
    index,
    inclusionProof: await proveInclusion(source.reader, index, checkpoint.size),
    checkpoint: checkpoint.text,
    chain: [
      await certificateOf(source.reader, entry.data.certificate_sha256),
      ...(await chainOf(source.reader, entry.data.issuer_sha256)).certificates,
    ],
  });
}

async function certificateOf(reader: Kysely<Tables>, certificateSha256: string): Promise<Uint8Array> {
  const [row] = (await selectCertificate(reader, { certificate_sha256: certificateSha256 })).rows;
  if (row?.certificate == null) {
    throw new ImprintError('log_inconsistent', `no credential has the certificate ${certificateSha256}`, {
      hint: 'Run imprint audit verify: the registry lacks a certificate that the log names.',
    });
  }
  return row.certificate;
}

const selectDevice = statement<{ device_id: string }, Pick<DeviceTable, 'completed_index' | 'state'>>(
  (db, arg) =>
    db.selectFrom('device').select(['completed_index', 'state']).where('device_id', '=', arg('device_id')),
);

const selectEntry = statement<{ log_index: number }, Pick<LogEntryTable, 'packed'>>((db, arg) =>
  db.selectFrom('log_entry').select('packed').where('log_index', '=', arg('log_index')),
);

const selectCertificate = statement<{ certificate_sha256: string }, Pick<CredentialTable, 'certificate'>>(
  (db, arg) =>
    db
      .selectFrom('credential')
      .select('certificate')
      .where('certificate_sha256', '=', arg('certificate_sha256')),
);
