/** `imprint audit watch` against a real authority's public listener, whose home is put back, forked and grown behind its back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hashTile } from '@imprint/authority/audit/tiles';
import { createPublicListener } from '@imprint/authority/http/public-listener';
import { inviteStation } from '@imprint/authority/stations/invite';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { openAuthority } from '../open-authority.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';

const program = fileURLToPath(new URL('../../bin/imprint.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-audit-watch-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const imprint = async (...args: string[]) =>
  runProgram(await buildProgram(args), ['node', 'imprint', ...args]);

/** While this authority serves, its log having grown by so many stations. */
async function whileServing<T>(
  home: string,
  invited: string[],
  work: (url: string) => Promise<T>,
): Promise<T> {
  const authority = await openAuthority(home);
  const { checkpoints, stations } = await authority.unlock();
  await Promise.all(
    invited.map((stationId) =>
      inviteStation(stations, authority.person, {
        stationId,
        site: 's1',
        line: 'l1',
        lanes: 1,
        url: 'https://localhost:7443',
      }),
    ),
  );
  const listener = createPublicListener({
    hosts: ['127.0.0.1'],
    rootPem: '',
    issuingPem: async () => '',
    checkpoint: async () => (await checkpoints.latest()).text,
    hashTile: (path) => hashTile(authority.ledger.reader, path),
    report: (error) => assert.fail(String(error)),
  });
  try {
    return await work(await listener.listen({ host: '127.0.0.1', port: 0 }));
  } finally {
    await listener.close();
    await authority.close();
  }
}

const look = (url: string, witness = 'witness') =>
  imprint(
    ...['audit', 'watch', '--once', '--json', '--url', url, '--home', at(witness)],
    ...['--log-key', join(at('a'), 'certificates', 'log.vkey'), '--name', 'witness.example/w1'],
  );
const verify = (home: string) =>
  imprint(
    ...['audit', 'verify', '--json', '--home', home, '--checkpoint', join(at('witness'), 'checkpoint')],
    ...['--witness-key', join(at('witness'), 'witness.pub')],
  );
const seen = () => parseCheckpoint(readFileSync(join(at('witness'), 'checkpoint'), 'utf8')).size;
const stations = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, n) => `${prefix}-${n + 1}`);

test('I-16: a witness follows a log as it grows, and finds it put back or forked; audit verify finds the same', async () => {
  assert.equal(await imprint('init', '--home', at('a'), '--json'), 0);
  assert.equal(await whileServing(at('a'), stations(2, 'st'), look), 0);
  cpSync(at('a'), at('backup'), { recursive: true });
  assert.equal(seen(), 10);
  // over the end of a tile
  assert.equal(await whileServing(at('a'), stations(270, 'more'), look), 0);
  assert.equal(seen(), 280);
  assert.equal(await whileServing(at('a'), [], look), 0);
  assert.equal(await verify(at('a')), 0);

  cpSync(at('backup'), at('put-back'), { recursive: true });
  assert.equal(await whileServing(at('put-back'), [], look), 1);
  assert.equal(await verify(at('put-back')), 1);
  for (const [name, grown] of [
    ['forked', 271],
    ['forked-at-one-size', 270],
  ] as const) {
    cpSync(at('backup'), at(name), { recursive: true });
    assert.equal(await whileServing(at(name), stations(grown, 'other'), look), 1);
    assert.equal(await verify(at(name)), 1);
  }
  assert.equal(seen(), 280);
  assert.equal(readdirSync(join(at('witness'), 'evidence')).length, 4);
  assert.equal(await whileServing(at('a'), ['last'], look), 0);
  assert.equal(seen(), 281);
});

test('a watch goes on until it is stopped, takes what is brought, and shares its folder with nobody', async () => {
  await whileServing(at('a'), [], async (url) => {
    const args = [
      ...['audit', 'watch', '--json', '--every', '1', '--listen', '127.0.0.1:0', '--url', url],
      ...['--home', at('watch'), '--log-key', join(at('a'), 'certificates', 'log.vkey')],
    ];
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let door = '';
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line);
      if (event.event === 'listening') door = event.url;
      if (event.event !== 'cosigned') continue;
      if (event.from === null) {
        assert.equal(await look(url, 'watch'), 1);
        continue;
      }
      const answer = await fetch(`${door}/add-checkpoint`, { method: 'POST', body: 'old 0\n\n' });
      assert.equal(answer.status, 400);
      child.kill('SIGTERM');
      break;
    }
    assert.deepEqual(await ended, [0, null]);
  });
});

test('the log of another key is refused, and so is a URL that is none', async () => {
  assert.equal(await imprint('init', '--home', at('stranger'), '--json'), 0);
  assert.equal(await whileServing(at('stranger'), [], look), 1);
  assert.equal(await look('ftp://127.0.0.1'), 2);
  assert.equal(await look('http://127.0.0.1:1', 'other-witness'), 1);
});
