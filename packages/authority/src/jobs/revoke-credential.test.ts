import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replay } from '../audit/replay.ts';
import { append, h, intended, issued, opening, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { openLine, TestUnit } from './line.test-kit.ts';
import { revokeCredential } from './revoke-credential.ts';
import { Walk } from './walk.test-kit.ts';

const id = 'SN-00000001';
const serial = h(id).slice(0, 32);
const person = { kind: 'person', id: 'p-1' } as const;
const ways = { serial: { serial }, key: { publicKeySha256: h(`key ${id}`) } };

for (const step of ['proof', 'completion'] as const) {
  test(`I-5: after a revocation by key no ${step} is taken, and that key gets no other certificate`, async () => {
    const line = await openLine(['GW-TA26000001K']);
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-TA26000001K');
    const { public_key_sha256 } = await walk.issue();
    await walk.write();
    if (step === 'completion') {
      await walk.prove();
      await walk.seal();
    }
    const key = { publicKeySha256: public_key_sha256 };
    await revokeCredential(line.core.ledger, person, key, 'key-compromise');
    const refused = { code: 'job_state_wrong' };
    await assert.rejects(step === 'proof' ? walk.prove() : walk.complete(), refused);
    await assert.rejects(walk.issue(), {
      code: step === 'proof' ? 'key_reused' : /key_reused|job_state_wrong/,
    });
    await line.close();
  });
}

for (const [name, which] of Object.entries(ways)) {
  for (const isStored of [false, true]) {
    test(`I-5: an intent is revoked by ${name}, its certificate ${isStored ? 'stored' : 'never stored'}, and once`, async () => {
      const storage = await openScratchSqlite('dev');
      const { ledger } = testLedger(storage);
      await append(ledger, ...opening([id]));
      await append(ledger, ...wholeWay(id)[0]!);
      await append(ledger, intended(id));
      if (isStored) await append(ledger, issued(id));
      assert.deepEqual(await revokeCredential(ledger, person, which, 'key-compromise'), [serial]);
      const { size } = await ledger.head();
      assert.deepEqual(await revokeCredential(ledger, person, which, 'key-compromise'), [serial]);
      assert.equal((await ledger.head()).size, size);
      await assert.rejects(append(ledger, issued(id)));
      const row = await storage.reader.selectFrom('credential').selectAll().executeTakeFirstOrThrow();
      assert.deepEqual([row.status, row.revocation_reason], ['revoked', 'key-compromise']);
      assert.deepEqual((await replay(storage.reader, 'dev')).findings, []);
      await assert.rejects(revokeCredential(ledger, person, { serial: '00' }, 'key-compromise'), {
        code: 'bad_request',
      });
      await storage.close();
    });
  }
}
