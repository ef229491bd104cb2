/** Entries of credentials: an intent, the one certificate that it may yield, and its revocation. */
import { fromBase64 } from '@imprint/contract/bytes';
import { statement } from '../../storage/statement.ts';
import type { CredentialTable } from '../../storage/tables.ts';
import { moveJob } from './job-move.ts';
import { mustChangeOne, type Projections, recordChange } from './projections.ts';
import { recordRevocation } from './revocations.ts';

export const credentialProjections: Projections<
  'credential.intended' | 'credential.issued' | 'credential.revoked'
> = {
  'credential.intended': async (tx, entry, index) => {
    const { data, at } = entry;
    const { ignored, ...intent } = data;
    const { device_id, public_key_sha256 } = data;
    await insertIntent(tx, { ...intent, intended_at: at });
    mustChangeOne(
      await bindKey(tx, { public_key_sha256, device_id }),
      'key_reused',
      `the public key of device ${device_id} serves another device`,
    );
    const { rows: counted } = await countIssued(tx, { device_id });
    if (counted[0] !== undefined) await countInOrder(tx, { order_id: counted[0].order_id });
    // what a device asks for in the field comes after its job
    if (entry.actor.kind !== 'device') await moveJob(tx, data.job_id, 'keyed');
    await recordChange(tx, entry, index, {
      deviceId: device_id,
      field: `credential ${data.profile}`,
      value: `${data.serial} intended`,
      reason: ignored.length === 0 ? null : ignored.join('; '),
    });
  },

  'credential.issued': async (tx, entry, index) => {
    const { credential_id, certificate_sha256, certificate_b64 } = entry.data;
    const { rows } = await release(tx, {
      credential_id,
      certificate_sha256,
      certificate: fromBase64(certificate_b64),
      issued_at: entry.at,
    });
    mustChangeOne({ rows }, 'intent_uncertain', `credential ${credential_id} is no open intent`);
    const { job_id, device_id, profile, serial } = rows[0]!;
    if (entry.actor.kind !== 'device') await moveJob(tx, job_id, 'issued');
    await recordChange(tx, entry, index, {
      deviceId: device_id,
      field: `credential ${profile}`,
      value: `${serial} active`,
    });
  },

  'credential.revoked': async (tx, entry, index) => {
    const { credential_id, serial, reason } = entry.data;
    const { rows } = await revoke(tx, { credential_id, serial, reason, revoked_at: entry.at });
    mustChangeOne({ rows }, 'bad_request', `credential ${credential_id} is not there to be revoked`);
    const { issuer_sha256, not_after } = rows[0]!;
    await recordRevocation(tx, {
      issuer_sha256,
      serial,
      revoked_at: entry.at,
      reason,
      not_after,
      log_index: index,
    });
    await recordChange(tx, entry, index, {
      deviceId: rows[0]!.device_id,
      field: `credential ${rows[0]!.profile}`,
      value: `${serial} revoked`,
      reason,
    });
  },
};

const insertIntent = statement<
  Omit<
    CredentialTable,
    | 'status'
    | 'certificate_sha256'
    | 'certificate'
    | 'issued_at'
    | 'superseded_at'
    | 'revoked_at'
    | 'revocation_reason'
  >
>((db, arg) =>
  db.insertInto('credential').values({
    credential_id: arg('credential_id'),
    job_id: arg('job_id'),
    device_id: arg('device_id'),
    profile: arg('profile'),
    profile_sha256: arg('profile_sha256'),
    issuer_sha256: arg('issuer_sha256'),
    serial: arg('serial'),
    tbs_sha256: arg('tbs_sha256'),
    key_type: arg('key_type'),
    public_key_sha256: arg('public_key_sha256'),
    not_before: arg('not_before'),
    not_after: arg('not_after'),
    owner: arg('owner'),
    lease_expires_at: arg('lease_expires_at'),
    status: 'intended',
    certificate_sha256: null,
    certificate: null,
    intended_at: arg('intended_at'),
    issued_at: null,
    superseded_at: null,
    revoked_at: null,
    revocation_reason: null,
  }),
);

/** The same key for the same device is met again where an intent was closed and a new one opened; for another device it changes no row (I-7). */
const bindKey = statement<{ public_key_sha256: string; device_id: string }>((db, arg) =>
  db
    .insertInto('public_key')
    .values({ public_key_sha256: arg('public_key_sha256'), device_id: arg('device_id') })
    .onConflict((conflict) =>
      conflict
        .column('public_key_sha256')
        .doUpdateSet((row) => ({ device_id: row.ref('excluded.device_id') }))
        .whereRef('public_key.device_id', '=', 'excluded.device_id'),
    ),
);

const countIssued = statement<{ device_id: string }, { order_id: string }>((db, arg) =>
  db
    .updateTable('device')
    .set({ issued: 1 })
    .where('device_id', '=', arg('device_id'))
    .where('issued', '=', 0)
    .returning('order_id'),
);

const countInOrder = statement<{ order_id: string }>((db, arg) =>
  db
    .updateTable('production_order')
    .set((row) => ({ issued: row('issued', '+', 1) }))
    .where('order_id', '=', arg('order_id')),
);

const release = statement<
  { credential_id: string; certificate_sha256: string; certificate: Uint8Array; issued_at: string },
  Pick<CredentialTable, 'job_id' | 'device_id' | 'profile' | 'serial'>
>((db, arg) =>
  db
    .updateTable('credential')
    .set({
      status: 'active',
      certificate_sha256: arg('certificate_sha256'),
      certificate: arg('certificate'),
      issued_at: arg('issued_at'),
    })
    .where('credential_id', '=', arg('credential_id'))
    .where('status', '=', 'intended')
    .returning(['job_id', 'device_id', 'profile', 'serial']),
);

const revoke = statement<
  { credential_id: string; serial: string; reason: string; revoked_at: string },
  Pick<CredentialTable, 'device_id' | 'profile' | 'issuer_sha256' | 'not_after'>
>((db, arg) =>
  db
    .updateTable('credential')
    .set({ status: 'revoked', revoked_at: arg('revoked_at'), revocation_reason: arg('reason') })
    .where('credential_id', '=', arg('credential_id'))
    .where('serial', '=', arg('serial'))
    .where('status', '!=', 'revoked')
    .returning(['device_id', 'profile', 'issuer_sha256', 'not_after']),
);
