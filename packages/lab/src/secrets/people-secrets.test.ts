/**
 * What people know and carry, after all that uses it: passwords, second factors, tokens, sessions, a root's shares and passphrase. Each is given rightly and
 * wrongly, and the process that heard most of it crashes.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { codeOf, stepAt } from '@imprint/authority/access/one-time-code';
import { certificateFiles } from 'imprint/authority-home';
import { RecordedRun, type RunPlace } from './recorded-run.ts';
import { type Hit, type Secret, SecretSearch } from './search.ts';

const mainFile = fileURLToPath(import.meta.resolve('imprint/main'));
const password = 'stately plum-coloured 4417 gazebo';
const wrongPassword = 'a guess that is 3391 wrong';
const passphrase = 'what both of the roots typed 7780';

interface Known extends Secret {
  /** Names of places in which it must stand. */
  standsIn: RegExp[];
}

describe('the secrets of people', { timeout: 120_000 }, () => {
  const run = new RecordedRun();
  after(() => run.remove());
  const home = ['--home', run.path('home', 'authority')];
  const input = (name: string) => run.path('inputs', name);
  const write = (name: string, text: string) => {
    writeFileSync(input(name), `${text}\n`, { mode: 0o600 });
    return input(name);
  };
  const read = (name: string) => readFileSync(input(name), 'utf8').trim();
  const factor = () => /secret=([A-Z2-7]+)/.exec(read('totp'))![1]!;
  const does = async (code: number, ...command: string[]) => {
    const ended = await run.imprint(command);
    assert.equal(ended.code, code, `${command.join(' ')}: ${ended.stderr}`);
  };
  const known: Known[] = [];
  const is = (name: string, values: Uint8Array[], standsIn: RegExp[] = []) =>
    known.push({ name, kind: name, values, standsIn });
  let places: RunPlace[];
  let hits: Hit<Known>[];

  /** All that a person does at the authority, and a ceremony with shares and one with a passphrase. */
  async function live(): Promise<void> {
    const as = ['--as', 'ada', '--password-file', write('password', password)];
    const roles = ['--role', 'administrator', 'ca-officer', '--reason', 'new here'];
    const account = ['account', 'create', 'ada', '--name', 'Ada', ...roles, ...home];
    await does(0, 'init', ...home);
    await does(0, ...account, '--new-password-file', input('password'), '--totp-file', input('totp'));
    const second = fromBase32(factor());
    const code = codeOf(second, stepAt(new Date()));
    const wrong = ['--as', 'ada', '--password-file', write('wrong', wrongPassword)];
    const token = ['token', 'create', ...home, '--permission', 'order.read', '--reason', 'MES'];
    await does(1, ...token, ...wrong, '--code-file', write('code', code), '--out', input('none'));
    await does(0, ...token, ...as, '--code-file', input('code'), '--out', input('token'));
    const cut = write('cut', read('token').slice(0, -2));
    await does(1, 'order', 'close', 'PO-1', ...home, '--reason', 'over', '--as-token', cut);
    const ports = ['--station-port', '0', '--public-port', '0', '--management-port', '0'];
    const serve = run.spawn([mainFile, 'serve', ...home, ...ports, '--json']);
    const ended = run.ended(serve, 'serve', '');
    const { management } = await new Promise<{ management: string }>((resolve) =>
      createInterface({ input: serve.stdout! }).once('line', (line) => resolve(JSON.parse(line))),
    );
    const cookie = await useManagement(management, second);
    await run.crash('serve authority');
    await ended;
    await ceremonies();
    await setImmediate();
    const secret = read('token');
    // what a listener hears goes from TLS to its parser past every recorder, and what it says does not
    const told = /^serve authority: tls-\d+-out$/;
    is('a password', [Buffer.from(password)]);
    is('a wrong password', [Buffer.from(wrongPassword)]);
    is('a second factor', [second, Buffer.from(factor())]);
    is('a token', [Buffer.from(secret.slice(-32))]);
    is('a session', [Buffer.from(cookie), Buffer.from(cookie, 'hex')], [told]);
    is('a passphrase of roots', [Buffer.from(passphrase)]);
    for (const name of ['share-1', 'share-2', 'share-3']) {
      is(name, [Buffer.from(read(name).split(' ').at(-1)!, 'base64')]);
    }
  }

  async function ceremonies(): Promise<void> {
    const root = ['root', 'create', '--realm', 'test', '--organization', 'Example Devices'];
    const both = ['--person', 'A. Abel', '--person', 'B. Baker'];
    const at = (name: string) => [
      ...['--stick', run.path('exports', name), '--key-folder', run.path('home', `${name}-keys`)],
    ];
    const files = ['share-1', 'share-2', 'share-3'].flatMap((name) => ['--share-file', input(name)]);
    await does(0, ...root, ...both, ...at('shared'), '--shares', '2/3', ...files);
    await does(0, ...root, ...both, ...at('typed'), '--passphrase-file', write('phrase', passphrase));
    const crl = ['root', 'crl', ...both, ...at('shared')];
    await does(0, ...crl, '--share', input('share-1'), '--share', input('share-3'));
    await does(1, ...crl, '--share', input('share-2'));
  }

  /** Signs in wrongly and rightly, and asks with the session and with the token; gives the session's secret. */
  async function useManagement(origin: string, second: Uint8Array): Promise<string> {
    const ca = readFileSync(
      join(run.path('home', 'authority'), 'certificates', certificateFiles.stationRoot),
    );
    const ask = (path: string, headers: Record<string, string>, body?: object) =>
      new Promise<{ status: number; cookie: string | undefined }>((resolve, reject) => {
        const sent = request(
          new URL(path, origin),
          {
            method: body === undefined ? 'GET' : 'POST',
            ca,
            headers: { 'content-type': 'application/json', ...headers },
          },
          (answer) => {
            answer
              .resume()
              .on('end', () =>
                resolve({ status: answer.statusCode!, cookie: answer.headers['set-cookie']?.[0] }),
              );
          },
        );
        sent.on('error', reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      });
    // the code of this half minute was used at the command line, and the one that follows is taken as well
    const code = codeOf(second, stepAt(new Date()) + 1);
    const login = { account_id: 'ada', code };
    const denied = await ask('/v1/session', {}, { ...login, password: wrongPassword });
    assert.equal(denied.status, 401);
    const { status, cookie } = await ask('/v1/session', {}, { ...login, password });
    assert.equal(status, 200);
    const session = cookie!.split(';')[0]!;
    assert.equal((await ask('/v1/me', { cookie: session })).status, 200);
    assert.equal((await ask('/v1/orders', { authorization: `Bearer ${read('token')}` })).status, 200);
    return session.split('=')[1]!;
  }

  before(async () => {
    await live();
    places = run.places();
    const search = new SecretSearch(known);
    hits = places.flatMap((place) => search.in(place));
  });

  it('I-19: stand in no file, log, export, database, argument, variable or captured byte but their own', () => {
    const leaks = hits
      .filter(({ secret, place }) => !secret.standsIn.some((own) => own.test(place.name)))
      .map(({ secret, place, form }) => `${secret.name} stands in ${place.name} as ${form}`);
    assert.deepEqual([...new Set(leaks)], []);
  });

  it('are each seen where they must stand, and in the file that was given', () => {
    for (const secret of known) {
      for (const own of secret.standsIn) {
        const isSeen = hits.some((hit) => hit.secret === secret && own.test(hit.place.name));
        assert.ok(isSeen, `${secret.name} is not in ${own}: the search is blind there`);
      }
    }
    const search = new SecretSearch(known);
    for (const name of ['password', 'wrong', 'totp', 'token', 'phrase', 'share-1', 'share-2', 'share-3']) {
      assert.equal(search.in({ name, kind: 'file', bytes: readFileSync(input(name)) }).length, 1, name);
    }
  });
});

/** RFC 4648 section 6, of whole octets. */
function fromBase32(text: string): Uint8Array {
  const bits = [...text].map((one) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'),
  );
  const octets = bits.join('').match(/.{8}/g)!;
  return Uint8Array.from(octets, (octet) => Number.parseInt(octet, 2));
}
