/** A signer over a real token. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { makeFaultyModule } from './faulty-module.test-kit.ts';
import { startSoftHsm, testPin } from './softhsm.test-kit.ts';
import { assertSigned, makeKey, message, openToken, refusal } from './token-signer.test-kit.ts';

const hsm = startSoftHsm();
after(() => hsm.remove());
const faulty = makeFaultyModule(hsm);

describe('a key in a token', () => {
  for (const [keyType, processes] of [
    ['ec-p256', 1],
    ['ec-p384', 1],
    ['ec-p256', 3],
  ] as const) {
    test(`signs many messages at once with ${keyType} over ${processes} sessions`, async () => {
      const reference = await makeKey(hsm.addToken(`many-${keyType}-${processes}`), 'k', keyType);
      const signer = await openToken({ ...reference, processes });
      assert.equal(signer.keyType, keyType);
      assert.equal(signer.custody, 'elsewhere');
      assert.equal(signer.processIds.length, processes);
      const signatures = await Promise.all(
        Array.from({ length: 500 }, (_, index) => signer.sign(message(index))),
      );
      for (const [index, signature] of signatures.entries()) assertSigned(signer, index, signature);
    });
  }

  test('I-12: is made in the token, sensitive and never extractable, as another program sees it', async () => {
    const place = hsm.addToken('made');
    const reference = await makeKey(place);
    const seen = hsm.tool(place, '--list-objects', '--type', 'privkey', '--id', reference.key_id!);
    assert.match(seen, /Access:\s+sensitive, always sensitive, never extractable, local/);
    assert.match(seen, /Usage:\s+sign/);
  });

  test('is named by its label too, and may be made by another program', async () => {
    const place = hsm.addToken('by-tool');
    hsm.tool(
      place,
      ...['--keypairgen', '--key-type', 'EC:prime256v1', '--sensitive', '--usage-sign'],
      ...['--label', 'issuing', '--id', '01'],
    );
    for (const name of [{ key_label: 'issuing' }, { key_id: '01' }]) {
      const signer = await openToken({ ...place, ...name });
      assertSigned(signer, 1, await signer.sign(message(1)));
    }
  });

  test('I-19: the PIN is in no argument and no variable of the processes that sign', async () => {
    const reference = await makeKey(hsm.addToken('quiet'));
    const signer = await openToken(reference);
    const [pid] = signer.processIds;
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
      assert.match(text, file === 'cmdline' ? /signing-process/ : /SOFTHSM2_CONF/);
      assert.ok(!text.includes(testPin));
    }
  });

  test('closed, it ends its sessions, lets go of its processes and signs no more', async () => {
    const reference = await makeKey(faulty.place(hsm.addToken('closed')));
    const signer = await openToken({ ...reference, processes: 2 });
    const [pid] = signer.processIds;
    const before = faulty.calls('C_Finalize');
    await signer.close();
    assert.equal(faulty.calls('C_Finalize'), before + 2);
    assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' });
    await assert.rejects(signer.sign(message(1)), refusal('unavailable'));
  });
});
