/** Whether the certificates under which OCSP answers are signed still hold: an authority at work has another one made after half of its three days. */
import type { Tables } from '@imprint/authority/storage/tables';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import { type Finding, fail, ok, warn } from '../check.ts';
import { ofDatabase } from './facts.ts';

/** Of each CA for devices that certifies and whose revocation was ever told by OCSP: when its newest signer ends, the first to end first. */
export async function ocspSignerEnds(reader: Kysely<Tables>): Promise<Date[]> {
  const rows = await reader
    .selectFrom('responder')
    .innerJoin('ca', 'ca.certificate_sha256', 'responder.issuer_sha256')
    .select((eb) => eb.fn.max('responder.not_after').as('end'))
    .where('ca.status', '=', 'active')
    .where('responder.certificate_sha256', 'is not', null)
    .groupBy('responder.issuer_sha256')
    .execute();
  return rows.map(({ end }) => new Date(end)).sort((a, b) => a.getTime() - b.getTime());
}

export const ocspSigners = ofDatabase('OCSP signers', async ({ storage }, { now }): Promise<Finding> => {
  const ends = await ocspSignerEnds(storage.reader);
  const [first] = ends;
  if (first === undefined) return ok('none was certified yet: imprint serve does it');
  const advice =
    'Start imprint serve, which has the next one certified. If it runs, its own log says what hinders it.';
  const leftHours = (first.getTime() - now.getTime()) / 3_600_000;
  const over = ends.filter((end) => end.getTime() <= now.getTime()).length;
  if (over > 0) return fail(`${over} of ${ends.length} CAs have no OCSP signer that holds`, advice);
  const detail = `of ${ends.length} CAs, the first ends at ${first.toISOString()}`;
  return leftHours < limits.ocspSignerEndsSoonHours ? warn(detail, advice) : ok(detail);
});
