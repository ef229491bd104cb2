/** A token's PIN after everything that uses it: a key is made, an authority is made and served, PINs are wrong, and processes crash. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import { RecordedRun } from './recorded-run.ts';
import { SecretSearch } from './search.ts';

const mainFile = fileURLToPath(import.meta.resolve('imprint/main'));
const wrongPin = 'wrong-PIN-9137';

describe('the PIN of a token', { timeout: 120_000 }, () => {
  const hsm = startSoftHsm();
  const run = new RecordedRun();
  after(() => {
    run.remove();
    hsm.remove();
  });
  const input = (name: string, pin: string) => {
    writeFileSync(run.path('inputs', name), `${pin}\n`, { mode: 0o600 });
    return ['--pin-file', run.path('inputs', name)];
  };
  const home = ['--home', run.path('home', 'authority')];

  before(async () => {
    hsm.addToken('imprint');
    const right = input('pin', testPin);
    const wrong = input('wrong', wrongPin);
    const key = run.path('exports', 'key.json');
    const make = ['hsm', 'generate-key', '--module', hsm.module, '--token', 'imprint', '--out', key];
    for (const [code, ...command] of [
      [1, ...make, ...wrong],
      [0, ...make, ...right],
      [1, 'hsm', 'check', key, ...wrong],
      [0, 'hsm', 'check', key, ...right, '--json'],
      [1, 'init', ...home, '--issuing-key', key, ...wrong],
      [0, 'init', ...home, '--issuing-key', key, ...right],
      [1, 'serve', ...home, ...wrong, '--json'],
      [0, 'audit', 'export', ...home],
    ] as [number, ...string[]][]) {
      const ended = await run.imprint(command);
      assert.equal(ended.code, code, `${command.join(' ')}: ${ended.stderr}`);
    }
    const ports = ['--station-port', '0', '--public-port', '0'];
    const serve = run.spawn([mainFile, 'serve', ...home, ...right, ...ports, '--json']);
    const ended = run.ended(serve, 'serve', '');
    const ready = createInterface({ input: serve.stdout! });
    await new Promise((resolve) => ready.once('line', resolve));
    await run.crash('serve authority');
    await ended;
    await setImmediate();
  });

  it('I-19: stands in no file, log, export, database, argument, variable or captured byte', () => {
    const secrets = [
      { name: 'the PIN', kind: 'PIN', values: [Buffer.from(testPin)] },
      { name: 'a wrong PIN', kind: 'PIN', values: [Buffer.from(wrongPin)] },
    ];
    const search = new SecretSearch(secrets);
    const places = run.places();
    const leaks = places.flatMap((place) =>
      search.in(place).map(({ secret, form }) => `${secret.name} stands in ${place.name} as ${form}`),
    );
    assert.deepEqual(leaks, []);
    const signing = places.filter(
      ({ kind, bytes }) => kind === 'arguments' && Buffer.from(bytes).includes('signing-process'),
    );
    assert.ok(signing.length >= 5, `${signing.length} processes that sign were searched`);
    const file = { name: 'pin', kind: 'file', bytes: readFileSync(run.path('inputs', 'pin')) };
    assert.equal(search.in(file).length, 1, 'the search would see it');
  });
});
