import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { ImprintError } from '@imprint/contract/errors';
import { replay } from '../audit/replay.ts';
import { append, draft, h, intended, jobOpened, uidOf } from '../ledger/history.test-kit.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { certId, newResponder, ocspRequest, openResponder, opensslOcsp } from './ocsp.test-kit.ts';
import type { OcspAnswer } from './ocsp-responder.ts';
import { boundMs, openRegistry, type TestRegistry } from './registry.test-kit.ts';

let open: TestRegistry | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});
const begin = async (devices: number): Promise<TestRegistry> => {
  open = await openRegistry(devices);
  return open;
};

const yes = () => true;
const tryLater = '30030a0103';
const hex = ({ response }: OcspAnswer) => Buffer.from(response).toString('hex');
const textOf = (registry: TestRegistry, { response }: OcspAnswer) =>
  opensslOcsp(registry, [], { response }, '-resp_text');

describe('OCSP responder', () => {
  test('I-17: an answer that was kept is dropped with the first round after a revocation by another process', async () => {
    const registry = await begin(2);
    const [one, two] = [await openResponder(registry), await openResponder(registry, { processId: 'a-2' })];
    const request = ocspRequest([certId(registry.issuer, registry.devices[0]!.serial)]);
    for (const { responder } of [one, two])
      assert.match(await textOf(registry, await responder.answer(request, yes)), /Cert Status: good/);
    await registry.revoke(registry.devices[0]!);
    for (const { responder } of [one, two]) {
      await responder.round();
      assert.match(await textOf(registry, await responder.answer(request, yes)), /Cert Status: revoked/);
    }
    assert.deepEqual((await replay(registry.storage.reader, 'dev')).findings, []);
  });

  test('I-17: where a process never hears of it, nothing that it gives is believed past the bound', async () => {
    const registry = await begin(1);
    const { responder } = await openResponder(registry);
    const request = ocspRequest([certId(registry.issuer, registry.devices[0]!.serial)]);
    const begun = registry.clock().getTime();
    await responder.answer(request, yes);
    await registry.revoke(registry.devices[0]!);
    // no round, and nothing can be signed: the kept one is given for as long as it is valid
    for (let passed = 0; passed < boundMs; passed += boundMs / 10) {
      const { kept } = await responder.answer(request, () => false);
      if (kept === undefined) {
        assert.ok(passed >= boundMs * 0.75);
      } else {
        assert.ok(kept.nextUpdateMs <= begun + boundMs);
        assert.ok(registry.clock().getTime() < kept.nextUpdateMs);
      }
      registry.pass(boundMs / 10);
    }
    assert.equal(hex(await responder.answer(request, () => false)), tryLater);
  });

  test('an answer is given again until half of its life is over, then signed anew', async () => {
    const registry = await begin(1);
    const { responder } = await openResponder(registry);
    const request = ocspRequest([certId(registry.issuer, registry.devices[0]!.serial)]);
    let signed = 0;
    const counting = () => {
      signed++;
      return true;
    };
    const first = await responder.answer(request, counting);
    registry.pass(boundMs * 0.375 - 1);
    assert.deepEqual((await responder.answer(request, counting)).response, first.response);
    assert.equal(signed, 1);
    registry.pass(1);
    assert.notDeepEqual((await responder.answer(request, counting)).response, first.response);
    assert.equal(signed, 2);
  });

  test('I-17: a revocation that is heard of while an answer is made keeps that answer from being kept', async () => {
    const registry = await begin(1);
    const [device] = registry.devices;
    const signer = softwareSigner(makeKey('ec-p256'));
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async (message: Uint8Array) => {
      await released;
      return signer.sign(message);
    };
    const { responder } = await openResponder(registry, { newSigner: () => ({ ...signer, sign: slow }) });
    const request = ocspRequest([certId(registry.issuer, device!.serial)]);
    const early = responder.answer(request, yes);
    await registry.revoke(device!);
    await responder.round();
    release();
    await early;
    assert.match(await textOf(registry, await responder.answer(request, yes)), /Cert Status: revoked/);
  });

  test('an intent whose certificate was not released is unknown, and revoked once it is closed (I-5)', async () => {
    const registry = await begin(0);
    const { responder } = await openResponder(registry);
    const intent = intended('SN-00000001', 'aabbccdd');
    await append(registry.ledger, jobOpened('SN-00000001', uidOf('SN-00000001')), {
      ...intent,
      data: { ...intent.data, issuer_sha256: registry.issuer.certificate.sha256 },
    } as never);
    const request = ocspRequest([certId(registry.issuer, 'aabbccdd')]);
    assert.match(await textOf(registry, await responder.answer(request, yes)), /Cert Status: unknown/);
    await append(
      registry.ledger,
      draft('credential.revoked', {
        credential_id: 'c-aabbccdd',
        serial: 'aabbccdd',
        reason: 'intent-uncertain',
      }),
    );
    const text = await textOf(registry, await responder.answer(request, yes));
    assert.match(text, /Cert Status: revoked/);
    assert.doesNotMatch(text, /Reason/);
  });

  test('its key is certified once, its certificate logged, good by its own word, and renewed at half of its life', async () => {
    const registry = await begin(1);
    const { responder } = await openResponder(registry);
    const rows = () =>
      registry.storage.reader.selectFrom('responder').selectAll().orderBy('not_before').execute();
    await responder.round();
    const [first, ...none] = await rows();
    assert.deepEqual(none, []);
    assert.deepEqual([first!.owner, first!.not_after], ['a-1', '2026-01-12T07:00:00.000Z']);
    const own = ocspRequest([certId(registry.issuer, first!.serial)]);
    assert.match(await textOf(registry, await responder.answer(own, yes)), /Cert Status: good/);
    registry.pass(36 * 3_600_000);
    await responder.round();
    const [, second] = await rows();
    assert.equal(second!.not_after, '2026-01-13T19:00:00.000Z');
    // the answer is under the new one
    const { response } = await responder.answer(own, yes);
    assert.ok(response.includes(Buffer.from(second!.certificate!)));
    // no answer outlives it, where no round renews it
    registry.pass(71 * 3_600_000 - 60_000);
    assert.equal((await responder.answer(own, yes)).kept!.nextUpdateMs, Date.parse(second!.not_after));
    registry.pass(60_000);
    assert.equal(hex(await responder.answer(own, yes)), tryLater);
    assert.deepEqual((await replay(registry.storage.reader, 'dev')).findings, []);
  });

  test('before its first round, and while the clock cannot be trusted, it says to try later', async () => {
    const registry = await begin(1);
    let steady = true;
    const clockGuard = {
      requireSteady: () => {
        if (!steady) throw new ImprintError('clock_untrusted', 'the clock jumped');
      },
    };
    const { responder, faults } = await openResponder(registry, { clockGuard });
    const request = ocspRequest([certId(registry.issuer, registry.devices[0]!.serial)]);
    steady = false;
    assert.equal(hex(await responder.answer(request, yes)), tryLater);
    assert.equal(hex(await responder.answer(request, yes)), tryLater);
    assert.equal(faults.length, 1);
    steady = true;
    const { response } = await responder.answer(request, yes);
    steady = false;
    // a kept one is true all the same
    assert.deepEqual((await responder.answer(request, yes)).response, response);
    // with a clock that was put back it is not given
    registry.pass(-1_000);
    assert.equal(hex(await responder.answer(request, yes)), tryLater);
  });

  test('where the key cannot be certified it is tried again after a minute, not with every round', async () => {
    const registry = await begin(1);
    const sign = () => Promise.reject(new Error('no signer'));
    const failing = { ...registry.issuer, signer: { ...registry.issuer.signer, sign } };
    const responder = newResponder(registry, { issuers: async () => [failing] });
    const intents = async () =>
      (await registry.storage.reader.selectFrom('responder').selectAll().execute()).length;
    await assert.rejects(responder.round(), /no signer/);
    registry.pass(59_999);
    await responder.round();
    assert.equal(await intents(), 1);
    registry.pass(1);
    await assert.rejects(responder.round(), /no signer/);
    assert.equal(await intents(), 2);
  });

  test('a contract that asks for less has the answers of before dropped', async () => {
    const registry = await begin(1);
    const { responder } = await openResponder(registry);
    const request = ocspRequest([certId(registry.issuer, registry.devices[0]!.serial)]);
    await responder.answer(request, yes);
    await append(
      registry.ledger,
      draft('contract.registered', {
        contract_sha256: h('other'),
        product: 'other',
        revision: 'r1',
        text: 'x',
      }),
    );
    await responder.round();
    const { kept } = await responder.answer(request, yes);
    assert.equal(kept!.nextUpdateMs - kept!.thisUpdateMs, 45_000);
  });
});
