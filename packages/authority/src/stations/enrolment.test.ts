import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { grantApproval, requestApproval } from '../access/approvals.ts';
import type { Who } from '../access/authorize.ts';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import { type Line, openLine, TestUnit } from '../jobs/line.test-kit.ts';
import { entriesOf, refuses, Walk } from '../jobs/walk.test-kit.ts';
import { append, draft } from '../ledger/history.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import { keyNames } from '../trust/hierarchy.ts';
import { Issuers } from '../trust/issuers.ts';
import { collectEnrolment, confirmStation, requestEnrolment, revokeStation } from './enrolment.ts';
import { inviteStation } from './invite.ts';
import type { StationCore } from './station-core.ts';
import { openStations } from './stations.test-kit.ts';

const person = { kind: 'person', id: 'tester' } as const;
const print = (key: KeyObject) => sha256Hex(spkiOf(key));

describe('enrolment', () => {
  let line: Line;
  let core: StationCore;
  let key: KeyObject;
  let secret: string;
  beforeEach(async () => {
    line = await openLine(['GW-T100']);
    core = await openStations(line);
    key = makeKey('ec-p256');
    secret = await invite('st-5');
  });
  afterEach(() => line.close());

  const invite = async (stationId: string) => {
    const place = { site: 'site-1', line: 'line-1', lanes: 1, url: 'https://localhost:1' };
    return parseEnrolmentToken((await inviteStation(core, person, { stationId, ...place })).token).secret;
  };
  const bodyOf = (token: string, by: KeyObject) => ({
    token,
    csr_b64: Buffer.from(makeRequest({ key: by })).toString('base64'),
  });
  const ask = (token = secret, by = key) => requestEnrolment(core, bodyOf(token, by));
  const collect = (token = secret, by = key) => collectEnrolment(core, bodyOf(token, by));
  const confirm = (fingerprint = print(key)) => confirmStation(core, person, 'st-5', fingerprint);

  test('asks as often as it likes with the same key: one entry, one certificate', async () => {
    assert.equal((await ask()).status, 'pending');
    assert.deepEqual(await ask(), await ask());
    await confirm();
    assert.equal((await ask()).status, 'confirmed');
    assert.deepEqual(await collect(), await collect());
    assert.equal((await entriesOf(line, 'station.requested')).length, 1);
  });

  test('I-18: where acts take two people, a station is assigned by two', async () => {
    const founder = (id: string) =>
      draft('account.created', {
        account_id: id,
        roles: ['administrator', 'ca-officer'],
        enrolled_by: null,
        reason: 'founding',
      });
    const policy = { approvals: 'required', order_limit: null, site_limits: {}, reason: 'two' } as const;
    await append(core.ledger, founder('ada'), founder('ben'), draft('policy.changed', policy, person));
    await ask();
    const by = (id: string) => ({ means: 'password', actor: { kind: 'person', id } }) as const satisfies Who;
    const assign = () => confirmStation(core, by('ada').actor, 'st-5', print(key));
    await refuses(confirm(), 'account_disabled');
    const parameters = {
      station_id: 'st-5',
      site: 'site-1',
      line: 'line-1',
      lanes: 1,
      public_key_sha256: print(key),
    };
    await assert.rejects(assign(), (error) => {
      assert.ok(isImprintError(error, 'approval_required'));
      assert.deepEqual(error.context, { act: 'station.assign', parameters });
      return true;
    });
    const asked = { act: 'station.assign', parameters, reason: 'line one' } as const;
    const { approval_id } = await requestApproval(core.ledger, core.entropy, by('ada'), asked);
    await grantApproval(core.ledger, by('ben'), approval_id, 'compared');
    await assign();
    assert.equal((await collect()).status, 'confirmed');
  });

  test('a token is used by one key, also where two come at the same moment', async () => {
    const thief = makeKey('ec-p256');
    const outcomes = await Promise.allSettled([ask(), ask(secret, thief)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const late = outcomes[0]!.status === 'fulfilled' ? thief : key;
    await refuses(ask(secret, late), 'token_invalid');
    await refuses(collect(secret, late), 'token_invalid');
  });

  test('a token runs out for asking, for confirming and for collecting', async () => {
    await ask();
    line.pass(limits.enrolmentTokenLifeMs);
    await refuses(ask(), 'token_invalid');
    await refuses(collect(), 'token_invalid');
    await refuses(confirm(), 'unknown_station');
    const confirmed = await entriesOf(line, 'station.confirmed');
    assert.ok(confirmed.every(({ data }) => data.station_id !== 'st-5'));
  });

  test('a token is worth nothing once another was given, or the station was revoked', async () => {
    const newer = await invite('st-5');
    await refuses(ask(), 'token_invalid');
    await ask(newer);
    await revokeStation(core, person, 'st-5', 'wrong PC');
    await refuses(ask(newer), 'token_invalid');
    await refuses(confirm(), 'unknown_station');
  });

  test('nobody is confirmed by a wrong fingerprint, or before a key waits; case and colons do not matter', async () => {
    await refuses(confirm(), 'unknown_station');
    await ask();
    await refuses(confirm(print(makeKey('ec-p256'))), 'not_authorized');
    await refuses(confirm(''), 'not_authorized');
    assert.deepEqual((await collect()).status, 'pending');
    await confirm(
      print(key)
        .toUpperCase()
        .replaceAll(/(..)(?=.)/g, '$1:'),
    );
    assert.equal((await collect()).status, 'confirmed');
  });

  test('I-2: confirming twice is one certificate, one after the other and at the same moment', async () => {
    await ask();
    await Promise.allSettled([confirm(), confirm()]);
    const settled = await confirm();
    assert.deepEqual(await confirm(), settled);
    const certified = await entriesOf(line, 'station.certified');
    assert.deepEqual(
      certified.map(({ data }) => data.certificate_sha256),
      [settled.certificate_sha256],
    );
  });

  test('I-2: a station that is revoked while its certificate is made gets none', async () => {
    await ask();
    const signer = line.signers.get(keyNames.stationCa)!;
    const slow: StationCore = {
      ...core,
      issuers: new Issuers('dev', async () => ({
        ...signer,
        sign: async (message) => {
          await revokeStation(core, person, 'st-5', 'changed my mind');
          return signer.sign(message);
        },
      })),
    };
    await refuses(confirmStation(slow, person, 'st-5', print(key)), 'intent_uncertain');
    assert.equal((await entriesOf(line, 'station.certified')).length, 0);
  });

  test('I-7: the key of another station, or of a device, is refused', async () => {
    await ask();
    await refuses(ask(await invite('st-6'), key), 'key_reused');
    const unit = new TestUnit('u1');
    await (await Walk.open(line, unit, 'GW-T100')).issue();
    await refuses(ask(await invite('st-7'), unit.key), 'key_reused');
  });

  test('a station at work is not invited over its head', async () => {
    await ask();
    await confirm();
    await refuses(invite('st-5'), 'bad_request');
  });
});
