import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { replay } from '../audit/replay.ts';
import { acceptClock } from '../clock/clock-guard.ts';
import { partitionOf } from '../issuing/crl-partition.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { append, draft, h } from '../ledger/history.test-kit.ts';
import { publishCrl } from './publish-crl.ts';
import { boundMinutes, boundMs, openRegistry, type TestRegistry } from './registry.test-kit.ts';
import { issueDevice, opensslCrlCheck, opensslCrlText } from './revocation.test-kit.ts';
import { visibilityOf } from './visibility.ts';

const visibility = visibilityOf(boundMinutes);
let open: TestRegistry | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

const begin = async (devices: number, partitions = 4): Promise<TestRegistry> => {
  open = await openRegistry(devices, partitions);
  return open;
};
const numbers = async ({ storage, issuer }: TestRegistry) =>
  (
    await storage.reader
      .selectFrom('crl')
      .select('number')
      .where('issuer_sha256', '=', issuer.certificate.sha256)
      .orderBy('partition')
      .execute()
  ).map(({ number }) => number);

/** The issuer, whose key does something else when it is asked. */
const withSigner = (issuer: Issuer, sign: (tbs: Uint8Array) => Promise<Uint8Array>): Issuer => ({
  ...issuer,
  signer: { ...issuer.signer, custody: 'elsewhere', sign },
});

describe('CRL publisher', () => {
  test('the first round makes every CRL of every CA, and the next one finds nothing to do', async () => {
    const registry = await begin(0);
    const publisher = registry.publisher();
    const made = await publisher.round();
    assert.equal(made.length, 4 + 1);
    assert.deepEqual(await publisher.round(), []);
    const { certificates } = registry.realm.hierarchy;
    for (const partition of [0, 1, 2, 3]) {
      const { crl, number } = await registry.served(partition);
      assert.equal(number, 1);
      assert.match(opensslCrlText(crl, certificates.issuing), new RegExp(`/${partition}.crl`));
    }
    const shelf = registry.shelf();
    const own = Buffer.from(registry.stationCa.keyIdentifier).toString('hex');
    const station = opensslCrlText((await shelf.get(own, 0))!.crl, certificates.stationCa);
    // the only one of its CA: it is complete
    assert.doesNotMatch(station, /Distribution Point/);
    assert.equal(await shelf.get(own, 1), undefined);
    assert.equal(await shelf.get('00'.repeat(20), 0), undefined);
  });

  test('I-17: what is revoked stands in the CRL that the next round makes, and that CRL alone is made', async () => {
    const registry = await begin(6);
    const { devices, realm, revoke, served, publisher: process } = registry;
    const publisher = process();
    await publisher.round();
    for (const [at, device] of devices.entries()) {
      const partition = partitionOf(device.serial, 4);
      const list = async () => [(await served(partition)).crl];
      assert.equal(opensslCrlCheck(realm, device.certificate, await list(), registry.clock()), '');
      await revoke(device);
      registry.pass(1_000);
      const before = await numbers(registry);
      const [made, ...more] = await publisher.round();
      assert.deepEqual([made!.partition, more], [partition, []]);
      before[partition]!++;
      assert.deepEqual(await numbers(registry), before, `device ${at}`);
      const said = opensslCrlCheck(realm, device.certificate, await list(), registry.clock());
      assert.match(said, /certificate revoked/);
    }
    assert.deepEqual((await replay(registry.storage.reader, 'dev')).findings, []);
  });

  test('I-17: nobody who keeps to nextUpdate believes a CRL past the bound after it was made', async () => {
    const registry = await begin(1);
    await registry.publisher().round();
    for (const partition of [0, 1, 2, 3]) {
      const { thisUpdate, nextUpdate } = await registry.served(partition);
      assert.equal(Date.parse(nextUpdate) - Date.parse(thisUpdate), boundMs * 0.75);
      assert.equal(thisUpdate, '2026-01-09T08:00:00.000Z');
    }
  });

  test('I-17: a process that starts finds what was revoked while none ran, also in the one entry before its CRL', async () => {
    const registry = await begin(3);
    await registry.publisher().round();
    await registry.revoke(registry.devices[0]!);
    await registry.revoke(registry.devices[2]!);
    const wanted = [registry.devices[0]!, registry.devices[2]!].map(({ serial }) => partitionOf(serial, 4));
    const made = await registry.publisher('a-2').round();
    assert.deepEqual(new Set(made.map(({ partition }) => partition)), new Set(wanted));
    assert.deepEqual(await registry.publisher('a-3').round(), []);
  });

  test('I-17: what a clock that was ahead made is made anew once the clock is right, and nothing that lasts leaves with it', async () => {
    const registry = await begin(0, 1);
    const { certificate, serial } = await registry.certify('2026-06-01T00:00:00.000Z');
    const publisher = registry.publisher();
    await registry.revoke(registry.devices[0]!);
    await publisher.round();
    registry.pass(365 * 86_400_000);
    await publisher.round();
    registry.pass(-365 * 86_400_000);
    await acceptClock(registry.ledger, { kind: 'person', id: 'p-1' }, 'it was set right');
    // the one that was there before is not, and what it had taken is nobody's any more
    const another = registry.publisher('a-2');
    assert.equal((await another.round()).length, 2, 'that of the devices and that of the stations');
    const { crl, thisUpdate, number } = await registry.served(0);
    assert.deepEqual([thisUpdate, number], ['2026-01-09T08:00:00.000Z', 3]);
    assert.match(opensslCrlText(crl, registry.realm.hierarchy.certificates.issuing), new RegExp(serial, 'i'));
    assert.match(opensslCrlCheck(registry.realm, certificate, [crl], registry.clock()), /revoked/);
    assert.deepEqual(await another.round(), []);
  });

  test('a CRL is made anew before it ends, not all at once, and at once where a contract asks for less', async () => {
    const registry = await begin(0);
    const publisher = registry.publisher();
    await publisher.round();
    registry.pass(boundMs * 0.75 * 0.5 - 1);
    assert.equal((await publisher.round()).length, 0);
    registry.pass(1);
    // the first partition, and the one of the stations' CA
    assert.deepEqual(
      (await publisher.round()).map(({ partition }) => partition),
      [0, 0],
    );
    registry.pass(boundMs * 0.75 * 0.25);
    assert.deepEqual((await publisher.round()).map(({ partition }) => partition).sort(), [1, 2, 3]);
    // one that cannot be read asks for the least that any may
    await append(
      registry.ledger,
      draft('contract.registered', {
        contract_sha256: h('other'),
        product: 'other',
        revision: 'r1',
        text: 'x',
      }),
    );
    assert.equal((await publisher.round()).length, 5);
    const { thisUpdate, nextUpdate } = await registry.served(0);
    assert.equal(Date.parse(nextUpdate) - Date.parse(thisUpdate), 45_000);
  });

  test('an entry leaves the CRL after the one that was made after its certificate ended', async () => {
    const registry = await begin(0, 1);
    const device = await registry.certify('2026-01-09T08:10:00.000Z');
    const late = await registry.certify('2026-01-09T08:10:00.000Z');
    const lasting = await registry.certify();
    await registry.revoke(device);
    await registry.revoke(lasting);
    const publisher = registry.publisher();
    const revoked = async () => (await publisher.round(true))[0]!.revoked;
    assert.equal(await revoked(), 2);
    registry.pass(10 * 60_000);
    assert.equal(await revoked(), 2);
    registry.pass(1_000);
    // this one is the first beyond its end
    assert.equal(await revoked(), 2);
    assert.equal(await revoked(), 1);
    // what is revoked after its end stands on one too
    await registry.revoke(late);
    assert.equal(await revoked(), 2);
    assert.equal(await revoked(), 1);
  });
});

test('a partition of a CA without a public URL says that it is one, and no verifier takes it for the whole', async () => {
  const registry = await begin(1);
  const { ledger, realm } = registry;
  const issuer = { ...registry.issuer, revocation: { crlPartitions: 4 } };
  // whose certificate names no CRL
  const device = await issueDevice(issuer, {}, registry.clock());
  const partition = partitionOf(device.serial, 4);
  await publishCrl({ ledger, processId: 'a-1' }, issuer, partition, visibility);
  const { crl } = await registry.served(partition);
  assert.match(
    opensslCrlText(crl, realm.hierarchy.certificates.issuing),
    /Distribution Point: critical\n\s+Full Name:\n\s+URI:urn:imprint:crl:/,
  );
  assert.match(
    opensslCrlCheck(realm, device.certificate, [crl], registry.clock()),
    /Different CRL scope|unable to get certificate CRL/i,
  );
});

describe('CRL numbers', () => {
  test('I-17: a number that does not go up is refused by the tables, as is another count of partitions', async () => {
    const registry = await begin(0);
    await registry.publisher().round();
    const published = (changes: object) =>
      append(
        registry.ledger,
        draft('crl.published', {
          issuer_sha256: registry.issuer.certificate.sha256,
          partition: 2,
          partitions: 4,
          number: 2,
          this_update: '2026-01-09T08:00:00.000Z',
          next_update: '2026-01-09T08:45:00.000Z',
          crl_sha256: h('crl'),
          revoked: 0,
          log_size: 1,
          ...changes,
        }),
      );
    for (const wrong of [{ number: 1 }, { partitions: 8 }]) {
      await assert.rejects(published(wrong), { code: 'log_inconsistent' });
    }
    await published({});
    await assert.rejects(published({}), { code: 'log_inconsistent' });
    const other = { ...registry.issuer, revocation: { crlPartitions: 8 } };
    await assert.rejects(publishCrl({ ledger: registry.ledger, processId: 'a-1' }, other, 0, visibility), {
      code: 'realm_mismatch',
    });
  });

  test('I-17: one that was signed and not published has used up its number', async () => {
    const registry = await begin(0);
    const { ledger, issuer } = registry;
    const core = { ledger, processId: 'a-1' };
    const failing = withSigner(issuer, async () => {
      throw new Error('the signer may have signed it');
    });
    await assert.rejects(publishCrl(core, failing, 1, visibility), /may have signed/);
    assert.equal((await publishCrl(core, issuer, 1, visibility))!.number, 2);
    // another process, once the claim of the first has ended
    await assert.rejects(publishCrl(core, failing, 1, visibility), /may have signed/);
    assert.equal(await publishCrl({ ledger, processId: 'a-2' }, issuer, 1, visibility), undefined);
    registry.pass(limits.crlClaimMs);
    assert.equal((await publishCrl({ ledger, processId: 'a-2' }, issuer, 1, visibility))!.number, 4);
  });

  test('I-17: of two processes one publishes, and one that was late does not put its older list back', async () => {
    const registry = await begin(1, 1);
    const { ledger, issuer, devices, realm } = registry;
    let second: Awaited<ReturnType<typeof publishCrl>>;
    const slow: Issuer = {
      ...issuer,
      signer: {
        ...issuer.signer,
        sign: async (tbs) => {
          // while this one signs, its claim ends, and another process makes the next list with one more on it
          registry.pass(limits.crlClaimMs);
          await registry.revoke(devices[0]!);
          second = await publishCrl({ ledger, processId: 'a-2' }, issuer, 0, visibility);
          return issuer.signer.sign(tbs);
        },
      },
    };
    assert.equal(await publishCrl({ ledger, processId: 'a-1' }, slow, 0, visibility), undefined);
    assert.deepEqual([second!.number, second!.revoked], [2, 1]);
    const { crl, number } = await registry.served(0);
    assert.equal(number, 2);
    assert.match(
      opensslCrlCheck(realm, devices[0]!.certificate, [crl], registry.clock()),
      /certificate revoked/,
    );
  });

  test('what the signer gives is verified, where the key is elsewhere, and a wrong one is not published', async () => {
    const registry = await begin(0, 1);
    const { ledger, issuer } = registry;
    const core = { ledger, processId: 'a-1' };
    await publishCrl(core, issuer, 0, visibility);
    const wrong = withSigner(issuer, (tbs) => registry.stationCa.signer.sign(tbs));
    await assert.rejects(publishCrl(core, wrong, 0, visibility), { code: 'tbs_mismatch' });
    assert.equal((await registry.served(0)).number, 1);
  });
});

describe('CRL shelf', () => {
  test('bytes that are not what was published are not served, and the next round makes others', async () => {
    const registry = await begin(0, 1);
    const publisher = registry.publisher();
    await publisher.round();
    await registry.ledger.submit(async () => ({
      entries: [],
      remember: async (tx) => {
        await tx
          .updateTable('crl_file')
          .set({ crl: Buffer.from('changed') })
          .execute();
      },
      reply: () => undefined,
    }));
    const key = Buffer.from(registry.issuer.keyIdentifier).toString('hex');
    const shelf = registry.shelf((issuer, partition) => publisher.reportDamaged(issuer, partition));
    await assert.rejects(shelf.get(key, 0), { code: 'unavailable' });
    assert.equal((await publisher.round()).length, 1);
    assert.equal((await shelf.get(key, 0))!.number, 2);
    assert.deepEqual(await publisher.round(), []);
  });

  test('before the first CRL there is none, and of a database that cannot be read the last one is given until it ends', async () => {
    const registry = await begin(0, 1);
    const key = Buffer.from(registry.issuer.keyIdentifier).toString('hex');
    const shelf = registry.shelf();
    await assert.rejects(shelf.get(key, 0), { code: 'unavailable' });
    await registry.publisher().round();
    const { sha256 } = (await shelf.get(key, 0))!;
    await registry.ledger.close();
    await registry.storage.close();
    assert.equal((await shelf.get(key, 0))!.sha256, sha256);
    registry.pass(boundMs * 0.75);
    await assert.rejects(shelf.get(key, 0));
    open = undefined;
  });
});
