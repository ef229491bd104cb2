/** Entries of the CAs under the realm's roots: asked for, installed, retired; of the roots' CRLs, of what devices are told to trust, and of keys of other realms. */
import { fromBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { CaTable, Tables } from '../../storage/tables.ts';
import { mustChangeOne, type Projections } from './projections.ts';

export const caProjections: Projections<
  'ca.requested' | 'ca.installed' | 'ca.retired' | 'root-crl.installed' | 'bundle.published' | 'keys.excluded'
> = {
  'ca.requested': async (tx, { at, data }) => {
    const { scope, ...rest } = data;
    await tx
      .insertInto('ca')
      .values({
        ...rest,
        ...scope,
        status: 'requested',
        certificate_sha256: null,
        certificate: null,
        requested_at: at,
        installed_at: null,
        retired_at: null,
        reason: null,
      })
      .execute();
  },
  'ca.installed': async (tx, { at, data }) => {
    const { ca_id, certificate_sha256, certificate_b64 } = data;
    await move(tx, ca_id, 'requested', {
      status: 'active',
      certificate_sha256,
      certificate: fromBase64(certificate_b64),
      installed_at: at,
    });
  },
  'ca.retired': async (tx, { at, data }) => {
    await move(tx, data.ca_id, 'active', { status: 'retired', retired_at: at, reason: data.reason });
  },
  /** A number that does not go up is refused (I-17). */
  'root-crl.installed': async (tx, { at, data }) => {
    const { crl_b64, ...rest } = data;
    const values = { ...rest, crl: fromBase64(crl_b64), installed_at: at };
    const { branch: _, ...changed } = values;
    const rows = await tx
      .insertInto('root_crl')
      .values(values)
      .onConflict((conflict) =>
        conflict.column('branch').doUpdateSet(changed).whereRef('root_crl.number', '<', 'excluded.number'),
      )
      .returning('number')
      .execute();
    mustChangeOne(
      { rows },
      'log_inconsistent',
      `CRL ${data.number} of the ${data.branch} root does not follow on the one before it`,
    );
  },
  /** One that two realms have certified stays the first one's. */
  'keys.excluded': async (tx, { data }) => {
    const { realm, log_id, public_key_sha256s } = data;
    await tx
      .insertInto('excluded_key')
      .values(public_key_sha256s.map((public_key_sha256) => ({ public_key_sha256, realm, log_id })))
      .onConflict((conflict) => conflict.column('public_key_sha256').doNothing())
      .execute();
  },
  'bundle.published': async (tx, { at, data }) => {
    await tx
      .insertInto('trust_bundle')
      .values({ ...data, published_at: at })
      .execute();
  },
};

async function move(
  tx: Kysely<Tables>,
  caId: string,
  from: CaTable['status'],
  change: Partial<CaTable>,
): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('ca')
    .set(change)
    .where('ca_id', '=', caId)
    .where('status', '=', from)
    .executeTakeFirst();
  if (numUpdatedRows === 1n) return;
  throw new ImprintError('ca_not_active', `there is no CA ${caId} that is ${from}`, {
    hint: 'Nothing was written. See imprint ca list.',
  });
}
