import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replay } from '../audit/replay.ts';
import { append, h, intended, issued, opening, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { revokeCredential } from './revoke-credential.ts';

const id = 'SN-00000001';
const serial = h(id).slice(0, 32);
const person = { kind: 'person', id: 'p-1' } as const;
const ways = { serial: { serial }, key: { publicKeySha256: h(`key ${id}`) } };

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
