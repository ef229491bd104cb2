import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { derOid } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { deviceUri, operationalPolicyOid, realmPolicyOid } from '@imprint/contract/x509/realm';
import fc from 'fast-check';
import { makeKey } from '../signer/software.ts';
import { makeTestRealm, type TestRealm, testNow } from '../trust/hierarchy.test-kit.ts';
import type { Issuer } from './issuer.ts';
import { expectDevice, lintTbs } from './lint.ts';
import { prepareDevice } from './prepare.ts';
import {
  buildDeviceTbs,
  type DeviceFacts,
  type DeviceProfile,
  type DeviceTerms,
  forever,
  profileOf,
} from './profile.ts';
import { spkiOf } from './requests.test-kit.ts';
import { makeSerial } from './serial.ts';
import * as tbs from './tbs.ts';

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm();
});

const terms: DeviceTerms = {
  v: 1,
  profile: 'idevid',
  realm: 'dev',
  organization: 'Example Devices',
  key_type: 'ec-p256',
  validity: 'forever',
  skew_minutes: 5,
  hardware_type_oid: '1.3.6.1.4.1.99999.1.1',
};
const profileWith = (changes: Partial<DeviceTerms> = {}): DeviceProfile =>
  profileOf({ ...terms, ...changes });
const facts: DeviceFacts = {
  deviceId: 'SN-00012345',
  product: 'gateway',
  site: 'berlin',
  hardwareUid: 'mcu-uid=0123ABCD',
  keyType: 'ec-p256',
  spki: spkiOf(makeKey('ec-p256')),
};
const serial = makeSerial(testNow, randomBytes);

/** The parts of a right certificate, so that each test changes one. */
function parts(issuer: Issuer): tbs.TbsParts {
  return {
    serial,
    signerKeyType: 'ec-p256',
    issuer: issuer.certificate.subject.der,
    subject: encodeName([
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: facts.deviceId },
      { type: 'serialNumber', value: facts.deviceId },
    ]),
    notBefore: '2026-01-09T07:55:00.000Z',
    notAfter: forever,
    spki: facts.spki,
    extensions: extensionsOf(issuer),
  };
}

interface ExtensionChanges {
  authority?: Uint8Array;
  usage?: Uint8Array;
  constraints?: Uint8Array;
  purpose?: Uint8Array;
  names?: Uint8Array;
  policy?: Uint8Array;
  more?: readonly Uint8Array[];
}
const hardware = (type = '1.3.6.1.4.1.99999.1.1', uid = facts.hardwareUid) =>
  tbs.hardwareModuleName(derOid(type), Buffer.from(uid));
const uri = (text = deviceUri('dev', facts.deviceId)) => tbs.uriName(text);

function extensionsOf(issuer: Issuer, changes: ExtensionChanges = {}): Uint8Array[] {
  return [
    changes.authority ?? tbs.authorityKeyExtension(issuer.keyIdentifier),
    changes.usage ?? tbs.signingUsage,
    changes.constraints ?? tbs.notCaExtension,
    changes.purpose ?? tbs.purposeExtension('clientAuth'),
    changes.names ?? tbs.alternativeNameExtension(hardware(), uri()),
    changes.policy ?? tbs.policyExtension(realmPolicyOid('dev')),
    ...(changes.more ?? []),
  ];
}

function lint(changes: Partial<tbs.TbsParts>) {
  const bytes = tbs.encodeTbs({ ...parts(realm.issuing), ...changes });
  return lintTbs(bytes, expectDevice(realm.issuing, profileWith(), facts, serial, testNow));
}

function refusedBy(rule: string, act: () => unknown) {
  assert.throws(act, (error) => {
    assert.ok(isImprintError(error, 'lint_refused'), String(error));
    assert.equal(error.context.rule, rule);
    return true;
  });
}

describe('lint', () => {
  test('passes the right certificate, and exactly what the builder builds', () => {
    lint({});
    const built = buildDeviceTbs(realm.issuing, profileWith(), facts, serial, testNow);
    assert.deepEqual(Buffer.from(built), Buffer.from(tbs.encodeTbs(parts(realm.issuing))));
  });

  test('refuses another serial, and a short one (I-4)', () => {
    refusedBy('serial', () => lint({ serial: makeSerial(testNow, randomBytes) }));
    const short = Uint8Array.of(1, 2, 3);
    const expected = expectDevice(realm.issuing, profileWith(), facts, short, testNow);
    refusedBy('serial-length', () =>
      lintTbs(tbs.encodeTbs({ ...parts(realm.issuing), serial: short }), expected),
    );
  });

  test('refuses another issuer, algorithm and key', () => {
    refusedBy('issuer-name', () => lint({ issuer: realm.stationCa.certificate.subject.der }));
    refusedBy('contract-parser', () => lint({ signerKeyType: 'ed25519' }));
    refusedBy('public-key', () => lint({ spki: spkiOf(makeKey('ec-p256')) }));
    refusedBy('contract-parser', () => lint({ spki: Uint8Array.from(facts.spki).fill(0, 30) }));
  });

  test('I-9: the station CA certifies no device, though realm and root are right', () => {
    refusedBy('issuer-branch', () => prepareDevice(realm.stationCa, profileWith(), facts, serial, testNow));
  });

  test("refuses a device that presents its CA's key", () => {
    const stolen = { ...facts, spki: realm.issuing.signer.spki };
    refusedBy('key-not-issuers', () => prepareDevice(realm.issuing, profileWith(), stolen, serial, testNow));
  });

  test('I-8: refuses a validity outside its window', () => {
    refusedBy('not-before-in-future', () => lint({ notBefore: '2026-01-09T08:00:01.000Z' }));
    refusedBy('not-before-within-skew', () => lint({ notBefore: '2026-01-09T07:54:59.000Z' }));
    refusedBy('not-after', () => lint({ notAfter: '2036-01-09T07:55:00.000Z' }));
    refusedBy('not-after', () => lint({ notAfter: '9999-12-31T23:59:58.000Z' }));
    lint({ notBefore: '2026-01-09T08:00:00.000Z' });
  });

  test('I-8: no certificate begins before or ends after its issuer', () => {
    const bounded: Issuer = {
      ...realm.issuing,
      certificate: {
        ...realm.issuing.certificate,
        notBefore: '2026-01-09T07:58:00.000Z',
        notAfter: '2030-01-01T00:00:00.000Z',
      },
    };
    const make = (changes: Partial<DeviceTerms>) =>
      prepareDevice(bounded, profileWith(changes), facts, serial, testNow);
    assert.equal(make({ validity: { days: 30 } }).notBefore, '2026-01-09T07:58:00.000Z');
    const expected = expectDevice(bounded, profileWith({ validity: { days: 30 } }), facts, serial, testNow);
    const early = { ...parts(bounded), notBefore: '2026-01-09T07:57:59.000Z' };
    refusedBy('not-before-issuers', () => lintTbs(tbs.encodeTbs(early), expected));
    refusedBy('not-after-issuers', () => make({ validity: 'forever' }));
    refusedBy('not-after-issuers', () => make({ validity: { days: 3650 } }));
    const expired = {
      ...bounded,
      certificate: { ...bounded.certificate, notAfter: '2026-01-09T07:59:59.000Z' },
    };
    refusedBy('not-after-issuers', () =>
      prepareDevice(expired, profileWith({ validity: { days: 1 } }), facts, serial, testNow),
    );
    assert.throws(
      () => prepareDevice(bounded, profileWith(), facts, serial, new Date('2025-12-31T00:00:00Z')),
      (error) => isImprintError(error, 'clock_untrusted'),
    );
  });

  test('I-8: notBefore lies within the skew for any clock and skew', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2026, 0, 2), max: Date.UTC(2090, 0, 1) }),
        fc.integer({ min: 0, max: 1440 }),
        (time, skew) => {
          const token = prepareDevice(
            realm.issuing,
            profileWith({ skew_minutes: skew }),
            facts,
            serial,
            new Date(time),
          );
          const begin = Date.parse(token.notBefore);
          assert.ok(begin <= time && begin > time - skew * 60_000 - 1000);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('refuses another, a longer or a shorter subject', () => {
    const [o, cn, sn] = [
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: facts.deviceId },
      { type: 'serialNumber', value: facts.deviceId },
    ] as const;
    refusedBy('subject', () => lint({ subject: encodeName([{ ...o, value: 'Evil' }, cn, sn]) }));
    refusedBy('subject', () => lint({ subject: encodeName([cn, o, sn]) }));
    refusedBy('subject', () => lint({ subject: encodeName([cn, sn]) }));
    refusedBy('contract-parser', () => lint({ subject: encodeName([o, cn]) }));
    refusedBy('subject', () =>
      lint({ subject: encodeName([o, { type: 'organizationalUnit', value: 'x' }, cn, sn]) }),
    );
  });

  test('refuses every deviation of an extension', () => {
    const withExtensions = (changes: ExtensionChanges) => () =>
      lint({ extensions: extensionsOf(realm.issuing, changes) });
    const otherKey = tbs.authorityKeyExtension(new Uint8Array(20));
    refusedBy('authority-key', withExtensions({ authority: otherKey }));
    refusedBy('contract-parser', withExtensions({ usage: tbs.caUsage }));
    refusedBy('contract-parser', withExtensions({ constraints: tbs.caExtension(0) }));
    refusedBy('contract-parser', withExtensions({ purpose: tbs.purposeExtension('serverAuth') }));
    refusedBy('policies', withExtensions({ policy: tbs.policyExtension(realmPolicyOid('prod')) }));
    refusedBy('contract-parser', withExtensions({ more: [tbs.subjectKeyExtension(new Uint8Array(20))] }));
    refusedBy('contract-parser', withExtensions({ more: [tbs.signingUsage] }));
    for (const names of [
      [hardware(), uri(deviceUri('prod', facts.deviceId))],
      [hardware(), uri(deviceUri('dev', 'SN-00012346'))],
      [hardware(), uri(), tbs.dnsName('evil.example.com')],
      [hardware(), uri(), uri()],
      [hardware(), hardware(), uri()],
    ]) {
      refusedBy('contract-parser', withExtensions({ names: tbs.alternativeNameExtension(...names) }));
    }
    for (const names of [
      [uri()],
      [hardware('1.3.6.1.4.1.99999.1.2'), uri()],
      [hardware(undefined, 'mcu-uid=0123ABCE'), uri()],
    ]) {
      refusedBy('hardware-module', withExtensions({ names: tbs.alternativeNameExtension(...names) }));
    }
  });

  test('an operational certificate is no birth certificate, nor the reverse, though all else of both is the same', () => {
    const operational = profileWith({ profile: 'ldevid', validity: { days: 90 } });
    const birth = profileWith({ validity: { days: 90 } });
    const built = buildDeviceTbs(realm.issuing, operational, facts, serial, testNow);
    lintTbs(built, expectDevice(realm.issuing, operational, facts, serial, testNow));
    refusedBy('contract-parser', () =>
      lintTbs(built, expectDevice(realm.issuing, birth, facts, serial, testNow)),
    );
    const other = buildDeviceTbs(realm.issuing, birth, facts, serial, testNow);
    refusedBy('contract-parser', () =>
      lintTbs(other, expectDevice(realm.issuing, operational, facts, serial, testNow)),
    );
    assert.notEqual(operational.sha256, birth.sha256);
  });

  test('refuses policies in another order, twice, or with a stranger among them', () => {
    const operational = profileWith({ profile: 'ldevid' });
    const expected = expectDevice(realm.issuing, operational, facts, serial, testNow);
    const withPolicies = (...policies: string[]) =>
      tbs.encodeTbs({
        ...parts(realm.issuing),
        extensions: extensionsOf(realm.issuing, { policy: tbs.policyExtension(...policies) }),
      });
    const [ours, mark] = [realmPolicyOid('dev'), operationalPolicyOid];
    lintTbs(withPolicies(ours, mark), expected);
    refusedBy('policies', () => lintTbs(withPolicies(mark, ours), expected));
    refusedBy('policies', () => lintTbs(withPolicies(ours, mark, '1.2.3'), expected));
    refusedBy('policies', () => lintTbs(withPolicies(mark), expected));
    refusedBy('contract-parser', () => lintTbs(withPolicies(ours, ours), expected));
  });

  test('refuses a missing extension of any kind', () => {
    const all = extensionsOf(realm.issuing);
    for (let at = 0; at < all.length; at++) {
      assert.throws(
        () => lint({ extensions: all.toSpliced(at, 1) }),
        (error) => isImprintError(error, 'lint_refused'),
      );
    }
  });

  test('refuses bytes with any single bit flipped', () => {
    // without skew only one second is right, so that no bit of the time is free either
    const profile = profileWith({ skew_minutes: 0 });
    const right = buildDeviceTbs(realm.issuing, profile, facts, serial, testNow);
    const expected = expectDevice(realm.issuing, profile, facts, serial, testNow);
    lintTbs(right, expected);
    for (let bit = 0; bit < right.length * 8; bit++) {
      const changed = Uint8Array.from(right);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(
        () => lintTbs(changed, expected),
        (error) => isImprintError(error, 'lint_refused'),
        `bit ${bit}`,
      );
    }
  });
});
