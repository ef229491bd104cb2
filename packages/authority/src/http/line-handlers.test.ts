import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLine, requestId, TestUnit } from '../jobs/line.test-kit.ts';
import { presentedKey } from '../jobs/presented-key.ts';
import { Walk } from '../jobs/walk.test-kit.ts';
import { lineHandlers } from './line-handlers.ts';

it('refuses a request about many units whole where this process cannot write, so that all of them are asked for elsewhere', async () => {
  const ids = ['GW-T100', 'GW-T200'];
  const line = await openLine(ids);
  const units = await Promise.all(
    ids.map(async (id, at) => {
      const { jobId, unit } = await Walk.open(line, new TestUnit(`u${at}`), id);
      return { job_id: jobId, request_id: requestId(), attempt: 1, key: presentedKey(unit.csr()) };
    }),
  );
  const { issueCredentials } = lineHandlers(line.core, {} as never, assert.ifError);
  const ask = () => issueCredentials({ units }, line.caller, {});
  line.jump(2 * 60_000);
  await assert.rejects(async () => console.log(JSON.stringify(await ask()).slice(0, 900)), {
    code: 'clock_untrusted',
  });
  line.jump(-2 * 60_000);
  const { outcomes } = await ask();
  assert.deepEqual(
    outcomes.map((outcome) => 'credential' in outcome),
    [true, true],
  );
  await line.close();
});
