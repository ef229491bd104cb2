/** Configuration on PostgreSQL, where several processes decide at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kim, known, openField } from '../../configuration/configuration.test-kit.ts';
import { reportConfiguration } from '../../configuration/device-configuration.ts';
import { changeGroup, createGroup, listGroups } from '../../configuration/groups.ts';
import { publishConfiguration } from '../../configuration/publish.ts';
import { showSet } from '../../configuration/views.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const server = await TestServer.start();

test('two processes publish one version each number, count failures together and stop once', async () => {
  const url = await server.database();
  const [a, b] = ['SN-00000001', 'SN-00000002'];
  const field = await openField([a!, b!], [], await createPostgres(url, 'dev'));
  const storage = await openPostgres(url, 'dev');
  const other = { ...field.core, ledger: testLedger(storage).ledger };
  await createGroup(other.ledger, kim, { groupId: 'acme', product: 'gateway', reason: 'x' });
  const joins = { groupId: 'acme', what: 'add', devices: [a!, b!], move: false, reason: 'x' } as const;
  await changeGroup(other.ledger, kim, joins);
  assert.equal((await listGroups(storage.reader))[0]!.devices, 2);
  const set = { scope: 'group', subject: 'acme' } as const;
  const request = {
    ...set,
    secrets: { wifi_psk: 'hall-three' },
    remove: [],
    steps: [100],
    stepMinutes: null,
    reason: 'x',
  };
  const versions = await Promise.all([
    publishConfiguration(field.core, kim, { ...request, values: { report_minutes: 5 }, stopAfter: 1 }),
    publishConfiguration(other, kim, { ...request, values: { report_minutes: 6 }, stopAfter: 1 }),
  ]);
  assert.deepEqual(versions.map(({ version }) => version).sort(), [1, 2]);
  assert.equal((await field.values(a!)).wifi_psk, 'hall-three');
  const at = new Date(field.time.ms).toISOString();
  const say = async (core: typeof field.core, id: string) => {
    const { etag } = await field.get(id);
    return reportConfiguration(core, known(id), { etag, outcome: 'failed', detail: null });
  };
  await Promise.allSettled([say(field.core, a!), say(other, b!)]);
  const { versions: shown, failures } = await showSet(storage.reader, set, at);
  assert.deepEqual([shown[0]!.state, failures.length], ['stopped', 2]);
  assert.deepEqual((await field.verify()).findings, []);
  await other.ledger.close();
  await storage.close();
  await field.close();
});
