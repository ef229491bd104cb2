/** First contact, reports and refusals on PostgreSQL: the same as on a file, and the log says the same as the tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyLog } from '../audit/verify.ts';
import { append, draft, h, opening, transitioned, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { listContacts } from '../registry/contacts.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { createPostgres } from '../storage/postgres/open-postgres.ts';
import { TestServer } from '../storage/postgres/server.test-kit.ts';
import { GatheredContacts } from './contacts.ts';
import { deviceDecisions } from './device-decisions.ts';
import { findCredential } from './found-credential.ts';
import type { KnownDevice } from './known-device.ts';

const id = 'SN-00000001';
const certificateSha256 = h(`certificate ${h(id).slice(0, 32)}`);
const at = '2026-01-09T09:00:00.000Z';

test('a unit is activated by its contact, its words are written, and who is turned away is counted, on PostgreSQL', async () => {
  const server = await TestServer.start();
  const storage = await createPostgres(await server.database(), 'dev');
  const { ledger } = testLedger(storage);
  try {
    await append(ledger, ...opening([id]));
    for (const entries of wholeWay(id)) await append(ledger, ...entries);
    const by = { kind: 'person', id: 'lead' } as const;
    const ships = { device_id: id, from: 'stocked', to: 'shipped', reason: 'sold' } as const;
    await append(
      ledger,
      transitioned(id, 'manufactured', 'stocked'),
      draft('device.transitioned', ships, by),
    );
    const find = findCredential(ledger.reader);
    const found = await find(certificateSha256);
    assert.deepEqual(
      [found?.deviceId, found?.state, found?.status, found?.superseded, found?.caStatus],
      [id, 'shipped', 'active', null, null],
    );
    const decisions = deviceDecisions({ ledger, contracts: new ContractShelf(), processId: 'p-1' });
    const known: KnownDevice = {
      deviceId: id,
      credentialId: found!.credentialId,
      profile: 'idevid',
      certificateSha256,
    };
    await decisions.activate(known);
    await decisions.activate(known);
    await decisions.report(known, {
      firmware: { build_id: 'fw-2', sha256: h('fw-2'), rollback_counter: 2 },
      configuration: { version: 1 },
    });
    assert.equal((await find(certificateSha256))?.state, 'activated');
    const contacts = new GatheredContacts();
    for (let round = 0; round < 2; round++) {
      contacts.saw({
        device_id: id,
        last_seen_at: at,
        address: '192.0.2.1',
        certificate_sha256: certificateSha256,
      });
      contacts.refused({ deviceId: id, kind: 'barred', certificateSha256, address: '192.0.2.1' }, at);
      await decisions.writeContacts(contacts.take());
    }
    const { seen, refused } = await listContacts(ledger.reader, { limit: 10 });
    assert.deepEqual([seen.length, refused.map(({ kind, count }) => [kind, count])], [1, [['barred', 2]]]);
    assert.deepEqual((await verifyLog(ledger.reader, { realm: 'dev' })).findings, []);
  } finally {
    await ledger.close();
    await storage.close();
  }
});
