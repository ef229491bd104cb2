import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { certId, ocspRequest, openResponder } from '@imprint/authority/revocation/ocsp.test-kit';
import { publishCrl } from '@imprint/authority/revocation/publish-crl';
import { openRegistry, type TestRegistry } from '@imprint/authority/revocation/registry.test-kit';
import { visibleWithinMinutes } from '../products.ts';
import { beginning, World } from '../world.ts';
import { CaModel } from './ca-model.ts';
import { sha256 } from './certificate-bytes.ts';
import type { LoggedCredential, LogModel } from './log-model.ts';
import { RevocationModel } from './revocation-model.ts';
import { Violations } from './violation.ts';

const boundMs = visibleWithinMinutes * 60_000;
const lasting = { boundMs: 0, validityMs: 10 * boundMs };

describe('the model of revocation', () => {
  let registry: TestRegistry;
  let violations: Violations;
  let cas: CaModel;
  let model: RevocationModel;
  let credential: LoggedCredential;
  let issuerSha256: string;
  beforeEach(async () => {
    registry = await openRegistry(1, 1);
    const { issuer, devices } = registry;
    const { root, issuing } = registry.realm.hierarchy.certificates;
    violations = new Violations(new World('revocation'));
    cas = new CaModel(violations);
    cas.begin([root]);
    issuerSha256 = issuer.certificate.sha256;
    cas.take(
      entry('ca.installed', { ca_id: 'device-1', certificate_b64: Buffer.from(issuing).toString('base64') }),
    );
    const [{ serial, certificate }] = devices as [TestRegistry['devices'][0]];
    credential = { serial, certificate, issuerSha256, status: 'active' } as never;
    const log = {
      pull: () => undefined,
      credentials: new Map([['c', credential]]),
      bySerial: (asked: string) => (asked === serial ? credential : undefined),
    } as unknown as LogModel;
    const world = {
      get nowMs() {
        return registry.clock().getTime() - beginning;
      },
    };
    model = new RevocationModel(world, log, cas, violations);
  });
  afterEach(() => registry.close());

  const entry = (type: string, data: object) => ({ type, at: '', actor: { kind: 'system', id: 'a' }, data });
  const found = () => violations.list.map(({ what }) => what.replaceAll(/[0-9a-f]{18,}/g, 'SERIAL'));
  /** What is served now, as if the log had it. */
  const crl = async () => {
    await publishCrl({ ledger: registry.ledger, processId: 'a' }, registry.issuer, 0, lasting);
    const { crl } = await registry.served(0);
    cas.published.add(sha256(crl));
    return crl;
  };
  const revoke = async () => {
    await registry.revoke(registry.devices[0]!);
    credential.revokedAtMs = registry.clock().getTime() - beginning;
    credential.status = 'revoked';
  };
  const ask = async (serial: string) => {
    const { responder } = await openResponder(registry);
    const request = ocspRequest([certId(registry.issuer, serial)]);
    return (await responder.answer(request, () => true)).response;
  };

  it('I-17: takes a list that holds what was revoked, and one that does not within the bound', async () => {
    const before = await crl();
    await revoke();
    registry.pass(boundMs - 1);
    model.fetched([{ issuerSha256, lists: [before] }], true);
    registry.pass(1);
    model.fetched([{ issuerSha256, lists: [await crl()] }], true);
    assert.deepEqual(found(), []);
  });

  it('I-17: finds a list that is believed past the bound and does not hold it', async () => {
    const before = await crl();
    await revoke();
    registry.pass(boundMs);
    model.fetched([{ issuerSha256, lists: [before] }], false);
    assert.match(found().join(), /^SERIAL was revoked at .* and is on no CRL of device-1$/);
  });

  it('I-17: finds a list that holds what is not revoked, that nobody published, or that is over', async () => {
    await revoke();
    const list = await crl();
    credential.status = 'active';
    model.fetched([{ issuerSha256, lists: [list] }], true);
    assert.match(found().pop()!, /is on a CRL of device-1, and it is active/);
    credential.status = 'revoked';
    const changed = Buffer.from(list);
    changed[changed.length - 1]! ^= 1;
    model.fetched([{ issuerSha256, lists: [changed] }], false);
    assert.match(found().pop()!, /signed: false, and the log has no such bytes/);
    registry.pass(lasting.validityMs);
    model.fetched([{ issuerSha256, lists: [list] }], true);
    assert.match(found().pop()!, /has no CRL 0 that holds now/);
  });

  it('I-17: finds OCSP that says good of what is revoked past the bound, or of what nobody issued', async () => {
    const { serial } = credential;
    const good = await ask(serial);
    model.answered(good, issuerSha256, serial, true);
    assert.deepEqual(found(), []);
    model.answered(good, issuerSha256, '1f00', true);
    assert.match(found().shift()!, /answers 1f00 about SERIAL/);
    violations.list.length = 0;
    await revoke();
    model.answered(good, issuerSha256, serial, true);
    assert.deepEqual(found(), []);
    credential.revokedAtMs! -= boundMs;
    model.answered(good, issuerSha256, serial, true);
    assert.match(found().pop()!, /says good of SERIAL, which is revoked/);
    violations.list.length = 0;
    model.answered(await ask(serial), issuerSha256, serial, true);
    model.answered(await ask('1f00'), issuerSha256, '1f00', true);
    assert.deepEqual(found(), []);
  });

  it('I-9, I-17: finds a certificate under a CA that is retired, a CA of no root, and a number that goes back', () => {
    const certified = entry('credential.intended', { issuer_sha256: issuerSha256, device_id: 'D1' });
    cas.take(certified);
    assert.deepEqual(found(), []);
    cas.take(entry('ca.retired', { ca_id: 'device-1', reason: 'x' }));
    cas.take(certified);
    assert.match(found().pop()!, /D1 is certified under device-1, which is retired/);
    const { stationCa } = registry.realm.hierarchy.certificates;
    cas.take(
      entry('ca.installed', { ca_id: 'x', certificate_b64: Buffer.from(stationCa).toString('base64') }),
    );
    assert.match(found().pop()!, /no root has signed it/);
    for (const number of [3, 4, 4]) {
      cas.take(
        entry('crl.published', { issuer_sha256: issuerSha256, partition: 0, number, crl_sha256: 'x' }),
      );
    }
    assert.match(found().pop()!, /CRL 4 of partition 0 is published after 4/);
  });
});
