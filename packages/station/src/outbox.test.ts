import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import { Bench } from './bench.double.ts';
import { Outbox } from './outbox.ts';

/** How many reports wait for the next start after one that was answered so. */
async function waitingAfter(code: ErrorCode): Promise<number> {
  using bench = new Bench();
  const refusing = {
    call: async () => {
      throw new ImprintError(code, 'not now');
    },
  };
  const outbox = new Outbox(refusing, bench.journal, () => '1'.repeat(32));
  const end = { attempt: 1, step: 'key', failure_code: 'unit_silent', message: 'no reply' };
  await assert.rejects(outbox.send('endAttempt', { job_id: 'j-1' }, end as never), { code });
  return bench.journal.undelivered().length;
}

it('I-29: a report that an authority could not write for reasons of its own is sent again, a refused one is not', async () => {
  for (const code of ['unavailable', 'storage_failed', 'clock_untrusted'] as const) {
    assert.equal(await waitingAfter(code), 1, code);
  }
  assert.equal(await waitingAfter('job_state_wrong'), 0);
});
