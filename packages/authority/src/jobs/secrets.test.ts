import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import { confirmStation, requestEnrolment } from '../stations/enrolment.ts';
import { inviteStation } from '../stations/invite.ts';
import { openStations } from '../stations/stations.test-kit.ts';
import { openLine, requestId, TestUnit } from './line.test-kit.ts';
import { openShift } from './shifts.ts';
import { doneUnit, entriesOf, Walk } from './walk.test-kit.ts';

const person = { kind: 'person', id: 'tester' } as const;

/** The forms in which a secret could stand in a text. */
function forms(secret: Uint8Array | string): string[] {
  const bytes = Buffer.from(secret);
  return [
    bytes.toString('hex'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('latin1'),
  ];
}

test('I-19: no reply, error or entry of the line holds a private key, a badge or an enrolment token', async () => {
  const line = await openLine(['GW-T100', 'GW-T200']);
  const badge = 'OP-badge-of-ada-4711';
  await line.core.ledger.submit(async () => ({
    entries: [],
    remember: async (tx) => {
      await tx
        .insertInto('person')
        .values({ operator_id: 'op-1', name: 'Ada Lovelace', badge_sha256: sha256Hex(Buffer.from(badge)) })
        .execute();
    },
    reply: () => undefined,
  }));
  const spoken: unknown[] = [];
  const hear = async (said: Promise<unknown>) => {
    spoken.push(
      await said.catch((error: unknown) =>
        isImprintError(error) ? { ...error, text: error.message } : error,
      ),
    );
  };

  const unit = new TestUnit('u1');
  await hear(openShift(line.core, line.caller, { request_id: requestId(), badge }));
  await hear(openShift(line.core, line.caller, { request_id: requestId(), badge: `${badge}-wrong` }));
  const walk = await Walk.open(line, unit, 'GW-T100');
  await hear(walk.issue());
  await hear(doneUnit(line, unit, 'GW-T100').then((done) => done.readBack));
  await hear(Walk.open(line, new TestUnit('u2'), 'GW-T100'));

  const stations = await openStations(line);
  const { token } = await inviteStation(stations, person, {
    stationId: 'st-5',
    site: 'site-1',
    line: 'line-1',
    lanes: 1,
    url: 'https://localhost:1',
  });
  const { secret } = parseEnrolmentToken(token);
  const key = makeKey('ec-p256');
  const csr_b64 = Buffer.from(makeRequest({ key })).toString('base64');
  const other = Buffer.from(makeRequest()).toString('base64');
  await hear(requestEnrolment(stations, { token: secret, csr_b64 }));
  await hear(requestEnrolment(stations, { token: secret, csr_b64: other }));
  await hear(confirmStation(stations, person, 'st-5', sha256Hex(spkiOf(key))));

  const heard = JSON.stringify([spoken, await entriesOf(line)]);
  assert.match(heard, /GW-T100/);
  const secrets = [
    badge,
    secret,
    'Ada Lovelace',
    ...[unit.key, key].map((one) => Buffer.from(one.export({ format: 'jwk' }).d!, 'base64url')),
  ];
  for (const form of secrets.flatMap(forms)) assert.ok(!heard.includes(form), 'a secret was spoken');

  const rows = JSON.stringify([
    await line.core.ledger.reader.selectFrom('enrolment_token').selectAll().execute(),
    await line.core.ledger.reader.selectFrom('request').selectAll().execute(),
    await line.core.ledger.reader.selectFrom('person').selectAll().execute(),
  ]);
  for (const form of [badge, secret].flatMap(forms)) assert.ok(!rows.includes(form), 'a secret was stored');
  await line.close();
});
