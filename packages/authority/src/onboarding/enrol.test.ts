import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { derOctetString, derOid, derSequence, derSetOf } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { replay } from '../audit/replay.ts';
import { spkiOf } from '../issuing/requests.test-kit.ts';
import { uriName } from '../issuing/tbs.ts';
import { closeStaleIntents } from '../jobs/close-stale-intents.ts';
import { gateway, type Line, openLine, productOf } from '../jobs/line.test-kit.ts';
import { revokeCredential } from '../jobs/revoke-credential.ts';
import { makeKey } from '../signer/software.ts';
import { opensslVerify } from '../trust/hierarchy.test-kit.ts';
import { Enrolment, type EnrolmentAnswer } from './enrol.ts';
import { decideEnrolment, setEnrolmentPolicy, waitingEnrolments } from './enrolment-approval.ts';
import { enrolmentRequest, type FieldDevice, fieldDevice, knownBy, move } from './field.test-kit.ts';
import { endOverdue } from './successor.ts';

const dayMs = 86_400_000;
const person = { kind: 'person', id: 'ada' } as const;

function certificateOf(answer: EnrolmentAnswer): Uint8Array {
  assert.equal(answer.kind, 'issued');
  return Uint8Array.from((answer as Extract<EnrolmentAnswer, { kind: 'issued' }>).certificate);
}

const serialOf = (der: Uint8Array) => new X509Certificate(der).serialNumber.toLowerCase();

const refusedWith = (act: Promise<unknown>, code: ErrorCode, message?: RegExp) =>
  assert.rejects(act, (error) => {
    assert.ok(isImprintError(error, code), String(error));
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });

async function statuses({ core }: Line, { deviceId }: FieldDevice, profile = 'ldevid'): Promise<string[]> {
  const rows = await core.ledger.reader
    .selectFrom('credential')
    .select(['status', 'revocation_reason'])
    .where('device_id', '=', deviceId)
    .where('profile', '=', profile as 'ldevid')
    .execute();
  // the clock of the line stands still between two requests
  return rows
    .map(({ status, revocation_reason }) =>
      revocation_reason === null ? status : `${status} ${revocation_reason}`,
    )
    .sort();
}

/** As the gate does when a certificate is used whose predecessor is still accepted. */
async function use(line: Line, certificate: Uint8Array) {
  const known = await knownBy(line, certificate);
  const before = await line.core.ledger.reader
    .selectFrom('credential')
    .select(['credential_id', 'serial'])
    .where('device_id', '=', known.deviceId)
    .where('profile', '=', known.profile)
    .where('status', '=', 'superseded')
    .execute();
  for (const row of before) {
    await line.record({
      type: 'credential.revoked',
      actor: { kind: 'device', id: known.deviceId },
      data: { ...row, reason: 'superseded' },
    });
  }
  return known;
}

/** One line for many tests: each has a device of its own. */
describe('a device in the field', () => {
  let line: Line;
  let enrolment: Enrolment;
  let devices: FieldDevice[] = [];
  const next = () => devices.shift()!;
  before(async () => {
    const ids = Array.from({ length: 14 }, (_, at) => `GW-M12600000${'0123456789ABCD'[at]}X`);
    line = await openLine(ids, { closes_at: '2027-12-31T00:00:00.000Z' }, 16);
    for (const id of ids) devices.push(await fieldDevice(line, id));
    enrolment = new Enrolment(line.core);
  });
  after(async () => {
    try {
      assert.deepEqual((await replay(line.core.ledger.reader, 'dev')).findings, []);
    } finally {
      await line.close();
      devices = [];
    }
  });

  test('gets an operational certificate with its birth certificate: same subject and names, its own policy, its own end', async () => {
    const device = next();
    const key = makeKey('ec-p256');
    const der = certificateOf(await enrolment.enrol(device.known, enrolmentRequest(key)));
    const [birth, operational] = [new X509Certificate(device.certificate), new X509Certificate(der)];
    assert.equal(operational.subject, birth.subject);
    assert.equal(operational.subjectAltName, birth.subjectAltName);
    assert.deepEqual(operational.publicKey.export({ format: 'der', type: 'spki' }), Buffer.from(spkiOf(key)));
    const days = (operational.validToDate.getTime() - operational.validFromDate.getTime()) / dayMs;
    assert.equal(days, 90);
    const { issuing, root } = line.hierarchy.certificates;
    const at = line.core.clock();
    assert.equal(opensslVerify([der, issuing], root, 'sslclient', at), '');
    const chain = { chain: [der, issuing], root, at, realm: 'dev' } as const;
    assert.equal(verifyChain({ ...chain, purpose: 'operational' }).id, device.deviceId);
    assert.throws(() => verifyChain({ ...chain, purpose: 'device' }), /purpose/);
    assert.throws(
      () => verifyChain({ ...chain, chain: [device.certificate, issuing], purpose: 'operational' }),
      /purpose/,
    );
    assert.deepEqual(await statuses(line, device), ['active']);
    assert.deepEqual(await statuses(line, device, 'idevid'), ['active']);
  });

  test('gets the same certificate for the same key, at once and one after another', async () => {
    const device = next();
    const request = enrolmentRequest();
    const answers = await Promise.all([1, 2, 3].map(() => enrolment.enrol(device.known, request)));
    answers.push(await enrolment.enrol(device.known, request));
    const first = certificateOf(answers[0]!);
    for (const answer of answers) assert.deepEqual(certificateOf(answer), first);
    const renewed = await enrolment.renew(await knownBy(line, first), request);
    assert.deepEqual(certificateOf(renewed), first);
    assert.deepEqual(await statuses(line, device), ['active']);
  });

  test('I-7: renews with a new key; the old certificate is accepted until the new one is used', async () => {
    const device = next();
    const old = certificateOf(await enrolment.enrol(device.known, enrolmentRequest()));
    const asOld = await knownBy(line, old);
    const young = certificateOf(await enrolment.renew(asOld, enrolmentRequest()));
    assert.deepEqual(await statuses(line, device), ['active', 'superseded']);
    // the answer was lost: it asks once more, with another key
    const younger = certificateOf(await enrolment.renew(asOld, enrolmentRequest()));
    assert.deepEqual(await statuses(line, device), ['active', 'revoked key-lost', 'superseded']);
    await refusedWith(enrolment.renew(await knownBy(line, young), enrolmentRequest()), 'not_authorized');
    const asYounger = await use(line, younger);
    assert.deepEqual(await statuses(line, device), ['active', 'revoked key-lost', 'revoked superseded']);
    await refusedWith(enrolment.renew(asOld, enrolmentRequest()), 'not_authorized');
    assert.equal((await enrolment.renew(asYounger, enrolmentRequest())).kind, 'issued');
  });

  test('I-6: nothing of a request but its key stands in the certificate', async () => {
    const device = next();
    const extensions = derSequence(
      derOid('1.2.840.113549.1.9.14'),
      derSetOf(derSequence(derSequence(derOid('2.5.29.19'), derOctetString(derSequence())))),
    );
    const subject = encodeName([
      { type: 'organization', value: 'Somebody Else' },
      { type: 'commonName', value: 'localhost' },
    ]);
    const request = enrolmentRequest(undefined, { subject, attributes: [extensions] });
    const certificate = new X509Certificate(certificateOf(await enrolment.enrol(device.known, request)));
    assert.equal(certificate.subject, new X509Certificate(device.certificate).subject);
  });

  test('refuses a request that names another device, in whichever place', async () => {
    const device = next();
    const other = devices[0]!.deviceId;
    const san = derExplicitSan(`urn:imprint:dev:${other}`);
    for (const changes of [
      { subject: encodeName([{ type: 'serialNumber', value: other }]) },
      { subject: encodeName([{ type: 'serialNumber', value: 'anything' }]) },
      { subject: encodeName([{ type: 'commonName', value: 'GW-M126000041S' }]) },
      { attributes: [san] },
    ]) {
      await refusedWith(
        enrolment.enrol(device.known, enrolmentRequest(undefined, changes)),
        'csr_invalid',
        /names another device/,
      );
    }
    const own = encodeName([
      { type: 'commonName', value: device.deviceId },
      { type: 'serialNumber', value: device.deviceId },
    ]);
    const request = enrolmentRequest(undefined, {
      subject: own,
      attributes: [derExplicitSan(`urn:imprint:dev:${device.deviceId}`)],
    });
    assert.equal((await enrolment.enrol(device.known, request)).kind, 'issued');
  });

  test('I-7: refuses the key of its birth certificate, of another device (with an alarm, once), and one that was given up', async () => {
    const [device, other] = [next(), devices[0]!];
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest(device.key)), 'key_reused', /own/);
    for (let times = 0; times < 2; times++) {
      await refusedWith(enrolment.enrol(device.known, enrolmentRequest(other.key)), 'key_reused', /another/);
    }
    const alarms = await line.core.ledger.reader
      .selectFrom('alarm')
      .select('detail')
      .where('subject', '=', device.known.credentialId)
      .execute();
    assert.deepEqual(alarms, [
      { detail: `${device.deviceId} presented the key of ${other.deviceId} for an enrolment` },
    ]);
    const key = makeKey('ec-p256');
    certificateOf(await enrolment.enrol(device.known, enrolmentRequest(key)));
    const { publicKeySha256 } = enrolmentRequest(key).csr;
    await revokeCredential(line.core.ledger, person, { publicKeySha256 }, 'key-compromise');
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest(key)), 'key_reused', /revoked/);
  });

  test('asks with the right certificate: a first one with that of birth, which itself has no end', async () => {
    const device = next();
    const first = certificateOf(await enrolment.enrol(device.known, enrolmentRequest()));
    await refusedWith(
      enrolment.enrol(await knownBy(line, first), enrolmentRequest()),
      'not_authorized',
      /birth/,
    );
    // with a birth certificate that has no end, a renewal is a first enrolment
    const other = certificateOf(await enrolment.renew(device.known, enrolmentRequest()));
    assert.equal((await knownBy(line, other)).profile, 'ldevid');
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest(makeKey('ed25519'))), 'key_unsupported');
  });

  test('I-11, I-14: whoever was revoked, moved or changed since the gate is refused', async () => {
    const device = next();
    for (const wrong of [
      { ...device.known, deviceId: devices[0]!.deviceId },
      { ...device.known, certificateSha256: '0'.repeat(64) },
      { ...device.known, credentialId: 'k-none' },
    ]) {
      await refusedWith(enrolment.enrol(wrong, enrolmentRequest()), 'not_authorized', /known/);
    }
    const operational = certificateOf(await enrolment.enrol(device.known, enrolmentRequest()));
    const known = await knownBy(line, operational);
    await revokeCredential(line.core.ledger, person, { serial: serialOf(operational) }, 'key-compromise');
    await refusedWith(enrolment.renew(known, enrolmentRequest()), 'not_authorized', /revoked/);
    await move(line, device.deviceId, 'activated', 'retired');
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest()), 'not_authorized', /retired/);
  });

  test('I-11: what was signed for a device that was set aside meanwhile is not released', async () => {
    const device = next();
    const { sign } = line.signer;
    line.signer.sign = async (tbs) => {
      await move(line, device.deviceId, 'activated', 'quarantined');
      return sign.call(line.signer, tbs);
    };
    try {
      await refusedWith(enrolment.enrol(device.known, enrolmentRequest()), 'unavailable');
    } finally {
      line.signer.sign = sign;
    }
    assert.deepEqual(await statuses(line, device), ['intended']);
    line.pass(6_000);
    await closeStaleIntents(line.core);
    assert.deepEqual(await statuses(line, device), ['revoked intent-uncertain']);
  });

  test('a device that asks with key after key is stopped for the day', async () => {
    const device = next();
    for (let keys = 0; keys < 16; keys++) await enrolment.enrol(device.known, enrolmentRequest());
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest()), 'rate_limited', /16 keys/);
    line.pass(dayMs + 1);
    assert.equal((await enrolment.enrol(device.known, enrolmentRequest())).kind, 'issued');
  });

  test('I-7: a certificate whose successor is never used ends with the days of the contract, by itself too', async () => {
    const device = next();
    const old = certificateOf(await enrolment.enrol(device.known, enrolmentRequest()));
    const asOld = await knownBy(line, old);
    await enrolment.renew(asOld, enrolmentRequest());
    line.pass(14 * dayMs);
    await endOverdue(line.core);
    assert.deepEqual(await statuses(line, device), ['active', 'superseded']);
    await enrolment.renew(asOld, enrolmentRequest());
    line.pass(1);
    await refusedWith(enrolment.renew(asOld, enrolmentRequest()), 'not_authorized');
    assert.equal(await endOverdue(line.core), 1);
    assert.equal(await endOverdue(line.core), 0);
    assert.deepEqual(await statuses(line, device), ['active', 'revoked key-lost', 'revoked superseded']);
  });

  test('the same key is renewed once half of the life is over, not before', async () => {
    const device = next();
    const key = makeKey('ec-p256');
    const first = certificateOf(await enrolment.enrol(device.known, enrolmentRequest(key)));
    const known = await knownBy(line, first);
    line.pass(44 * dayMs);
    assert.deepEqual(certificateOf(await enrolment.renew(known, enrolmentRequest(key))), first);
    line.pass(2 * dayMs);
    const second = certificateOf(await enrolment.renew(known, enrolmentRequest(key)));
    assert.notDeepEqual(second, first);
    assert.deepEqual(certificateOf(await enrolment.renew(known, enrolmentRequest(key))), second);
    await use(line, second);
    line.pass(60 * dayMs);
    const third = await enrolment.renew(await knownBy(line, second), enrolmentRequest(key));
    assert.notDeepEqual(certificateOf(third), second);
  });

  test('a key that one serial was revoked for as compromised is renewed under no other; what ran out renews nothing', async () => {
    const device = next();
    const key = makeKey('ec-p256');
    const first = certificateOf(await enrolment.enrol(device.known, enrolmentRequest(key)));
    line.pass(60 * dayMs);
    const second = certificateOf(await enrolment.renew(await knownBy(line, first), enrolmentRequest(key)));
    await revokeCredential(line.core.ledger, person, { serial: serialOf(first) }, 'key-compromise');
    const known = await knownBy(line, second);
    line.pass(60 * dayMs);
    await refusedWith(enrolment.renew(known, enrolmentRequest(key)), 'key_reused', /revoked/);
    line.pass(31 * dayMs);
    await refusedWith(enrolment.renew(known, enrolmentRequest()), 'not_authorized', /ran out/);
  });
});

describe('with people who decide', () => {
  test('a device waits until its key is granted; a refused one stays refused; a renewal asks nobody', async () => {
    const line = await openLine(['GW-A', 'GW-B'], {}, 4);
    const enrolment = new Enrolment(line.core);
    const { ledger } = line.core;
    const [one, two] = [await fieldDevice(line, 'GW-A'), await fieldDevice(line, 'GW-B')];
    const set = (enrolment: 'approval' | 'automatic', product = 'gateway') =>
      setEnrolmentPolicy(ledger, person, { product, enrolment, reason: 'pilot' });
    assert.deepEqual(await set('approval'), { isNew: true });
    assert.deepEqual(await set('approval'), { isNew: false });
    await refusedWith(set('approval', 'nothing'), 'unknown_contract');

    const [lost, request] = [enrolmentRequest(), enrolmentRequest()];
    assert.deepEqual(await enrolment.enrol(one.known, lost), { kind: 'pending', retryAfterSeconds: 300 });
    assert.equal((await enrolment.enrol(one.known, request)).kind, 'pending');
    const { size } = await ledger.head();
    assert.equal((await enrolment.enrol(one.known, request)).kind, 'pending');
    assert.equal((await ledger.head()).size, size);
    const [waiting, ...none] = await waitingEnrolments(ledger.reader, 10);
    assert.deepEqual([waiting!.device_id, none], ['GW-A', []]);
    const enrolmentId = waiting!.enrolment_id;
    const word = (granted: boolean) =>
      decideEnrolment(ledger, person, { enrolmentId, granted, reason: 'seen' });
    assert.deepEqual(await word(true), { device_id: 'GW-A' });
    await refusedWith(word(false), 'unknown_enrolment', /granted already/);
    const certificate = certificateOf(await enrolment.enrol(one.known, request));
    // what was granted is good for one key
    assert.equal((await enrolment.enrol(one.known, enrolmentRequest())).kind, 'pending');
    assert.equal(
      (await enrolment.renew(await knownBy(line, certificate), enrolmentRequest())).kind,
      'issued',
    );

    const unwanted = enrolmentRequest();
    await enrolment.enrol(two.known, unwanted);
    const second = (await waitingEnrolments(ledger.reader, 10)).find((row) => row.device_id === 'GW-B')!;
    await decideEnrolment(ledger, person, {
      enrolmentId: second.enrolment_id,
      granted: false,
      reason: 'stolen',
    });
    await refusedWith(enrolment.enrol(two.known, unwanted), 'enrolment_refused', /refused/);
    await set('automatic');
    assert.equal((await enrolment.enrol(two.known, enrolmentRequest())).kind, 'issued');
    assert.deepEqual((await replay(ledger.reader, 'dev')).findings, []);
    await line.close();
  });
});

describe('what the contract says', () => {
  const lineOf = async (change: (text: string) => string) => {
    const line = await openLine(['GW-A'], {}, 2, productOf(change(gateway.text)));
    return { line, enrolment: new Enrolment(line.core), device: await fieldDevice(line, 'GW-A') };
  };

  test('without an operational section there is none; a birth certificate with an end is renewed', async () => {
    const { line, enrolment, device } = await lineOf((text) =>
      text
        .replace('operational: { validity_days: 90 }\n', '')
        .replace('onboarding: hybrid', 'onboarding: factory')
        .replace('validity: forever', 'validity: { days: 800 }'),
    );
    await refusedWith(enrolment.enrol(device.known, enrolmentRequest()), 'enrolment_refused', /has no/);
    line.pass(500 * dayMs);
    // the renewal keeps the key that the line proved, or takes a new one
    const kept = certificateOf(await enrolment.renew(device.known, enrolmentRequest(device.key)));
    assert.notDeepEqual(kept, device.certificate);
    await use(line, kept);
    assert.equal((await enrolment.renew(await knownBy(line, kept), enrolmentRequest())).kind, 'issued');
    assert.deepEqual(await statuses(line, device, 'idevid'), ['active', 'revoked superseded', 'superseded']);
    assert.deepEqual((await replay(line.core.ledger.reader, 'dev')).findings, []);
    await line.close();
  });

  test('a new key at each renewal, and of another type, where it asks for that', async () => {
    const { line, enrolment, device } = await lineOf((text) =>
      text.replace('{ validity_days: 90 }', '{ validity_days: 90, key_type: ed25519, renewal_key: new }'),
    );
    assert.equal(await enrolment.keyTypeFor(device.known), 'ed25519');
    const key = makeKey('ed25519');
    const first = certificateOf(await enrolment.enrol(device.known, enrolmentRequest(key)));
    const known = await knownBy(line, first);
    line.pass(60 * dayMs);
    await refusedWith(enrolment.renew(known, enrolmentRequest(key)), 'key_reused', /new key/);
    assert.equal((await enrolment.renew(known, enrolmentRequest(makeKey('ed25519')))).kind, 'issued');
    await line.close();
  });
});

function derExplicitSan(uri: string): Uint8Array {
  const san = derSequence(derOid('2.5.29.17'), derOctetString(derSequence(uriName(uri))));
  return derSequence(derOid('1.2.840.113549.1.9.14'), derSetOf(derSequence(san)));
}
