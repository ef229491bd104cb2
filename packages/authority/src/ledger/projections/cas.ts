/** Entries of the CAs under the realm's roots: asked for, installed, retired; of the roots' CRLs, of what devices are told to trust, and of keys of other realms. */
import { fromBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { CaTable, Tables } from '../../storage/tables.ts';
import { mustChangeOne, type Projections } from './projections.ts';
import { recordRevocation } from './revocations.ts';

export const caProjections: Projections<
  | 'ca.requested'
  | 'ca.installed'
  | 'ca.retired'
  | 'ca.compromised'
  | 'certificate.disowned'
  | 'root-crl.installed'
  | 'bundle.published'
  | 'keys.excluded'
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
        compromised_at: null,
        compromised_since: null,
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
  /** Said again, it is only ever since an earlier moment: what is believed once may be doubted, and not the reverse. */
  'ca.compromised': async (tx, { at, data }) => {
    const { ca_id, since, reason } = data;
    const { numUpdatedRows } = await tx
      .updateTable('ca')
      .set((row) => ({
        status: 'compromised' as const,
        compromised_at: row.fn.coalesce('compromised_at', row.val(at)),
        compromised_since: since,
        reason,
      }))
      .where('ca_id', '=', ca_id)
      .where('status', 'in', ['active', 'retired', 'compromised'])
      .where((row) => row.or([row('compromised_since', 'is', null), row('compromised_since', '>', since)]))
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw notThere(ca_id, 'certified');
  },
  'certificate.disowned': async (tx, { at, data }, index) => {
    const { issuer_sha256, serial, not_after, certificate_sha256 } = data;
    await tx
      .insertInto('disowned_certificate')
      .values({ certificate_sha256, issuer_sha256, serial, not_after, log_index: index })
      .execute();
    await recordRevocation(tx, {
      ...{ issuer_sha256, serial, not_after },
      revoked_at: at,
      reason: 'unknown-to-log',
      log_index: index,
    });
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
  if (numUpdatedRows !== 1n) throw notThere(caId, from);
}

function notThere(caId: string, what: string): ImprintError {
  return new ImprintError('ca_not_active', `there is no CA ${caId} that is ${what}`, {
    hint: 'Nothing was written. See imprint ca list.',
  });
}
