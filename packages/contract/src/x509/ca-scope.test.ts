import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ImprintError } from '../errors.ts';
import { type CertificateScope, scopeHolds, scopeOfCa, scopeText } from './ca-scope.ts';
import { parseCertificate } from './certificate.ts';
import {
  asStation,
  buildCertificate,
  buildChain,
  ext,
  extension,
  goodSpecs,
} from './chain-fixture.test-kit.ts';
import { derElement, derImplicit, derSequence, derTime, ia5Octets } from './der-writer.ts';
import { oid } from './oid.ts';
import type { RefusalReason } from './refusal.ts';
import { verifyCa, verifyChain, verifyRoot } from './verify-chain.ts';

const at = '2030-06-01T12:00:00.000Z';

/** A chain whose CA and leaf say these scopes. */
function scoped(
  ca: CertificateScope | undefined,
  leaf: CertificateScope | undefined,
  signedAt = '2026-06-01T00:00:00Z',
) {
  return buildChain((specs) => {
    if (ca !== undefined) specs.issuing.extensions.push(ext.scope(ca));
    if (leaf !== undefined) specs.leaf.extensions.push(ext.scope(leaf));
    specs.leaf.notBefore = derTime(signedAt);
  });
}

const verify = (built: ReturnType<typeof buildChain>) =>
  verifyChain({ ...built, at, realm: 'dev', purpose: 'device' });

function refuses(act: () => unknown, reason: RefusalReason, context: Record<string, unknown> = {}): void {
  assert.throws(act, (error: ImprintError) => {
    assert.equal(error.context.reason, reason, String(error));
    for (const [name, value] of Object.entries(context)) assert.equal(error.context[name], value, name);
    return true;
  });
}

describe('I-9: the scope of a CA', () => {
  test('a leaf says exactly what its CA is bound to', () => {
    const whole = { product: 'gateway', site: 'berlin' };
    assert.equal(verify(scoped(undefined, undefined)).certificate.extensions.scope, undefined);
    const leaf = verify(scoped({ ...whole, year: 2026 }, whole));
    assert.deepEqual({ ...leaf.certificate.extensions.scope }, whole);
    verify(scoped({ product: 'gateway' }, { product: 'gateway' }));
    verify(scoped({ site: 'berlin' }, { site: 'berlin' }));
    verify(scoped({ year: 2026 }, undefined));
  });

  test('another product or site, one that is missing, and one that nobody vouches for are refused', () => {
    const bound = { product: 'gateway', site: 'berlin' };
    for (const [ca, leaf, field] of [
      [bound, { product: 'sensor', site: 'berlin' }, 'product'],
      [bound, { product: 'gateway', site: 'paris' }, 'site'],
      [bound, { product: 'gateway' }, 'site'],
      [bound, undefined, 'product'],
      [undefined, { product: 'gateway' }, 'product'],
      [{ product: 'gateway' }, bound, 'site'],
      [{ site: 'berlin' }, { site: 'Berlin' }, 'site'],
    ] as const) {
      refuses(() => verify(scoped(ca, leaf)), 'scope_mismatch', { field, position: 0 });
    }
  });

  test('I-8: a CA of one year signs in no other, and what it signed is valid for longer', () => {
    const inYear = (signedAt: string) => verify(scoped({ year: 2026 }, undefined, signedAt));
    inYear('2026-01-01T00:00:00Z');
    inYear('2026-12-31T23:59:59Z');
    for (const signedAt of ['2027-01-01T00:00:00Z', '2029-01-01T00:00:00Z']) {
      refuses(() => inYear(signedAt), 'scope_mismatch', { field: 'year', allowed: 2026 });
    }
    refuses(() => verify(scoped({ year: 2026 }, { year: 2026 })), 'scope_mismatch', { field: 'year' });
  });

  test('a leaf that names a scope is held against it by every purpose', () => {
    const station = buildChain((specs) => {
      asStation(specs);
      specs.issuing.extensions.push(ext.scope({ site: 'berlin' }));
      specs.leaf.extensions.push(ext.scope({ site: 'paris' }));
    });
    refuses(() => verifyChain({ ...station, at, realm: 'dev', purpose: 'station' }), 'scope_mismatch', {
      field: 'site',
    });
  });

  test('a root is bound to nothing', () => {
    const bound = buildChain((specs) => {
      specs.root.extensions.push(ext.scope({ product: 'gateway' }));
    });
    refuses(() => verify(bound), 'root_wrong');
  });

  test('it has one form: every other one is refused, critical or not', () => {
    const year = (...octets: number[]) => derImplicit(2, Uint8Array.from(octets));
    const text = (tag: number, value: string) => derImplicit(tag, ia5Octets(value));
    for (const value of [
      derSequence(),
      derSequence(text(0, '')),
      derSequence(text(0, 'Gateway')),
      derSequence(text(0, 'x'.repeat(49))),
      derSequence(text(1, '-berlin')),
      derSequence(text(1, 'x'.repeat(65))),
      derSequence(text(1, 'berlin'), text(0, 'gateway')),
      derSequence(text(0, 'gateway'), text(0, 'gateway')),
      derSequence(year(0x7e)),
      derSequence(year(0, 0x07, 0xea)),
      derSequence(year(0x07, 0xcf)),
      derSequence(year(0x27, 0x0f)),
      derSequence(text(3, 'line')),
      derElement(0x31, text(0, 'gateway')),
    ]) {
      const specs = goodSpecs();
      specs.issuing.extensions.push(extension(oid.scope, false, value));
      assert.throws(() => parseCertificate(buildCertificate(specs.issuing)), { code: 'certificate_refused' });
    }
    const critical = goodSpecs();
    critical.issuing.extensions.push(extension(oid.scope, true, derSequence(text(0, 'gateway'))));
    refuses(() => parseCertificate(buildCertificate(critical.issuing)), 'extension_criticality_wrong');
  });

  test('what is written is read, and shown to people', () => {
    const scope = { product: 'gateway', site: 'Berlin_1', year: 2026 };
    const specs = goodSpecs();
    specs.issuing.extensions.push(ext.scope(scope));
    const found = scopeOfCa(parseCertificate(buildCertificate(specs.issuing)));
    assert.deepEqual(found, scope);
    assert.equal(scopeText(found), 'gateway, Berlin_1, 2026');
    assert.equal(scopeText(scopeOfCa({ extensions: {} })), 'any');
    assert.ok(scopeHolds(found, scope));
    assert.ok(!scopeHolds(found, { ...scope, product: null }), 'what is not known is in no scope');
  });
});

describe('a CA by itself', () => {
  const { root, chain } = buildChain((specs) => {
    specs.issuing.extensions.push(ext.scope({ year: 2026 }));
  });
  const certificate = chain[1]!;
  const asked = { certificate, root, at, realm: 'dev', branch: 'device' } as const;

  test('is accepted beneath the root of its branch and realm, and nowhere else', () => {
    assert.equal(verifyCa(asked).extensions.scope?.year, 2026);
    assert.equal(verifyRoot(asked).subject.attributes[2]!.value, 'Device Root 1');
    for (const [change, reason] of [
      [{ branch: 'station' }, 'ca_for_others'],
      [{ realm: 'prod' }, 'realm_mismatch'],
      [{ at: '2025-01-01T00:00:00Z' }, 'not_yet_valid'],
      [{ certificate: root }, 'name_repeated'],
      [{ certificate: chain[0] }, 'issuer_mismatch'],
      [{ root: certificate, certificate: chain[0] }, 'not_a_ca'],
    ] as const) {
      refuses(() => verifyCa({ ...asked, ...change } as never), reason);
    }
    refuses(() => verifyRoot({ ...asked, branch: 'station' }), 'ca_for_others');
    refuses(() => verifyRoot({ ...asked, realm: 'test' }), 'realm_mismatch');
    refuses(() => verifyRoot({ ...asked, root: certificate }), 'root_wrong');
  });
});
