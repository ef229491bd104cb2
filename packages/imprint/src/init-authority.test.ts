import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuthorityConfiguration, AuthorityHome } from './authority-home.ts';
import { initAuthority } from './init-authority.ts';
import { openAuthority } from './open-authority.ts';

const configuration: AuthorityConfiguration = {
  ...{ version: 1, realm: 'dev', organization: 'Example Devices', log_origin: 'imprint.local/test' },
  hosts: [],
  listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
  minimum_station_version: '0.1.0',
};

test('a home that was never finished opens for nobody, and is begun anew by the next init', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'imprint-init-'));
  t.after(() => rmSync(place, { recursive: true }));
  const folder = join(place, 'authority');
  const { configurationFile, unfinishedFile, keys } = await initAuthority(folder, configuration);
  renameSync(configurationFile, unfinishedFile);
  rmSync(join(keys, 'log.key'));
  await assert.rejects(openAuthority(folder), { code: 'home_missing', message: /never finished/ });
  await initAuthority(folder, configuration);
  const authority = await openAuthority(folder);
  await authority.unlock();
  assert.equal((await authority.ledger.head()).size, 8);
  assert.ok(!existsSync(unfinishedFile));
  await authority.close();
  await assert.rejects(initAuthority(folder, configuration), { code: 'home_exists' });
});

test('an authority is never made over what is not its own', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'imprint-init-'));
  t.after(() => rmSync(place, { recursive: true }));
  mkdirSync(join(place, 'keys'));
  writeFileSync(join(place, 'keys', 'mine'), 'kept');
  await assert.rejects(initAuthority(place, configuration), { code: 'home_exists' });
  assert.ok(existsSync(join(place, 'keys', 'mine')));
});

test('a place where no folder can be is refused at once, with a plain reason', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'imprint-init-'));
  t.after(() => rmSync(place, { recursive: true }));
  const file = join(place, 'file');
  writeFileSync(file, '');
  for (const folder of [file, join(file, 'below'), '/dev/null', '/proc/imprint', '/proc/imprint/below']) {
    await assert.rejects(initAuthority(folder, configuration), { code: 'path_refused' }, folder);
  }
  const deep = join(place, 'a', 'b', 'c');
  await initAuthority(deep, configuration);
  assert.equal(statSync(join(place, 'a')).mode & 0o777, 0o700);
});

test('a guess at a passphrase that was drawn is cheap, and one at a passphrase that a person chose is not', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'imprint-init-'));
  t.after(() => rmSync(place, { recursive: true }));
  const chosen = join(place, 'passphrase');
  writeFileSync(chosen, 'correct horse battery staple\n', { mode: 0o600 });
  const costOf = ({ keys }: AuthorityHome) =>
    JSON.parse(readFileSync(join(keys, 'folder.json'), 'utf8')).log_n;
  const drawing = await initAuthority(join(place, 'drawn'), configuration);
  assert.equal(costOf(drawing), 14);
  assert.equal(Buffer.from(readFileSync(drawing.devPassphrase, 'utf8'), 'base64').length, 32);
  assert.equal(costOf(await initAuthority(join(place, 'chosen'), configuration, chosen)), 17);
});
