/** What a thief tries by putting a piece of one job, attempt or step where another belongs: each piece is bound to its place. */
import { type Act, type Outcome, refused, together } from './act.ts';
import {
  completionOf,
  leave,
  mintJob,
  nonceOf,
  openJob,
  proof,
  prove,
  toSealed,
  withMint,
} from './own-jobs.ts';

export const actsSplicing: Record<string, Act> = {
  'has the key of one unit certified for another of its own': (thief) =>
    withMint(thief, async ({ unit }) => {
      const opened = await openJob(thief, thief.newUnit());
      if (opened === undefined) return 'not tried';
      const { job_id, attempt } = opened;
      return refused(
        await thief.say(
          'issueCredential',
          { job_id },
          { request_id: thief.requestId(), attempt, csr_b64: await unit.csr() },
        ),
        'key_reused',
      );
    }),
  'proves one job with the nonce and the signature of another': (thief) =>
    withMint(thief, async (first) => {
      const second = await mintJob(thief);
      if (second === undefined) return 'not tried';
      const nonces = [await nonceOf(thief, first), await nonceOf(thief, second)] as const;
      const [mine, others] = nonces;
      const outcome =
        mine === undefined || others === undefined
          ? 'not tried'
          : together(
              refused(await prove(thief, first, others, first.unit), 'nonce_invalid'),
              refused(
                await proof(thief, first.job, mine, second.unit.prove(second.job, others)),
                'proof_wrong',
              ),
            );
      await leave(thief, second.job);
      return outcome;
    }),
  'proves with what an earlier attempt signed': (thief) =>
    withMint(thief, async (minted) => {
      const { job, unit } = minted;
      const former = await nonceOf(thief, minted);
      if (former === undefined) return 'not tried';
      const signature = unit.prove(job, former);
      await leave(thief, job);
      const again = await thief.open(unit, job.device_id);
      if (again === undefined || 'code' in again) return 'not tried';
      const late = refused(await proof(thief, job, former, signature), 'job_not_open');
      minted.job = again.answer;
      return together(late, refused(await proof(thief, again.answer, former, signature), 'nonce_invalid'));
    }),
  'completes with a proof in the place of an attestation': (thief) =>
    withMint(thief, async (minted) => {
      const sealed = await toSealed(thief, minted);
      if (sealed === undefined) return 'not tried';
      const signed = sealed.completion({ signature_b64: sealed.proof });
      const proofs = refused(await thief.say('completeJob', ...signed), 'proof_wrong');
      // a fresh nonce of either step is no good in the other
      const forProve = await nonceOf(thief, minted);
      if (forProve === undefined) return 'not tried';
      return together(
        proofs,
        refused(await thief.say('completeJob', ...completionOf(thief, minted, forProve)), 'nonce_invalid'),
        refused(await prove(thief, minted, sealed.nonce, minted.unit), 'nonce_invalid'),
      );
    }),
  'completes what was never sealed': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return 'not tried';
      const proven = await prove(thief, minted, nonce, minted.unit);
      if (proven === undefined || 'code' in proven) return 'not tried';
      return refused(
        await thief.say('completeJob', ...completionOf(thief, minted, nonce)),
        'job_state_wrong',
      );
    }),
  'completes with an open lock, another firmware and another label': (thief) =>
    withMint(thief, async (minted) => {
      const sealed = await toSealed(thief, minted);
      if (sealed === undefined) return 'not tried';
      const state = minted.unit.state(minted.job);
      const { mode } = sealed.completion()[1].label;
      const outcomes: Outcome[] = [];
      for (const otherwise of [
        { state: { ...state, debug_lock: 'open' as const } },
        { state: { ...state, firmware_sha256: 'f'.repeat(64) } },
        { state: { ...state, boot_flags: {} } },
        { label: { mode, scanned_back: thief.labels[0] ?? 'GW-1' } },
      ]) {
        outcomes.push(
          refused(await thief.say('completeJob', ...sealed.completion(otherwise)), 'evidence_wrong'),
        );
      }
      return together(...outcomes);
    }),
  'reports what it read from another unit': (thief) =>
    withMint(thief, async (first) => {
      const second = await mintJob(thief);
      if (second === undefined) return 'not tried';
      const { job } = first;
      const outcome = refused(
        await thief.say(
          'reportWritten',
          { job_id: job.job_id },
          {
            request_id: thief.requestId(),
            attempt: job.attempt,
            read_back: second.unit.readBack(second.job),
          },
        ),
        'evidence_wrong',
      );
      await leave(thief, second.job);
      return outcome;
    }),
};
