/**
 * Revokes all that a compromised CA has certified, and sets aside what nobody can vouch for: one decision each, so that a stop anywhere
 * leaves every unit either as it was or done, and the next run goes on with what is left.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { approvedInLog } from '../lifecycle/approved.ts';
import { type LifecycleCore, transitionDrafts } from '../lifecycle/transition.ts';
import type { Ca } from '../trust/cas.ts';
import { issuedBy, issuedPage, type Outcome, oneIssued, outcomeOf } from './issued.ts';
import type { Plan } from './plan.ts';

export interface Revoking {
  by: Actor;
  ca: Ca;
  plan: Plan;
  contracts: LifecycleCore['contracts'];
}

/**
 * Gives how many this run has revoked. `onProgress` hears of what is durable.
 * @throws ca_not_active where the CA is not declared compromised; approval_required, approval_invalid (I-18): nothing was revoked then;
 * storage_failed, clock_untrusted, unavailable: what was told of is done, run it again
 */
export async function revokeIssued(
  ledger: Ledger,
  { by, ca, plan, contracts }: Revoking,
  onProgress: (done: number) => void = () => {},
): Promise<number> {
  const { compromised_since: since, certificate_sha256: issuer } = ca;
  if (since === null || issuer === null) {
    throw new ImprintError('ca_not_active', `${ca.ca_id} is not declared compromised`, {
      hint: 'Declare it first: its certificates are revoked only then.',
    });
  }
  if (plan.credentials === plan.outcomes.revoked) return 0;
  await requireSecondPerson(ledger, by, plan);
  let done = 0;
  for (let after = ''; ; ) {
    const page = await issuedBy(ledger.reader, issuer, since, after);
    for (let at = 0; at < page.length; at += limits.transitionsAtOnce) {
      const some = page.slice(at, at + limits.transitionsAtOnce).filter(({ status }) => status !== 'revoked');
      const settled = await Promise.allSettled(
        some.map(({ credential_id }) =>
          ledger.submit(async (reading) => {
            const entries = await draftsOf(reading, { by, ca, contracts }, issuer, since, credential_id);
            return { entries, reply: () => entries.length > 0 };
          }),
        ),
      );
      done += settled.filter((one) => one.status === 'fulfilled' && one.value).length;
      onProgress(done);
      const failed = settled.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
    if (page.length < issuedPage) break;
    after = page.at(-1)!.credential_id;
  }
  return done + (await revokeStations(ledger, by, ca, plan.stations));
}

/** One approval is for the whole list; the person it was given to goes on under it after an interruption. */
function requireSecondPerson(
  ledger: Ledger,
  by: Actor,
  { credentials_sha256, credentials: count }: Plan,
): Promise<void> {
  const parameters = { credentials_sha256, count, reason: 'ca-compromise' };
  return ledger.submit(async (reading) => {
    const entries = await approvedInLog(reading, by, { act: 'credential.revoke-bulk', parameters });
    return { entries, reply: () => undefined };
  });
}

/** The revocation, and before a board's next step its quarantine: none where somebody was quicker. */
async function draftsOf(
  reading: Reading,
  { by, ca, contracts }: Pick<Revoking, 'by' | 'ca' | 'contracts'>,
  issuer: string,
  since: string,
  credentialId: string,
): Promise<Draft[]> {
  const issued = await oneIssued(reading.tx, issuer, since, credentialId);
  if (issued === undefined) return [];
  const outcome: Outcome = outcomeOf(issued, since);
  if (outcome === 'revoked') return [];
  const { credential_id, serial, device_id } = issued;
  const revoked: Draft = {
    type: 'credential.revoked',
    actor: by,
    data: { credential_id, serial, reason: 'ca-compromise' },
  };
  if (outcome !== 'set-aside') return [revoked];
  const core = { contracts, approved: approvedInLog };
  const reason = `the key of ${ca.ca_id} was stolen`;
  const move = { by, deviceId: device_id, to: 'quarantined', reason, list: null } as const;
  const { entries } = await transitionDrafts(reading, core, move);
  // the move may have ended the same credential already, as with unfinished work
  const isEnded = entries.some(
    ({ type, data }) => type === 'credential.revoked' && data.credential_id === credential_id,
  );
  return isEnded ? entries : [revoked, ...entries];
}

/** A station's certificate opens the line: it is enrolled anew, under another CA. */
async function revokeStations(
  ledger: Ledger,
  by: Actor,
  { ca_id }: Ca,
  stations: readonly string[],
): Promise<number> {
  for (const station_id of stations) {
    const data = { station_id, reason: `the key of ${ca_id} was stolen` };
    await ledger.submit(async () => ({
      entries: [{ type: 'station.revoked', actor: by, data }],
      reply: () => undefined,
    }));
  }
  return stations.length;
}
