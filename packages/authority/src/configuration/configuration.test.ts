/** Configuration as people publish it and devices get it, on one storage; `postgres/configuration.test.ts` runs the SQL of it on the other. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { logEntries } from '../audit/log-entries.ts';
import { refuses } from '../jobs/walk.test-kit.ts';
import { type Field, gatewayText, kim, known, openField, secretPsk } from './configuration.test-kit.ts';
import { reportConfiguration } from './device-configuration.ts';
import { changeGroup, createGroup, devicesOfGroup, listGroups } from './groups.ts';
import { rollBackConfiguration, widenConfiguration } from './roll-out.ts';
import { listConfigurations, showDeviceConfiguration, showSet } from './views.ts';
import { withheld } from './without-secrets.ts';

const product = { scope: 'product', subject: 'gateway' } as const;
const [a, b, c] = ['SN-00000001', 'SN-00000002', 'SN-00000003'] as const;

describe('configuration', () => {
  let field: Field;
  beforeEach(async () => {
    field = await openField([a, b], [c]);
  });
  afterEach(async () => {
    // I-15: whatever a test did, the tables are what the log says
    assert.deepEqual((await field.verify()).findings, []);
    await field.close();
  });

  const at = () => new Date(field.time.ms).toISOString();
  const versionOf = async (version: number) =>
    (await showSet(field.storage.reader, product, at())).versions.find((one) => one.version === version)!;
  const rollBack = (to?: number) => rollBackConfiguration(field.core, kim, product, to, 'it was wrong');

  test('the most specific set wins, name by name', async () => {
    await field.publish({ values: { report_minutes: 60, customer_endpoint: 'p', remote_support: false } });
    await field.publish({ scope: 'order', subject: 'o-1', values: { customer_endpoint: 'o' } });
    await createGroup(field.core.ledger, kim, { groupId: 'acme', product: 'gateway', reason: 'x' });
    const joins = { groupId: 'acme', what: 'add', devices: [a], move: false, reason: 'theirs' } as const;
    await changeGroup(field.core.ledger, kim, joins);
    await field.publish({ scope: 'group', subject: 'acme', values: { customer_endpoint: 'g' } });
    await field.publish({ scope: 'device', subject: a, values: { report_minutes: 1 } });
    assert.deepEqual(await field.values(a), {
      customer_endpoint: 'g',
      remote_support: false,
      report_minutes: 1,
    });
    assert.deepEqual((await field.values(b)).customer_endpoint, 'o');
    assert.deepEqual((await field.values(c)).customer_endpoint, 'p');
  });

  test('I-14: only an activated device is given anything, looked up at each request', async () => {
    await field.publish({ values: { report_minutes: 60 } });
    assert.equal((await field.get(a)).status, 200);
    const { etag } = await field.get(a);
    await field.bring(a, 'returned');
    await refuses(field.get(a), 'device_not_activated', /returned/);
    await refuses(field.get(a, `"${etag}"`), 'device_not_activated');
    const report = { etag, outcome: 'applied', detail: null } as const;
    await refuses(reportConfiguration(field.core, known(a), report), 'device_not_activated');
    await refuses(field.get('SN-99999999'), 'unknown_device');
  });

  test('what the device holds already is answered with 304, and its tag is no other device’s', async () => {
    await field.publish({ values: { report_minutes: 60 } });
    const { etag } = await field.get(a);
    for (const header of [`"${etag}"`, `W/"${etag}"`, `"x", "${etag}"`, '*']) {
      assert.deepEqual(await field.get(a, header), { status: 304, etag });
    }
    for (const header of ['', etag, '"x"', `"${etag}x"`]) {
      assert.equal((await field.get(a, header)).status, 200, header);
    }
    assert.notEqual((await field.get(b)).etag, etag);
  });

  test('I-19: a secret reaches its device and stands in no entry, table, list or error', async () => {
    await field.publish({ values: { wifi_ssid: 'hall 3' }, secrets: { wifi_psk: secretPsk } });
    assert.equal((await field.values(a)).wifi_psk, secretPsk);
    await field.say(a, 'failed', `cannot join with ${secretPsk.toUpperCase()}`);
    await field.say(b, 'failed', Buffer.from(`${secretPsk}`).toString('base64'));
    const { reader } = field.storage;
    const said = [
      await showSet(reader, product, at()),
      await listConfigurations(reader, at()),
      await showDeviceConfiguration(reader, field.core.contracts, a, at()),
      await reader.selectFrom('configuration_version').selectAll().execute(),
      await reader.selectFrom('device_configuration').selectAll().execute(),
      await reader.selectFrom('device_history').selectAll().execute(),
    ].map((one) => JSON.stringify(one));
    for await (const { bytes } of logEntries(reader)) said.push(Buffer.from(bytes).toString());
    const sealed = await reader.selectFrom('configuration_secret').selectAll().execute();
    assert.equal(sealed.length, 1);
    said.push(Buffer.from(sealed[0]!.sealed).toString('latin1'));
    const all = said.join('\n').toLowerCase();
    assert.ok(all.includes(withheld));
    for (const form of [secretPsk, Buffer.from(secretPsk).toString('base64').replace(/=+$/, '')]) {
      assert.ok(!all.includes(form.toLowerCase()), form);
    }
    await refuses(
      field.publish({ values: { wifi_psk: secretPsk } }),
      'configuration_invalid',
      /is a secret$/,
    );
    await refuses(
      field.publish({ secrets: { wifi_psk: `${secretPsk}${'x'.repeat(60)}` } }),
      'configuration_invalid',
      /^wifi_psk takes at most 63 bytes, not 81$/,
    );
  });

  test('I-16: a sealed secret that was changed, swapped or lost is not given to anybody', async () => {
    await field.publish({ secrets: { wifi_psk: secretPsk } });
    await field.publish({ scope: 'device', subject: a, secrets: { wifi_psk: 'another-one' } });
    const { reader } = field.storage;
    const [one, two] = await reader.selectFrom('configuration_secret').selectAll().execute();
    const put = (sealed: Uint8Array) =>
      field.core.ledger.submit(async () => ({
        entries: [],
        remember: async (tx) => {
          await tx
            .updateTable('configuration_secret')
            .set({ sealed })
            .where('secret_sha256', '=', one!.secret_sha256)
            .execute();
        },
        reply: () => undefined,
      }));
    const torn = Uint8Array.from(one!.sealed);
    torn[torn.length >> 1]! ^= 1;
    for (const sealed of [torn, two!.sealed]) {
      await put(sealed);
      const outcomes = await Promise.allSettled([field.values(a), field.values(b)]);
      assert.ok(outcomes.some(({ status }) => status === 'rejected'));
      for (const [of, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') continue;
        assert.equal(outcome.value.wifi_psk, of === 0 ? 'another-one' : secretPsk);
      }
    }
    await put(one!.sealed);
    assert.equal((await field.values(b)).wifi_psk, secretPsk);
  });

  test('I-16: a former secret that was put back in the place of the present one is not given to anybody', async () => {
    await field.publish({ secrets: { wifi_psk: 'former-one' } });
    const [former] = await field.storage.reader.selectFrom('configuration_secret').selectAll().execute();
    await field.publish({ secrets: { wifi_psk: secretPsk } });
    await field.core.ledger.submit(async () => ({
      entries: [],
      remember: async (tx) => {
        await tx
          .updateTable('configuration_secret')
          .set({ sealed: former!.sealed })
          .where('secret_sha256', '!=', former!.secret_sha256)
          .execute();
      },
      reply: () => undefined,
    }));
    await refuses(field.get(a), 'log_inconsistent', /wifi_psk is not that of the log/);
  });

  test('a value that the contract does not allow is refused before anything is written', async () => {
    const { size } = await field.core.ledger.head();
    const bad: [values: Record<string, string | number | boolean>, says: RegExp][] = [
      [{ report_minutes: 0 }, /whole number from 1 to 1440/],
      [{ report_minutes: '5' }, /whole number/],
      [{ remote_support: 1 }, /true or false/],
      [{ colour: 'red' }, /no contract of gateway defers a name colour/],
      [{ region: 'us' }, /written on the line/],
    ];
    for (const [values, says] of bad) await refuses(field.publish({ values }), 'configuration_invalid', says);
    await refuses(field.publish({ remove: ['wifi_ssid'] }), 'configuration_invalid', /not configured/);
    const values = { report_minutes: 5 };
    await refuses(field.publish({ values, steps: [10, 10] }), 'bad_request');
    await refuses(field.publish({ values, steps: [0] }), 'bad_request');
    await refuses(field.publish({ values, stepMinutes: 0 }), 'bad_request');
    await refuses(field.publish({ values, stopAfter: -1 }), 'bad_request');
    await refuses(field.publish({ values, reason: ' ' }), 'bad_request');
    await refuses(field.publish({ subject: 'toaster', values }), 'unknown_contract');
    await refuses(field.publish({ scope: 'order', subject: 'o-9', values }), 'unknown_order');
    await refuses(field.publish({ scope: 'group', subject: 'g', values }), 'unknown_group');
    await refuses(field.publish({ scope: 'device', subject: 'SN-9', values }), 'unknown_device');
    assert.equal((await field.core.ledger.head()).size, size);
  });

  test('a device gets no name and no value that its own contract does not have', async () => {
    const text = gatewayText
      .replace('revision: "2026.1"', 'revision: "2026.2"')
      .replace('remote_support: { type: boolean }', 'language: { type: string, max_length: 8 }')
      .replace('max: 1440', 'max: 9999');
    const { sha256 } = (await import('@imprint/contract/provisioning-contract')).parseProvisioningContract(
      text,
      'second.yaml',
    );
    await field.append({
      type: 'contract.registered',
      actor: kim,
      data: { contract_sha256: sha256, product: 'gateway', revision: '2026.2', text },
    });
    // every contract of the product has to allow it
    await refuses(field.publish({ values: { report_minutes: 5000 } }), 'configuration_invalid');
    await field.publish({ values: { report_minutes: 60, language: 'de' } });
    assert.deepEqual(await field.values(a), { report_minutes: 60 });
  });

  test('a version is whole: what is not named stays, and what would change nothing is refused', async () => {
    await field.publish({ values: { report_minutes: 60 }, secrets: { wifi_psk: secretPsk } });
    const { changed, version } = await field.publish({ values: { wifi_ssid: 'hall 3' } });
    assert.deepEqual({ changed, version }, { changed: ['wifi_ssid'], version: 2 });
    assert.deepEqual(await field.values(a), {
      report_minutes: 60,
      wifi_psk: secretPsk,
      wifi_ssid: 'hall 3',
    });
    const same = { values: { report_minutes: 60 }, secrets: { wifi_psk: secretPsk } };
    await refuses(field.publish(same), 'configuration_conflict', /configured so already/);
    await field.publish({ remove: ['report_minutes'] });
    assert.equal((await field.values(a)).report_minutes, undefined);
  });

  test('a roll-out reaches the devices of its share, those keep it as it grows, and the rest have the last good one', async () => {
    const many = await openField(Array.from({ length: 60 }, (_, at) => `SN-${String(at).padStart(8, '0')}`));
    await many.publish({ values: { report_minutes: 60 } });
    await many.publish({ values: { report_minutes: 5 }, steps: [10, 50, 100] });
    const having = async () => {
      const found = [];
      for (const id of many.ids) if ((await many.values(id)).report_minutes === 5) found.push(id);
      return found;
    };
    const first = await having();
    assert.ok(first.length >= 1 && first.length <= 15, `${first.length} of 60`);
    assert.deepEqual(await having(), first);
    const other = { values: { report_minutes: 7 } };
    await refuses(many.publish(other), 'configuration_conflict', /10 %/);
    await refuses(widenConfiguration(many.core, kim, product, 10, 'x'), 'configuration_conflict');
    await widenConfiguration(many.core, kim, product, 50, 'well so far');
    const second = await having();
    assert.ok(second.length >= 20 && second.length <= 40, `${second.length} of 60`);
    assert.ok(first.every((id) => second.includes(id)));
    await widenConfiguration(many.core, kim, product, 100, 'all well');
    assert.equal((await having()).length, 60);
    assert.deepEqual((await many.verify()).findings, []);
    await many.close();
  });

  test('steps with minutes widen by the authority’s clock alone', async () => {
    await field.publish({ values: { report_minutes: 5 }, steps: [1, 40, 100], stepMinutes: 60 });
    const share = async () => (await listConfigurations(field.storage.reader, at()))[0]!.share;
    const shares = [await share()];
    for (const minutes of [59, 1, 60, 600]) {
      field.time.ms += minutes * 60_000;
      shares.push(await share());
    }
    assert.deepEqual(shares, [1, 1, 40, 100, 100]);
    assert.equal((await field.values(a)).report_minutes, 5);
  });

  test('a version stops by itself when more devices fail than it may, and all have the last good one', async () => {
    await field.publish({ values: { report_minutes: 60 } });
    for (const id of [a, b, c]) await field.say(id, 'applied');
    await field.publish({ values: { report_minutes: 5 }, stopAfter: 1 });
    const { etag } = await field.get(b);
    await field.say(a, 'failed', 'no such route');
    assert.equal((await versionOf(2)).state, 'offered');
    // the same device again is no second one
    await field.say(a, 'failed', 'still no route');
    assert.equal((await versionOf(2)).state, 'offered');
    await field.say(b, 'failed');
    const stopped = await versionOf(2);
    assert.equal(stopped.state, 'stopped');
    assert.match(stopped.end_reason!, /2 devices failed/);
    for (const id of [a, b, c]) assert.equal((await field.values(id)).report_minutes, 60);
    // who is late speaks of what nobody gets any more
    const late = { etag, outcome: 'failed', detail: null } as const;
    await refuses(reportConfiguration(field.core, known(b), late), 'configuration_conflict');
    await refuses(rollBack(2), 'configuration_conflict', /was stopped/);
    await refuses(widenConfiguration(field.core, kim, product, 100, 'x'), 'configuration_conflict');
    assert.equal((await field.publish({ values: { report_minutes: 6 } })).version, 3);
  });

  test('a device that mends itself counts no more among those that fail', async () => {
    await field.publish({ values: { report_minutes: 5 }, stopAfter: 1 });
    await field.say(a, 'failed');
    await field.say(a, 'applied');
    await field.say(b, 'failed');
    const view = await versionOf(1);
    assert.deepEqual([view.state, view.failed, view.applied], ['offered', 1, 1]);
  });

  test('only what a device had not applied before is blamed for its failure', async () => {
    await field.publish({ values: { report_minutes: 60 }, stopAfter: 0 });
    await field.say(a, 'applied');
    const own = { scope: 'device', subject: a } as const;
    await field.publish({ ...own, values: { report_minutes: 1 }, stopAfter: 0 });
    await field.say(a, 'failed');
    assert.equal((await versionOf(1)).state, 'offered');
    assert.equal((await showSet(field.storage.reader, own, at())).versions[0]!.state, 'stopped');
    assert.equal((await field.values(a)).report_minutes, 60);
  });

  test('rolled back, devices get the last good values, or those of the version that is named', async () => {
    for (const report_minutes of [1, 2, 3]) await field.publish({ values: { report_minutes } });
    assert.deepEqual(await rollBack(), { ...product, from: 3, to: 2 });
    assert.deepEqual(await field.values(a), { report_minutes: 2 });
    await refuses(rollBack(), 'configuration_conflict', /last good one/);
    await refuses(rollBack(2), 'configuration_conflict');
    await refuses(rollBack(9), 'unknown_configuration');
    assert.deepEqual(await rollBack(1), { ...product, from: 2, to: 1 });
    assert.deepEqual(await field.values(a), { report_minutes: 1 });
    // the next one begins from what is in force
    await field.publish({ values: { wifi_ssid: 'x' } });
    assert.deepEqual(await field.values(a), { report_minutes: 1, wifi_ssid: 'x' });
    assert.deepEqual(await rollBack(), { ...product, from: 4, to: 1 });
  });

  test('a first version that is rolled back leaves nothing', async () => {
    await field.publish({ values: { report_minutes: 1 } });
    assert.deepEqual(await rollBack(), { ...product, from: 1, to: null });
    assert.deepEqual(await field.values(a), {});
    await refuses(rollBack(), 'configuration_conflict', /nothing/);
  });

  test('what a device said stands in its record; again it is no news, and too much of it is refused', async () => {
    await field.publish({ values: { report_minutes: 1 }, stopAfter: 100 });
    await field.say(a, 'applied');
    const { size } = await field.core.ledger.head();
    await field.say(a, 'applied');
    assert.equal((await field.core.ledger.head()).size, size);
    const view = await showDeviceConfiguration(field.storage.reader, field.core.contracts, a, at());
    assert.equal(view.last_report?.outcome, 'applied');
    assert.deepEqual(view.last_report?.versions, [{ ...product, version: 1 }]);
    for (let said = 1; said < limits.configurationReports; said++) {
      await field.say(a, said % 2 === 1 ? 'failed' : 'applied');
    }
    await refuses(field.say(a, 'applied'), 'rate_limited');
    await field.publish({ values: { report_minutes: 2 } });
    await field.say(a, 'applied');
  });

  test('a device stands in one group at most, of its own product; a list may be sent again', async () => {
    const { ledger } = field.core;
    for (const groupId of ['acme', 'beta']) {
      await createGroup(ledger, kim, { groupId, product: 'gateway', reason: 'x' });
    }
    await refuses(
      createGroup(ledger, kim, { groupId: 'acme', product: 'gateway', reason: 'x' }),
      'configuration_conflict',
    );
    await refuses(
      createGroup(ledger, kim, { groupId: 'a b', product: 'gateway', reason: 'x' }),
      'bad_request',
    );
    const change = { groupId: 'acme', what: 'add', devices: [a, b], move: false, reason: 'x' } as const;
    assert.deepEqual(await changeGroup(ledger, kim, change), { changed: 2, before: 0 });
    assert.deepEqual(await changeGroup(ledger, kim, change), { changed: 0, before: 2 });
    const toBeta = { ...change, groupId: 'beta', devices: [c, a] };
    await refuses(changeGroup(ledger, kim, toBeta), 'configuration_conflict', /stands in the group acme/);
    await refuses(changeGroup(ledger, kim, { ...change, devices: [c, 'SN-9'] }), 'unknown_device');
    assert.deepEqual(await changeGroup(ledger, kim, { ...toBeta, move: true }), { changed: 2, before: 0 });
    assert.deepEqual(await devicesOfGroup(ledger.reader, 'beta'), { devices: [a, c], next: null });
    assert.deepEqual(await devicesOfGroup(ledger.reader, 'beta', '', 1), { devices: [a], next: a });
    assert.deepEqual(await changeGroup(ledger, kim, { ...change, what: 'remove' }), {
      changed: 1,
      before: 1,
    });
    assert.deepEqual(
      (await listGroups(ledger.reader)).map(({ group_id, devices }) => [group_id, devices]),
      [
        ['acme', 0],
        ['beta', 2],
      ],
    );
  });
});
