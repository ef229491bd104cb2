/** The one table of who passes: every state with every status of a certificate. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type LifecycleState, lifecycleState } from '@imprint/contract/lifecycle';
import type { FoundCredential } from './found-credential.ts';
import { contactError, judgeContact } from './judge-contact.ts';

const at = '2026-11-30T12:00:00.000Z';
const good: FoundCredential = {
  credentialId: 'c-1',
  deviceId: 'SN-1',
  profile: 'idevid',
  status: 'active',
  notAfter: '9999-12-31T23:59:59.000Z',
  revocationReason: null,
  intendedAt: '2026-10-01T00:00:00.000Z',
  caStatus: 'active',
  compromisedSince: null,
  state: 'activated',
  supersededAt: null,
  superseded: null,
  contractSha256: 'c',
};
const verdict = (change: Partial<FoundCredential>, days = 30) => {
  const judged = judgeContact({ ...good, ...change }, at, days);
  return judged.passes ? (judged.first ? 'first' : 'passes') : judged.refusal;
};

it('I-14: of all states, shipped and activated alone pass', () => {
  const passing = (lifecycleState.options as readonly LifecycleState[]).filter((state) =>
    ['passes', 'first'].includes(verdict({ state })),
  );
  assert.deepEqual(passing, ['shipped', 'activated']);
  assert.equal(verdict({ state: 'shipped' }), 'first');
  for (const state of ['allocated', 'manufactured', 'stocked', 'refurbished'] as const) {
    assert.equal(verdict({ state }), 'not-shipped');
  }
  assert.equal(verdict({ state: 'melted' as LifecycleState }), 'barred');
});

it('I-11: of all certificates, those that are released, living and of a trusted CA alone pass', () => {
  assert.equal(verdict({ status: 'revoked' }), 'credential-revoked');
  assert.equal(verdict({ status: 'expired' }), 'credential-expired');
  assert.equal(verdict({ notAfter: '2026-11-30T11:59:59.000Z' }), 'credential-expired');
  assert.equal(verdict({ status: 'intended' }), 'unknown-certificate');
  assert.equal(verdict({ profile: 'claim' }), 'unknown-certificate');
  assert.equal(verdict({ caStatus: 'retired' }), 'passes');
  assert.equal(verdict({ caStatus: 'compromised' }), 'credential-revoked');
  assert.equal(verdict({ caStatus: null }), 'credential-revoked');
  assert.deepEqual(judgeContact(undefined, at, 30), { passes: false, refusal: 'unknown-certificate' });
});

it('a birth certificate from before its CA’s key was stolen is certified anew, where its device lives; any other one is refused', () => {
  const stolen = { caStatus: 'compromised', compromisedSince: '2026-11-01T00:00:00.000Z' } as const;
  const revoked = { ...stolen, status: 'revoked', revocationReason: 'ca-compromise' } as const;
  assert.equal(verdict(revoked), 'certify-anew');
  assert.equal(verdict(stolen), 'certify-anew');
  assert.equal(verdict({ ...revoked, state: 'shipped' }), 'certify-anew');
  assert.equal(verdict({ ...revoked, state: 'stocked' }), 'credential-revoked');
  assert.equal(verdict({ ...revoked, state: 'quarantined' }), 'barred');
  assert.equal(verdict({ ...revoked, intendedAt: stolen.compromisedSince }), 'credential-revoked');
  assert.equal(verdict({ ...revoked, profile: 'ldevid' }), 'credential-revoked');
  assert.equal(verdict({ ...revoked, revocationReason: 'key-compromise' }), 'credential-revoked');
});

it("I-7: what is superseded passes for the contract's days after its successor came, and no longer", () => {
  const superseded = { status: 'superseded', supersededAt: '2026-11-20T12:00:00.000Z' } as const;
  assert.equal(verdict(superseded, 10), 'passes');
  assert.equal(verdict(superseded, 9), 'credential-revoked');
  assert.equal(verdict({ ...superseded, supersededAt: null }, 10), 'credential-revoked');
});

it('what a stranger is told holds no ID', () => {
  const { code, message, hint, context } = contactError('not-shipped', good);
  assert.equal(code, 'device_not_shipped');
  assert.doesNotMatch(`${message} ${hint} ${JSON.stringify(context)}`, /SN-1/);
});
