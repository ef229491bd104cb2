/** An authority whose issuing key is in a token that is lost amid issuing: real token, real disk, real flow. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { verifyLog } from '@imprint/authority/audit/verify';
import { CredentialIssuing } from '@imprint/authority/jobs/issue-credential';
import { presentedKey } from '@imprint/authority/jobs/presented-key';
import { makeFaultyModule } from '@imprint/authority/signer/pkcs11/faulty-module.test-kit';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { makeKey, refusal } from '@imprint/authority/signer/pkcs11/token-signer.test-kit';
import { limits } from '@imprint/contract/limits';
import { benchStation, makeBenchHome, newRequestId } from '../bench/bench-home.ts';
import { beginSession } from '../bench/issuing.ts';
import { makeOrder, openJobs, type WaitingUnit } from '../bench/open-jobs.ts';

const units = 120;
const deviceRemoved = 0x32;

describe('a token that is lost amid issuing', { timeout: 60_000 }, () => {
  const hsm = startSoftHsm();
  after(() => hsm.remove());

  it('I-1, I-2, I-15: what was under way is revoked, nothing else is intended meanwhile, and then every unit gets one certificate', async (t) => {
    const faulty = makeFaultyModule(hsm);
    const reference = await makeKey(faulty.place(hsm.addToken('imprint')));
    const pinFile = join(hsm.folder, 'pin');
    writeFileSync(pinFile, testPin, { mode: 0o600 });
    const home = await makeBenchHome(hsm.folder, undefined, {}, { reference, pinFile });
    t.after(() => home.authority.close());
    const { line } = home.unlocked;
    const waiting = await openJobs(home, 'o-1', await makeOrder(home, 'o-1', units), () => undefined);
    const issuing = new CredentialIssuing(line);
    const caller = { stationId: benchStation, sessionId: await beginSession(home) };
    const issueAll = (some: readonly WaitingUnit[]) =>
      Promise.allSettled(
        some.map(({ jobId, csrB64 }) =>
          issuing.issue(caller, jobId, {
            request_id: newRequestId(),
            attempt: 1,
            key: presentedKey(csrB64),
          }),
        ),
      );
    const lacking = (outcomes: PromiseSettledResult<unknown>[], some: readonly WaitingUnit[]) =>
      some.filter((_, at) => outcomes[at]!.status === 'rejected');
    const reader = home.authority.ledger.reader;
    const count = async (status: string) => {
      const rows = await reader
        .selectFrom('credential')
        .select('serial')
        .where('status', '=', status as never)
        .execute();
      return rows.length;
    };

    const clock = performance.now.bind(performance);
    let laterMs = 0;
    t.mock.method(performance, 'now', () => clock() + laterMs);
    faulty.order(`C_Sign 30 return ${deviceRemoved} once`);
    const first = await issueAll(waiting);
    const left = lacking(first, waiting);
    assert.ok(left.length > 0 && left.length < units, `${left.length} of ${units} without a certificate`);
    for (const outcome of first) {
      if (outcome.status === 'rejected') assert.ok(refusal('unavailable')(outcome.reason));
    }
    const revoked = await count('revoked');
    assert.equal(revoked, left.length);
    assert.equal(await count('intended'), 0);

    // an opening may be due by now: what matters is that nobody pays for it with a key
    for (let time = 0; time <= limits.keysPerJob; time++) await issueAll(left.slice(0, 1));
    assert.ok((await count('revoked')) === revoked);

    laterMs = limits.tokenReopenMs;
    let still = left;
    while (still.length > 0) {
      still = lacking(await issueAll(still), still);
      await new Promise(setImmediate);
    }
    assert.equal(await count('active'), units);
    assert.equal(await count('revoked'), revoked);
    const report = await verifyLog(reader, { realm: 'dev' });
    assert.deepEqual(report.findings, []);
  });
});
