/** What follows from a compromise, counted before anything is done and again afterwards: nothing of it is kept, the registry says it. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { type Ca, scopeOf } from '../trust/cas.ts';
import { type IssuedCredential, issuedBy, issuedPage, type Outcome, outcomeOf } from './issued.ts';

export interface Plan {
  /** All that were ever intended under the CA, a station's too. */
  credentials: number;
  /**
   * SHA-256 (hex) over the serials, each with a newline, in the order of the credentials' or stations' IDs: names the list to whoever
   * approves it, and stays the same while it is worked off.
   */
  credentials_sha256: string;
  outcomes: Record<Outcome, number>;
  /** Stations that stand under a station CA, and work. */
  stations: string[];
}

export interface Planned {
  credential: IssuedCredential;
  outcome: Outcome;
}

/**
 * Reads everything that the CA has certified. `each` gets it page by page, as for a list that people keep.
 * @param since as {@link outcomeOf} takes it
 */
export async function planOf(
  db: Kysely<Tables>,
  ca: Ca,
  since: string,
  each: (page: readonly Planned[]) => void = () => {},
): Promise<Plan> {
  const outcomes: Plan['outcomes'] = { 'certify-anew': 0, 'set-aside': 0, revoke: 0, revoked: 0 };
  const digest = createHash('sha256');
  let credentials = 0;
  for (let after = ''; ca.certificate_sha256 !== null; ) {
    const page = await issuedBy(db, ca.certificate_sha256, since, after);
    const planned = page.map((credential) => ({ credential, outcome: outcomeOf(credential, since) }));
    for (const { credential, outcome } of planned) {
      outcomes[outcome]++;
      digest.update(`${credential.serial}\n`);
    }
    credentials += page.length;
    each(planned);
    if (page.length < issuedPage) break;
    after = page.at(-1)!.credential_id;
    // others are waiting meanwhile
    await nextTurn();
  }
  const stations = ca.kind === 'station' ? await stationsUnder(db, ca) : [];
  for (const { serial } of stations) digest.update(`${serial}\n`);
  outcomes.revoked += stations.filter(({ status }) => status === 'revoked').length;
  const left = stations.filter(({ status }) => status !== 'revoked');
  return {
    credentials: credentials + stations.length,
    credentials_sha256: digest.digest('hex'),
    outcomes,
    stations: left.map(({ station_id }) => station_id),
  };
}

/** Stations with a certificate by this CA. */
async function stationsUnder(db: Kysely<Tables>, ca: Ca) {
  return db
    .selectFrom(['station', 'realm'])
    .select(['station.station_id', 'station.status', 'station.serial'])
    .where('station.serial', 'is not', null)
    .where((row) =>
      row(row.fn.coalesce('station.issuer_sha256', 'realm.station_ca_sha256'), '=', ca.certificate_sha256),
    )
    .orderBy('station.station_id')
    .execute();
}

/** How many units in the field lost their birth certificate to this CA's compromise and have not come for another one yet. */
export async function awaitedBy(db: Kysely<Tables>, ca: Ca): Promise<number> {
  const { count } = await db
    .selectFrom('device')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('device.state', 'in', ['shipped', 'activated'])
    .where((row) =>
      row.exists(
        row
          .selectFrom('credential')
          .select('credential.credential_id')
          .whereRef('credential.device_id', '=', 'device.device_id')
          .where('credential.issuer_sha256', '=', ca.certificate_sha256)
          .where('credential.profile', '=', 'idevid')
          .where('credential.revocation_reason', '=', 'ca-compromise'),
      ),
    )
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom('credential as live')
            .select('live.credential_id')
            .whereRef('live.device_id', '=', 'device.device_id')
            .where('live.profile', '=', 'idevid')
            .where('live.status', '=', 'active'),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Active CAs of its kind whose scope is the same: where there is none, nothing takes its place yet. */
export async function successorsOf(db: Kysely<Tables>, ca: Ca): Promise<string[]> {
  const { product, site } = scopeOf(ca);
  const rows = await db
    .selectFrom('ca')
    .select(['ca_id', 'product', 'site'])
    .where('kind', '=', ca.kind)
    .where('status', '=', 'active')
    .orderBy('ca_id')
    .execute();
  const holds = (bound: string | null, wanted: string | null) => bound === null || bound === wanted;
  return rows.filter((one) => holds(one.product, product) && holds(one.site, site)).map(({ ca_id }) => ca_id);
}
