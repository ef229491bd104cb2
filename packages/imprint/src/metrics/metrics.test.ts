/** Figures and health of a running authority: a real process, asked as Prometheus and a service manager ask it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { registerOperator } from '@imprint/authority/registry/operators';
import { ImprintError } from '@imprint/contract/errors';
import { authorityHome, readConfiguration } from '../authority-home.ts';
import { at, configuration, grow, makeHome, place } from '../backup/homes.test-kit.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { Child } from '../demo/child.ts';
import { makeOrder } from '../demo/line-setup.ts';
import { openAuthority, systemEntropy } from '../open-authority.ts';
import { AuthorityMetrics } from './authority-metrics.ts';
import { countRefusals } from './count-refusals.ts';
import { readiness } from './readiness.ts';

const under = place(after);
const listeners = { ...configuration.listeners, metrics: { host: '127.0.0.1', port: 0 } };
const home = under('home');
let serve: Child;
let url: string;

before(async () => {
  await makeHome(home, { listeners });
  await at(home, async (authority) => {
    await makeOrder(authority, 20);
    const { line } = await authority.unlock();
    await registerOperator(
      authority.ledger,
      systemEntropy,
      authority.person,
      { name: 'Ada Lovelace', badge: 'OP-1234567890' },
      line.badgeHash,
    );
    await makeBackup(authority, under('backup'));
  });
  serve = new Child('serve', ['serve', '--home', home, '--json']);
  url = String((await serve.next(({ event }) => event === 'ready')).metrics);
});
after(() => serve.stop());

const figures = async () => await (await fetch(new URL('/metrics', url))).text();
function figure(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  assert.ok(line, name);
  return Number(line.slice(name.length));
}

test('what ends, how old the backup is, how long the log is and how much room there is, is told', async () => {
  const text = await figures();
  const now = Date.now() / 1000;
  for (const certificate of ['root', 'deviceCa', 'stationRoot', 'stationCa', 'server']) {
    assert.ok(
      figure(text, `imprint_certificate_expiry_timestamp_seconds{certificate="${certificate}"}`) > now,
    );
  }
  for (const branch of ['device', 'station']) {
    assert.ok(figure(text, `imprint_root_crl_next_update_timestamp_seconds{branch="${branch}"}`) > now);
  }
  assert.ok(figure(text, 'imprint_ocsp_signer_expiry_timestamp_seconds') > now);
  assert.equal(figure(text, 'imprint_issuing_keys_ready'), 1);
  assert.ok(now - figure(text, 'imprint_backup_timestamp_seconds') < 600);
  assert.ok(figure(text, 'imprint_disk_free_bytes') > 0);
  await at(home, async (authority) => {
    const { size } = await authority.ledger.head();
    assert.equal(figure(text, 'imprint_log_entries'), size);
    await grow(authority, 2);
    assert.equal(figure(await figures(), 'imprint_log_entries'), size + 2);
  });
  assert.deepEqual([figure(text, 'imprint_ready'), figure(text, 'imprint_clock_trusted')], [1, 1]);
  assert.match(text, /^nodejs_eventloop_lag_seconds/m);
});

test('no product, order, station, device or person stands in a figure', async () => {
  const text = await figures();
  const ids = await at(home, async ({ ledger }) => {
    const rows = await ledger.reader.selectFrom('device').select('device_id').execute();
    return rows.map(({ device_id }) => device_id);
  });
  assert.equal(ids.length, 20);
  for (const secret of [...ids, 'demo-1', 'gateway', 'lot-1', 'Ada', 'st-1'])
    assert.ok(!text.includes(secret), secret);
});

test('a listener for figures is on this machine alone, and answers no name but its own', async () => {
  const file = authorityHome(home).configurationFile;
  const text = readFileSync(file, 'utf8');
  const other = await makeHome(under('other'));
  for (const host of ['0.0.0.0', '10.0.0.7', '::', 'authority.example', '127.evil']) {
    writeFileSync(
      join(other, 'imprint.json'),
      text.replace(/("metrics": \{\s*"host": )"127\.0\.0\.1"/, `$1"${host}"`),
    );
    assert.throws(
      () => readConfiguration(authorityHome(other)),
      { code: 'file_invalid', message: /not a loopback address/ },
      host,
    );
  }
  const status = await new Promise((resolve, reject) => {
    request(new URL('/metrics', url), { headers: { host: 'rebound.example' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .once('error', reject)
      .end();
  });
  assert.equal(status, 400);
  assert.equal((await fetch(new URL('/', url))).status, 404);
});

test('it lives as long as it answers, and is ready as long as it can issue', async () => {
  assert.equal((await fetch(new URL('/health/live', url))).status, 200);
  const ready = async () => {
    const answer = await fetch(new URL('/health/ready', url));
    return [answer.status, await answer.json()];
  };
  assert.deepEqual(await ready(), [200, { ready: true, hinders: [] }]);
  await at(home, ({ ledger, person }) =>
    ledger.submit(async () => ({
      entries: [
        { type: 'alarm.raised', actor: person, data: { kind: 'clock', subject: 'source', detail: 'off' } },
      ],
      reply: () => undefined,
    })),
  );
  assert.deepEqual(await ready(), [503, { ready: false, hinders: ['clock_untrusted'] }]);
  assert.equal(figure(await figures(), 'imprint_clock_trusted'), 0);
  assert.equal((await fetch(new URL('/health/live', url))).status, 200);
});

test('an authority that may not write is not ready', async () => {
  await at(home, async (authority) => {
    const refusal = new ImprintError('log_held', 'held');
    assert.deepEqual((await readiness({ ...authority, refusal })).hinders[0], 'log_held');
    const ledger = { writable: false, reader: authority.ledger.reader } as typeof authority.ledger;
    assert.deepEqual((await readiness({ ...authority, ledger })).hinders[0], 'storage_failed');
  });
});

test('what this process writes is counted when it is durable, and never what was refused', async () => {
  const metrics = new AuthorityMetrics();
  const authority = await openAuthority(await makeHome(under('counted')), { observer: metrics.observer() });
  await grow(authority, 3);
  await assert.rejects(
    authority.ledger.submit(async () => {
      throw new TypeError('no');
    }),
    TypeError,
  );
  const alarm = { kind: 'foreign-identity' as const, subject: 'u', detail: 'd' };
  await authority.ledger.submit(async () => ({
    entries: [{ type: 'alarm.raised', actor: authority.person, data: alarm }],
    reply: () => undefined,
  }));
  await authority.close();
  const text = await metrics.text();
  assert.equal(figure(text, 'imprint_entries_written_total'), 4);
  assert.equal(figure(text, 'imprint_alarms_total{kind="foreign-identity"}'), 1);
  assert.equal(figure(text, 'imprint_certificates_issued_total'), 0);
  assert.equal(figure(text, 'imprint_tick_seconds_count'), 5);
});

test('refusals are heard by their code, those of one unit among many too, and answers stay as they are', async () => {
  const heard: string[] = [];
  const answer = { chain_pem: 'x', outcomes: [{ credential: {} }, { problem: { code: 'quota_exhausted' } }] };
  const refusal = Object.assign(new TypeError('no'), {});
  const handlers = {
    issueCredentials: async () => answer,
    openJob: async () => {
      throw refusal;
    },
  } as never;
  const { issueCredentials, openJob } = countRefusals(handlers, (code) =>
    heard.push(code),
  ) as unknown as Record<string, () => Promise<unknown>>;
  assert.equal(await issueCredentials!(), answer);
  await assert.rejects(openJob!(), refusal);
  assert.deepEqual(heard, ['quota_exhausted', 'internal']);
});
