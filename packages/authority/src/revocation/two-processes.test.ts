/** CRL and OCSP from two processes on one PostgreSQL database: both serve the same, and neither gives what the other has made wrong. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { toHex } from '@imprint/contract/bytes';
import { replay } from '../audit/replay.ts';
import { partitionOf } from '../issuing/crl-partition.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import type { TickLedger } from '../ledger/tick-ledger.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { createPostgres, openPostgres } from '../storage/postgres/open-postgres.ts';
import { TestServer } from '../storage/postgres/server.test-kit.ts';
import type { Storage } from '../storage/storage.ts';
import { CrlPublisher } from './crl-publisher.ts';
import { CrlShelf } from './crl-shelf.ts';
import { certId, ocspRequest, openResponder, opensslOcsp } from './ocsp.test-kit.ts';
import { openRegistry, type TestRegistry } from './registry.test-kit.ts';
import { opensslCrlCheck } from './revocation.test-kit.ts';

const server = await TestServer.start();
let registry: TestRegistry;
let storage: Storage;
let ledger: TickLedger;

before(async () => {
  const url = await server.database();
  registry = await openRegistry(4, 4, await createPostgres(url, 'dev'));
  storage = await openPostgres(url, 'dev');
  ({ ledger } = testLedger(storage));
});
after(async () => {
  await ledger.close();
  await storage.close();
  await registry.close();
  await server.dispose();
});

test('I-17: two processes make each CRL once, with numbers that go up, and both give what either revoked', async () => {
  const { issuer, stationCa, clock, devices, realm } = registry;
  const issuers = async () => [issuer, stationCa];
  const one = registry.publisher('a-1');
  const two = new CrlPublisher({ ledger, contracts: new ContractShelf(), clock, processId: 'a-2', issuers });
  const [made, others] = await Promise.all([one.round(), two.round()]);
  assert.equal(made.length + others.length, 5);
  const responders = [
    (await openResponder(registry)).responder,
    (await openResponder(registry, { ledger, processId: 'a-2' })).responder,
  ];
  const shelves = [
    registry.shelf(),
    new CrlShelf({ reader: ledger.reader, clock, issuers, damaged: () => undefined }),
  ];
  for (const [at, device] of devices.entries()) {
    const request = ocspRequest([certId(issuer, device.serial)]);
    for (const responder of responders) {
      const { response } = await responder.answer(request, () => true);
      assert.match(
        await opensslOcsp(registry, [device.certificate], { response }),
        /verify OK\n0\.pem: good/,
      );
    }
    await registry.revoke(device);
    const rounds = await Promise.all([one.round(), two.round()]);
    assert.equal(rounds.flat().length, 1, 'one CRL, made once');
    const served = await Promise.all(
      shelves.map((shelf) => shelf.get(toHex(issuer.keyIdentifier), partitionOf(device.serial, 4))),
    );
    assert.equal(served[0]!.sha256, served[1]!.sha256);
    assert.match(
      opensslCrlCheck(realm, device.certificate, [served[0]!.crl], clock()),
      /certificate revoked/,
    );
    for (const responder of responders) {
      await responder.round();
      const { response } = await responder.answer(request, () => true);
      assert.match(
        await opensslOcsp(registry, [device.certificate], { response }),
        /verify OK\n0\.pem: revoked/,
        `${at}`,
      );
    }
  }
  assert.deepEqual((await replay(storage.reader, 'dev')).findings, []);
});
