import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import { type Line, openLine, TestUnit } from '../jobs/line.test-kit.ts';
import { entriesOf, quotaUsed, refuses, Walk } from '../jobs/walk.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import { requestEnrolment } from '../stations/enrolment.ts';
import { inviteStation } from '../stations/invite.ts';
import { openStations } from '../stations/stations.test-kit.ts';
import { excludeKeys, ownKeys, readRealmKeys, writeRealmKeys } from './excluded-keys.ts';

const person = { kind: 'person', id: 'tester' } as const;
const logId = 'ab'.repeat(32);

describe('I-20: keys of another realm', () => {
  let line: Line;
  let bench: Line;
  beforeEach(async () => {
    [line, bench] = [
      await openLine(['GW-T100', 'GW-T101']),
      await openLine(['GW-T100'], {}, 2, undefined, 'test'),
    ];
  });
  afterEach(() => Promise.all([line.close(), bench.close()]));

  const exclude = (keys: string[]) =>
    excludeKeys(line.core.ledger, 'dev', person, { realm: 'test', logId, keys });

  test('a unit that was certified at the bench is refused on the line, and uses no quota', async () => {
    const unit = new TestUnit('u1');
    await (await Walk.open(bench, unit, 'GW-T100')).issue();
    const text = writeRealmKeys({ realm: 'test', logId, keys: await ownKeys(bench.core.ledger.reader) });
    const given = readRealmKeys(text);
    assert.ok(given.keys.includes(sha256Hex(unit.spki)));
    assert.equal((await excludeKeys(line.core.ledger, 'dev', person, given)).added, given.keys.length);
    const walk = await Walk.open(line, unit, 'GW-T100');
    await refuses(walk.issue(), 'key_reused', /certified in the realm test/);
    assert.equal(await quotaUsed(line), 0);
    unit.rekey();
    await walk.issue();
  });

  test('a station’s key from the bench is refused as well', async () => {
    const stations = await openStations(line);
    const place = { stationId: 'st-9', site: 'site-1', line: 'l', lanes: 1, url: 'https://localhost:1' };
    const { secret: token } = parseEnrolmentToken((await inviteStation(stations, person, place)).token);
    const key = makeKey('ec-p256');
    await exclude([sha256Hex(spkiOf(key))]);
    const csr_b64 = Buffer.from(makeRequest({ key })).toString('base64');
    await refuses(requestEnrolment(stations, { token, csr_b64 }), 'key_reused', /realm test/);
  });

  test('a key that was certified here already is told and raises an alarm', async () => {
    const unit = new TestUnit('u1');
    await (await Walk.open(line, unit, 'GW-T100')).issue();
    const { certifiedHere } = await exclude([sha256Hex(unit.spki)]);
    assert.deepEqual(
      certifiedHere.map(({ device_id }) => device_id),
      ['GW-T100'],
    );
    const [alarm] = await entriesOf(line, 'alarm.raised');
    assert.deepEqual([alarm!.data.kind, alarm!.data.subject], ['foreign-identity', 'GW-T100']);
  });

  test('many go in several entries, and what is excluded already is not written again', async () => {
    const keys = Array.from({ length: 2 * limits.keysPerLogEntry * 5 + 7 }, (_, at) =>
      sha256Hex(Buffer.from(`${at}`)),
    );
    assert.equal((await exclude(keys)).added, keys.length);
    const before = (await line.core.ledger.head()).size;
    assert.equal((await exclude(keys)).added, 0);
    assert.equal((await line.core.ledger.head()).size, before);
    const entries = await entriesOf(line, 'keys.excluded');
    assert.equal(
      entries.reduce((sum, { data }) => sum + data.public_key_sha256s.length, 0),
      keys.length,
    );
  });

  test('the keys of the own realm, and a file that is none, are refused', async () => {
    await refuses(
      excludeKeys(line.core.ledger, 'dev', person, { realm: 'dev', logId, keys: ['0'.repeat(64)] }),
      'realm_mismatch',
    );
    for (const [text, at] of [
      ['', 1],
      [`imprint-realm-keys-v1 staging ${logId}\n`, 1],
      [`imprint-realm-keys-v1 test ${logId}\n${'A'.repeat(64)}\n`, 2],
      [`imprint-realm-keys-v1 test ${logId}\n${'a'.repeat(64)}\n\n${'a'.repeat(64)}\n`, 3],
    ] as const) {
      assert.throws(() => readRealmKeys(text), { code: 'file_invalid', message: new RegExp(`line ${at} `) });
    }
  });
});
