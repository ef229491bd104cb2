/** Entries of CRLs, and the row that every revocation has, whoever revoked. */
import type { Kysely } from 'kysely';
import { bucketOf } from '../../storage/serial-bucket.ts';
import { statement } from '../../storage/statement.ts';
import type { CrlTable, RevocationTable, Tables } from '../../storage/tables.ts';
import { mustChangeOne, type Projections } from './projections.ts';

export const revocationProjections: Projections<'crl.published'> = {
  /** A number that does not go up, and another count of partitions, are refused (I-17). */
  'crl.published': async (tx, { data }) => {
    const { rows } = await advance(tx, data);
    mustChangeOne(
      { rows },
      'log_inconsistent',
      `CRL ${data.number} of partition ${data.partition} does not follow on the one before it`,
    );
  },
};

/** Of a serial that is revoked already nothing changes: its first date counts. */
export async function recordRevocation(
  tx: Kysely<Tables>,
  revocation: Omit<RevocationTable, 'bucket'>,
): Promise<void> {
  await insertRevocation(tx, { ...revocation, bucket: bucketOf(revocation.serial) });
}

const insertRevocation = statement<RevocationTable>((db, arg) =>
  db
    .insertInto('revocation')
    .values({
      issuer_sha256: arg('issuer_sha256'),
      bucket: arg('bucket'),
      serial: arg('serial'),
      revoked_at: arg('revoked_at'),
      reason: arg('reason'),
      not_after: arg('not_after'),
      log_index: arg('log_index'),
    })
    .onConflict((conflict) => conflict.columns(['issuer_sha256', 'bucket', 'serial']).doNothing()),
);

const advance = statement<CrlTable, Pick<CrlTable, 'number'>>((db, arg) =>
  db
    .insertInto('crl')
    .values({
      issuer_sha256: arg('issuer_sha256'),
      partition: arg('partition'),
      partitions: arg('partitions'),
      number: arg('number'),
      this_update: arg('this_update'),
      next_update: arg('next_update'),
      crl_sha256: arg('crl_sha256'),
      revoked: arg('revoked'),
      log_size: arg('log_size'),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['issuer_sha256', 'partition'])
        .doUpdateSet((row) => ({
          number: row.ref('excluded.number'),
          this_update: row.ref('excluded.this_update'),
          next_update: row.ref('excluded.next_update'),
          crl_sha256: row.ref('excluded.crl_sha256'),
          revoked: row.ref('excluded.revoked'),
          log_size: row.ref('excluded.log_size'),
        }))
        .whereRef('crl.number', '<', 'excluded.number')
        .whereRef('crl.partitions', '=', 'excluded.partitions'),
    )
    .returning('number'),
);
