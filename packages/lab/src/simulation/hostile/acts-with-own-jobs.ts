/** What a thief tries with jobs that it may open: minting, and every shortcut to a receipt. */
import { gateways } from '../products.ts';
import { type Act, notDone, refused } from './act.ts';
import { leave, mintJob, nonceOf, prove, withMint } from './own-jobs.ts';
import { stolenOrder } from './stolen-station.ts';

export const actsWithOwnJobs: Record<string, Act> = {
  'mints with a key of its own, within its order': async (thief) => {
    const minted = await mintJob(thief);
    if (minted === undefined) return notDone;
    const { job, unit } = minted;
    const at = { job_id: job.job_id };
    const nonce = await nonceOf(thief, minted);
    if (nonce === undefined) return notDone;
    await thief.say('submitProof', at, {
      request_id: thief.requestId(),
      attempt: job.attempt,
      nonce,
      signature_b64: unit.prove(job, nonce),
    });
    const state = unit.state(job);
    const seal = { debug_lock: state.debug_lock, boot_flags: state.boot_flags };
    const sealed = await thief.say('reportSealed', at, {
      request_id: thief.requestId(),
      attempt: job.attempt,
      seal: { before: seal, after: seal, acts: [] },
    });
    if (sealed !== undefined && 'answer' in sealed) {
      await thief.say('completeJob', at, {
        request_id: thief.requestId(),
        attempt: job.attempt,
        nonce: sealed.answer.nonce,
        state,
        signature_b64: unit.attest(job, sealed.answer.nonce, state),
        selftest: { passed: true, checks: [] },
        label: { mode: gateways.checked.contract.label.mode, scanned_back: job.device_id },
        durations_ms: {},
      });
    }
    await leave(thief, job);
    thief.labels.shift();
    return undefined;
  },
  'asks for the next ID of an order whose labels are printed': async (thief) =>
    refused(await thief.open(thief.newUnit(), null, 1, stolenOrder), 'bad_request', 'quota_exhausted'),
  'works on a lane that the station does not have': async (thief) => {
    const label = thief.labels[0];
    return label === undefined
      ? notDone
      : refused(await thief.open(thief.newUnit(), label, 63), 'bad_request', 'evidence_wrong');
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
      if (first === undefined || 'code' in first) return notDone;
      return refused(
        await thief.say('reportWritten', at, {
          request_id,
          attempt: job.attempt,
          read_back: { ...readBack, chain_sha256: 'f'.repeat(64) },
        }),
        'idempotency_conflict',
      );
    }),
  "has an honest board's key certified for its own ID": async (thief, sights) => {
    const heard = sights
      .overheard()
      .findLast(({ message }) => message.route === 'issueCredential' && message.stationId.startsWith('gw-'));
    const label = thief.labels[0];
    if (heard === undefined || label === undefined) return notDone;
    const unit = thief.newUnit();
    const opened = await thief.open(unit, label);
    if (opened === undefined || 'code' in opened) return notDone;
    const broken = refused(
      await thief.say(
        'issueCredential',
        { job_id: opened.answer.job_id },
        {
          request_id: thief.requestId(),
          attempt: opened.answer.attempt,
          csr_b64: JSON.parse(heard.message.body).csr_b64,
        },
      ),
      'key_reused',
    );
    await leave(thief, opened.answer);
    thief.labels.shift();
    return broken;
  },
  'completes what was never proven': (thief) =>
    withMint(thief, async ({ job, unit }) => {
      const state = unit.state(job);
      const nonce = 'a'.repeat(64);
      return refused(
        await thief.say(
          'completeJob',
          { job_id: job.job_id },
          {
            request_id: thief.requestId(),
            attempt: job.attempt,
            nonce,
            state,
            signature_b64: unit.attest(job, nonce, state),
            selftest: { passed: true, checks: [] },
            label: { mode: gateways.checked.contract.label.mode, scanned_back: job.device_id },
            durations_ms: {},
          },
        ),
        'job_state_wrong',
        'nonce_invalid',
      );
    }),
  'proves with a nonce that it made up': (thief) =>
    withMint(thief, async (minted) => {
      if ((await nonceOf(thief, minted)) === undefined) return notDone;
      return prove(thief, minted, 'b'.repeat(64), minted.unit, 'nonce_invalid');
    }),
  'proves with another key': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return notDone;
      const other = thief.newUnit();
      other.certificateSha256 = minted.unit.certificateSha256;
      return prove(thief, minted, nonce, other, 'proof_wrong');
    }),
  'uses a nonce twice': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return notDone;
      await prove(thief, minted, nonce, minted.unit);
      return prove(thief, minted, nonce, minted.unit, 'nonce_invalid', 'job_state_wrong');
    }),
  'has an honest board sign for a job that is not its': (thief, sights) =>
    withMint(thief, async (minted) => {
      const { job } = minted;
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return notDone;
      const signed = await sights.askBoard(job.job_id, nonce);
      if (signed === undefined) return notDone;
      if (signed.signsAnything) return 'a board signed bytes that the station chose';
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
