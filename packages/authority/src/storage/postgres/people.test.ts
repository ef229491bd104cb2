/** Accounts and second persons on PostgreSQL, where two processes of an authority decide at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantApproval, requestApproval } from '../../access/approvals.ts';
import { openPeople, password, signedIn } from '../../access/people.test-kit.ts';
import { requireApproval } from '../../access/require-approval.ts';
import { openSession, sessionHolder, signIn } from '../../access/sign-in.ts';
import { refuses } from '../../jobs/walk.test-kit.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const server = await TestServer.start();

test('I-18: one approval that two processes use at once is used by one; people sign in as on the other storage', async () => {
  const url = await server.database();
  const people = await openPeople(await createPostgres(url, 'dev'));
  const code = await people.enrolWithCode('cyd', ['line-lead']);
  await people.takeTwo();
  const who = await signIn(people.core, { accountId: 'cyd', password, code: code() }, 'home');
  const { secret } = await openSession(people.core, who);
  const moment = { tx: people.core.ledger.reader, at: people.core.clock().toISOString() };
  assert.equal((await sessionHolder(moment, secret)).actor.id, 'cyd');
  await refuses(signIn(people.core, { accountId: 'cyd', password, code: code() }, 'home'), 'login_refused');

  const { ledger, entropy } = people.core;
  const asked = { act: 'debug.exception', parameters: { device_id: 'SN-1' }, reason: 'x' } as const;
  const { approval_id } = await requestApproval(ledger, entropy, signedIn('ada'), asked);
  await grantApproval(ledger, signedIn('ben'), approval_id, 'seen');
  const storage = await openPostgres(url, 'dev');
  const other = testLedger(storage);
  const act = (by: Ledger) =>
    by.submit(async (reading) => ({
      entries: await requireApproval(reading, asked.act, asked.parameters, signedIn('ada').actor),
      reply: () => 'done',
    }));
  const outcomes = await Promise.allSettled([act(ledger), act(other.ledger)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal((await people.entries('approval.used')).length, 1);
  assert.deepEqual(await people.findings(), []);
  await other.ledger.close();
  await storage.close();
  await people.close();
});
