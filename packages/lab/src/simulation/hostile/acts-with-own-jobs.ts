/** What a thief tries with jobs that it may open: minting, and every shortcut to a receipt. */
import { type Act, allowed, refused } from './act.ts';
import { completionOf, leave, mintJob, nonceOf, prove, toSealed, withMint } from './own-jobs.ts';
import { stolenLanes, stolenOrder } from './stolen-station.ts';

export const actsWithOwnJobs: Record<string, Act> = {
  'mints with a key of its own, within its order': async (thief) => {
    const minted = await mintJob(thief);
    if (minted === undefined) return 'not tried';
    const sealed = await toSealed(thief, minted);
    const said = sealed && (await thief.say('completeJob', ...sealed.completion()));
    await leave(thief, minted.job);
    return allowed(said);
  },
  'asks for the next ID of an order whose labels are printed': async (thief) =>
    refused(await thief.open(thief.newUnit(), null, 1, stolenOrder), 'bad_request'),
  'works on a lane that the station does not have': async (thief) => {
    const label = thief.labels[0];
    if (label === undefined) return 'not tried';
    return refused(await thief.open(thief.newUnit(), label, stolenLanes + 1), 'bad_request');
  },
  'repeats a request ID with another body': (thief) =>
    withMint(thief, async ({ job, unit }) => {
      const request_id = thief.requestId();
      const at = { job_id: job.job_id };
      const readBack = unit.readBack(job);
      const first = await thief.say('reportWritten', at, {
        request_id,
        attempt: job.attempt,
        read_back: readBack,
      });
      if (first === undefined || 'code' in first) return 'not tried';
      return refused(
        await thief.say('reportWritten', at, {
          request_id,
          attempt: job.attempt,
          read_back: { ...readBack, chain_sha256: 'f'.repeat(64) },
        }),
        'idempotency_conflict',
      );
    }),
  'says again what it said itself': async (thief) => {
    const said = [...thief.accepted.values()].filter(({ body }) => JSON.parse(body).request_id !== undefined);
    if (said.length === 0) return 'not tried';
    const { route, params, body } = thief.draw.pick(said);
    // that the answer is the one of before is the wire's model to judge
    return allowed(await thief.say(route, params, JSON.parse(body)));
  },
  'completes what was never proven': (thief) =>
    withMint(thief, async ({ job, unit }) => {
      const completion = completionOf(thief, { job, unit }, 'a'.repeat(64));
      return refused(await thief.say('completeJob', ...completion), 'job_state_wrong');
    }),
  'proves with a nonce that it made up': (thief) =>
    withMint(thief, async (minted) => {
      if ((await nonceOf(thief, minted)) === undefined) return 'not tried';
      return refused(await prove(thief, minted, 'b'.repeat(64), minted.unit), 'nonce_invalid');
    }),
  'proves with another key': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return 'not tried';
      const other = thief.newUnit();
      other.certificateSha256 = minted.unit.certificateSha256;
      return refused(await prove(thief, minted, nonce, other), 'proof_wrong');
    }),
  'uses a nonce twice': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return 'not tried';
      const first = await prove(thief, minted, nonce, minted.unit);
      if (first === undefined || 'code' in first) return 'not tried';
      return refused(await prove(thief, minted, nonce, minted.unit), 'nonce_invalid', 'job_state_wrong');
    }),
  'has an honest board sign for a job that is not its': (thief, sights) =>
    withMint(thief, async (minted) => {
      const { job } = minted;
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return 'not tried';
      const signed = await sights.askBoard(job.job_id, nonce);
      if (signed === undefined) return 'not tried';
      if (signed.signsAnything) return { broken: 'a board signed bytes that the station chose' };
      return refused(
        await thief.say(
          'submitProof',
          { job_id: job.job_id },
          {
            request_id: thief.requestId(),
            attempt: job.attempt,
            nonce,
            signature_b64: signed.signature,
          },
        ),
        'proof_wrong',
      );
    }),
};
