import assert from 'node:assert/strict';
import { it } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { forgetEphemeral } from './forget-ephemeral.ts';
import { openLine, requestId } from './line.test-kit.ts';

it('forgets nonces, checks and requests once they are too old, and no sooner', async () => {
  const line = await openLine(['GW-TA26000001K']);
  const { ledger } = line.core;
  const counts = async () =>
    Promise.all(
      (['nonce', 'open_check', 'request'] as const).map(
        async (table) => (await ledger.reader.selectFrom(table).selectAll().execute()).length,
      ),
    );
  const expires_at = new Date(line.core.clock().getTime() + limits.nonceLifeMs).toISOString();
  await ledger.submit(async (reading) => ({
    entries: [],
    remember: async (tx) => {
      const { at } = reading;
      for (let row = 0; row < 1_001; row++) {
        const nonce = { nonce: `n-${row}`, purpose: 'prove' as const, subject: 'j', attempt: 1 };
        await tx
          .insertInto('nonce')
          .values({ ...nonce, expires_at, used_at: null })
          .execute();
      }
      await tx
        .insertInto('open_check')
        .values({
          ...{ check_id: 'c-1', purpose: 'pack', device_id: 'd', hardware_uid_parts: '[]' },
          ...{ station_id: 'st-1', lane: 1, operator_id: null, expires_at },
        })
        .execute();
      const request = { station_id: 'st-1', request_id: requestId(), body_sha256: '0', outcome: '{}', at };
      await tx.insertInto('request').values(request).execute();
    },
    reply: () => undefined,
  }));
  assert.equal(await forgetEphemeral(line.core), 0);
  line.pass(limits.nonceLifeMs * 32);
  assert.equal(await forgetEphemeral(line.core), 1_002);
  assert.deepEqual(await counts(), [0, 0, 1]);
  line.pass(limits.requestMemoryMs);
  assert.equal(await forgetEphemeral(line.core), 1);
  assert.deepEqual(await counts(), [0, 0, 0]);
  await line.close();
});
