/** A token that fails while it signs: what is under way comes to an end as uncertain, nothing hangs, and it is opened again. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { makeFaultyModule } from './faulty-module.test-kit.ts';
import { readTestPin, startSoftHsm } from './softhsm.test-kit.ts';
import { assertSigned, makeKey, message, openToken, refusal } from './token-signer.test-kit.ts';
import type { TokenSigner, TokenSignerOptions } from './token-signer.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const faulty = makeFaultyModule(hsm);

const sessionHandleInvalid = 0xb3;
const deviceRemoved = 0x32;
const tokenNotPresent = 0xe0;

/** A key in a new token, seen through the faulty library, and a clock that the test moves. */
async function faultyKey(name: string, options: Partial<TokenSignerOptions> = {}, processes = 1) {
  faulty.relent();
  const reference = await makeKey(faulty.place(hsm.addToken(name)));
  const clock = { nowMs: 0, isTimeToReopen: () => (clock.nowMs += limits.tokenReopenMs) };
  const signer = await openToken({ ...reference, processes }, { monotonicMs: () => clock.nowMs, ...options });
  return { reference, signer, clock };
}

async function assertSigns(signer: TokenSigner, index: number): Promise<void> {
  assertSigned(signer, index, await signer.sign(message(index)));
}

/** Resolves when the process is gone and the signer has heard of it. */
async function killed(signer: TokenSigner, pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (signer.processIds.includes(pid)) await new Promise(setImmediate);
}

describe('a token that is lost', () => {
  for (const [what, code] of [
    ['a session', sessionHandleInvalid],
    ['a device', deviceRemoved],
    ['a token', tokenNotPresent],
  ] as const) {
    test(`I-2: ${what} lost amid signing rejects what is under way, and is opened again when it is due`, async () => {
      const { signer, clock } = await faultyKey(`lost-${code}`);
      faulty.order(`C_Sign 20 return ${code} once`);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 200 }, (_, index) => signer.sign(message(index))),
      );
      const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.ok(rejected.length > 0 && rejected.length < 200, `${rejected.length} of 200 rejected`);
      for (const { reason } of rejected) assert.ok(refusal('unavailable')(reason));
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') assertSigned(signer, index, outcome.value);
      }
      const opened = faulty.calls('C_Login');
      await assert.rejects(signer.sign(message(1)), refusal('unavailable'));
      assert.throws(() => signer.requireReady(), refusal('unavailable'));
      assert.equal(faulty.calls('C_Login'), opened, 'not opened again before its time');
      clock.isTimeToReopen();
      await assertSigns(signer, 1);
      signer.requireReady();
    });
  }

  test('a process that is killed is replaced, and while another signs nobody notices', async () => {
    const { signer, clock } = await faultyKey('killed', {}, 2);
    const [first, second] = signer.processIds;
    await killed(signer, first!);
    await assertSigns(signer, 1);
    await killed(signer, second!);
    await assert.rejects(signer.sign(message(2)), refusal('unavailable'));
    clock.isTimeToReopen();
    await Promise.all(Array.from({ length: 50 }, (_, index) => assertSigns(signer, index)));
    while (signer.processIds.length < 2) await new Promise(setImmediate);
  });

  test('a library that takes its process with it takes no more than that', async () => {
    const { signer, clock } = await faultyKey('crash');
    faulty.order('C_Sign 0 exit once');
    await assert.rejects(signer.sign(message(1)), refusal('unavailable', /ended/));
    clock.isTimeToReopen();
    await assertSigns(signer, 2);
  });

  test('I-2: one that says nothing is given up after its time, and meanwhile the event loop goes on', async () => {
    const { signer, clock } = await faultyKey('silent', { signingTimeoutMs: 300 });
    faulty.order('C_Sign 0 hang once');
    let turns = 0;
    let settled = false;
    const turning = (async () => {
      while (!settled) {
        turns++;
        await new Promise(setImmediate);
      }
    })();
    await assert.rejects(signer.sign(message(1)), refusal('unavailable', /said nothing for 300 ms/));
    settled = true;
    await turning;
    assert.ok(turns > 100, `${turns} turns of the event loop`);
    clock.isTimeToReopen();
    await assertSigns(signer, 2);
  });

  test('one that says nothing at the start is given up after its time, and so is one at a reopening', async () => {
    const { reference, signer, clock } = await faultyKey('silent-start', { openTimeoutMs: 3_000 });
    faulty.order('C_OpenSession 0 hang');
    await assert.rejects(openToken(reference, { openTimeoutMs: 300 }), refusal('unavailable', /300 ms/));
    await killed(signer, signer.processIds[0]!);
    clock.isTimeToReopen();
    await assert.rejects(signer.sign(message(1)), refusal('unavailable', /3000 ms/));
    faulty.relent();
    clock.isTimeToReopen();
    await assertSigns(signer, 2);
  });

  test('a request that must not be made in vain has it opened, and hears that it is not there yet', async () => {
    const { signer, clock } = await faultyKey('asked-first');
    await killed(signer, signer.processIds[0]!);
    clock.isTimeToReopen();
    assert.throws(() => signer.requireReady(), refusal('unavailable'));
    while (signer.processIds.length === 0) await new Promise(setImmediate);
    signer.requireReady();
  });

  test('closed while it is opened again, it leaves no process behind', async () => {
    const { signer, clock } = await faultyKey('closed-amid');
    await killed(signer, signer.processIds[0]!);
    clock.isTimeToReopen();
    const signing = signer.sign(message(1));
    const closing = signer.close();
    await assert.rejects(signing, refusal('unavailable'));
    await closing;
    assert.deepEqual(signer.processIds, []);
  });
});

describe('what only people can put right is not tried again', () => {
  test('a PIN that is wrong at the reopening is tried once', async () => {
    let pin = await readTestPin();
    const { signer, clock } = await faultyKey('pin-changed', { readPin: async () => Buffer.from(pin) });
    await killed(signer, signer.processIds[0]!);
    pin = Buffer.from('another-pin');
    clock.isTimeToReopen();
    const before = faulty.calls('C_Login');
    await assert.rejects(signer.sign(message(1)), refusal('key_locked'));
    for (let time = 0; time < 3; time++) {
      clock.isTimeToReopen();
      await assert.rejects(signer.sign(message(1)), refusal('key_locked'));
      assert.throws(() => signer.requireReady(), refusal('key_locked'));
    }
    assert.equal(faulty.calls('C_Login'), before + 1);
  });

  test('a PIN that is wrong at a reopening takes no session from those that are there', async () => {
    let pin = await readTestPin();
    const { signer, clock } = await faultyKey('one-left', { readPin: async () => Buffer.from(pin) }, 2);
    await killed(signer, signer.processIds[0]!);
    pin = Buffer.from('another-pin');
    const before = faulty.calls('C_Login');
    for (let time = 0; time < 3; time++) {
      clock.isTimeToReopen();
      await assertSigns(signer, time);
      while (faulty.calls('C_Login') === before) await new Promise(setImmediate);
    }
    signer.requireReady();
    assert.equal(faulty.calls('C_Login'), before + 1);
    await killed(signer, signer.processIds[0]!);
    await assert.rejects(signer.sign(message(1)), refusal('key_locked'));
  });

  test('another key under the same name does not sign in its place', async () => {
    const { reference, signer, clock } = await faultyKey('replaced');
    await killed(signer, signer.processIds[0]!);
    const place = { ...reference, module: hsm.module };
    for (const type of ['privkey', 'pubkey']) {
      hsm.tool(place, '--delete-object', '--type', type, '--id', reference.key_id!);
    }
    hsm.tool(
      place,
      ...['--keypairgen', '--key-type', 'EC:prime256v1', '--sensitive', '--usage-sign'],
      ...['--label', 'issuing', '--id', reference.key_id!],
    );
    clock.isTimeToReopen();
    await assert.rejects(signer.sign(message(1)), refusal('key_locked', /Another key/));
    clock.isTimeToReopen();
    await assert.rejects(signer.sign(message(1)), refusal('key_locked'));
  });

  test('halves of two keys under one ID are refused at the start', async () => {
    const place = hsm.addToken('halves');
    const [one, two] = [await makeKey(place, 'one'), await makeKey(place, 'two')];
    hsm.tool(place, '--delete-object', '--type', 'pubkey', '--id', one.key_id!);
    hsm.tool(place, '--delete-object', '--type', 'privkey', '--id', two.key_id!);
    hsm.tool(place, '--set-id', one.key_id!, '--type', 'pubkey', '--id', two.key_id!);
    await assert.rejects(openToken(one), refusal('key_locked', /not that of the public key/));
  });
});
