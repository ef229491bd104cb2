/** Whether the newest CRL of every CA that certifies is still good: whoever has one that ended trusts nothing under that CA. */
import type { Tables } from '@imprint/authority/storage/tables';
import type { Kysely } from 'kysely';
import { fail, ok } from '../check.ts';
import { ofDatabase } from './facts.ts';

/** When the newest CRLs of the CAs that certify end, the first to end first. */
export async function crlEnds(reader: Kysely<Tables>): Promise<Date[]> {
  const rows = await reader
    .selectFrom('crl')
    .innerJoin('ca', 'ca.certificate_sha256', 'crl.issuer_sha256')
    .select('crl.next_update')
    .where('ca.status', '=', 'active')
    .orderBy('crl.next_update')
    .execute();
  return rows.map(({ next_update }) => new Date(next_update));
}

export const crls = ofDatabase('revocation lists', async ({ storage }, { now }) => {
  const ends = await crlEnds(storage.reader);
  const over = ends.filter((end) => end.getTime() <= now.getTime()).length;
  if (over > 0) {
    return fail(
      `${over} of ${ends.length} CRLs are over`,
      'Start imprint serve, which publishes them, or: imprint crl publish. If it runs, its own log says what hinders it.',
    );
  }
  return ok(
    ends.length === 0
      ? 'none was published yet'
      : `${ends.length} CRLs, the first ends at ${ends[0]!.toISOString()}`,
  );
});
