import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { makeKey } from '../signer/software.ts';
import { createKeyFolder, isKeyFolder, openKeyFolder, scryptLogN } from './sealed-key-folder.ts';

const passphrase = Buffer.from('correct horse');
const cheap = scryptLogN.least;
let base: string;
let count = 0;

before(async () => {
  base = await mkdtemp(join(tmpdir(), 'imprint-keys-'));
});
after(() => rm(base, { recursive: true }));

async function freshFolder() {
  const path = join(base, `keys-${++count}`);
  return { path, folder: await createKeyFolder(path, passphrase, randomBytes, cheap) };
}

const refusal = (code: Parameters<typeof isImprintError>[1]) => (error: unknown) =>
  isImprintError(error, code!);

describe('sealed key folder', () => {
  test('gives a key back after reopening, for each type', async () => {
    const { path, folder } = await freshFolder();
    for (const type of ['ec-p256', 'ec-p384', 'ed25519'] as const) {
      const key = makeKey(type);
      await folder.write(type, key);
      const again = await (await openKeyFolder(path, passphrase, randomBytes)).read(type);
      assert.ok(again.equals(key));
    }
    assert.deepEqual(await folder.names(), ['ec-p256', 'ec-p384', 'ed25519']);
  });

  test('refuses a wrong passphrase before it touches a key', async () => {
    const { path } = await freshFolder();
    await assert.rejects(openKeyFolder(path, Buffer.from('wrong'), randomBytes), refusal('passphrase_wrong'));
  });

  test('I-19: no file holds the private key or the passphrase in clear', async () => {
    const { path, folder } = await freshFolder();
    const key = makeKey('ed25519');
    await folder.write('log', key);
    const secret = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
    for (const file of await readdir(path)) {
      const bytes = await readFile(join(path, file));
      assert.equal(bytes.indexOf(secret), -1);
      assert.equal(bytes.indexOf(passphrase), -1);
    }
  });

  test('keeps the folder at 0700, files at 0600 and no temporary file', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('root', makeKey('ec-p256'));
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    const files = await readdir(path);
    assert.deepEqual(files.sort(), ['folder.json', 'root.key']);
    for (const file of files) assert.equal((await stat(join(path, file))).mode & 0o777, 0o600);
  });

  test('refuses a key, a parameter file and a folder that others may read', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('root', makeKey('ec-p256'));
    await chmod(join(path, 'root.key'), 0o640);
    await assert.rejects(folder.read('root'), refusal('file_invalid'));
    await chmod(join(path, 'folder.json'), 0o604);
    await assert.rejects(openKeyFolder(path, passphrase, randomBytes), refusal('file_invalid'));
    await chmod(join(path, 'folder.json'), 0o600);
    await chmod(path, 0o750);
    await assert.rejects(openKeyFolder(path, passphrase, randomBytes), refusal('file_invalid'));
    await assert.rejects(folder.write('other', makeKey('ec-p256')), refusal('file_invalid'));
  });

  test('refuses a key under the name of another', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('root', makeKey('ec-p256'));
    await copyFile(join(path, 'root.key'), join(path, 'issuing.key'));
    await assert.rejects(folder.read('issuing'), refusal('file_invalid'));
  });

  test('refuses every single flipped byte and every cut of a key file', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('log', makeKey('ed25519'));
    const file = join(path, 'log.key');
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      await writeFile(file, changed);
      await assert.rejects(folder.read('log'), refusal('file_invalid'));
      await writeFile(file, whole.subarray(0, at));
      await assert.rejects(folder.read('log'), refusal('file_invalid'));
    }
  });

  test('refuses a link in place of a key', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('root', makeKey('ec-p256'));
    await symlink(join(path, 'root.key'), join(path, 'linked.key'));
    await assert.rejects(folder.read('linked'), refusal('file_invalid'));
  });

  test('never replaces a key and never makes a folder twice', async () => {
    const { path, folder } = await freshFolder();
    await folder.write('root', makeKey('ec-p256'));
    await assert.rejects(folder.write('root', makeKey('ec-p256')), refusal('home_exists'));
    await assert.rejects(createKeyFolder(path, passphrase, randomBytes, cheap), refusal('home_exists'));
  });

  test('takes up a folder that was broken off before it held anything, and none that holds anything else', async () => {
    const { path, folder } = await freshFolder();
    const begun = `${path}-begun`;
    await mkdir(begun, { mode: 0o700 });
    await writeFile(join(begun, '.folder.json.new'), '{', { mode: 0o600 });
    assert.equal(await isKeyFolder(begun), false);
    await (await createKeyFolder(begun, passphrase, randomBytes, cheap)).write('root', makeKey('ec-p256'));
    assert.equal(await isKeyFolder(begun), true);
    assert.equal(await isKeyFolder(`${path}-nowhere`), false);
    assert.deepEqual(await folder.names(), []);
    const other = `${path}-other`;
    await mkdir(other, { mode: 0o700 });
    await writeFile(join(other, 'note.txt'), 'mine');
    await assert.rejects(createKeyFolder(other, passphrase, randomBytes, cheap), refusal('home_exists'));
  });

  test('refuses names that lead out of the folder', async () => {
    const { folder } = await freshFolder();
    for (const name of ['../root', 'a/b', '', '.hidden', 'A', 'x\0y', 'x'.repeat(60)]) {
      await assert.rejects(folder.read(name), refusal('path_refused'));
    }
  });

  test('refuses a folder whose scrypt cost was lowered or is absurd', async () => {
    for (const logN of [1, 13, 21, 60]) {
      const { path } = await freshFolder();
      const file = join(path, 'folder.json');
      const text = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify({ ...text, log_n: logN }));
      await assert.rejects(openKeyFolder(path, passphrase, randomBytes), refusal('file_invalid'));
    }
  });

  test('refuses an empty passphrase and a missing folder', async () => {
    const path = join(base, 'none');
    await assert.rejects(
      createKeyFolder(path, Buffer.alloc(0), randomBytes, cheap),
      refusal('passphrase_wrong'),
    );
    await assert.rejects(openKeyFolder(path, passphrase, randomBytes), refusal('file_invalid'));
  });

  test('takes a key although an earlier write was cut off', async () => {
    const { path, folder } = await freshFolder();
    await writeFile(join(path, '.root.key.new'), 'half', { mode: 0o600 });
    const key = makeKey('ec-p256');
    await folder.write('root', key);
    assert.ok((await folder.read('root')).equals(key));
    assert.deepEqual(await folder.names(), ['root']);
  });

  test('a reference stands in the place of a key: private, whole, and beside no other', async () => {
    const { path, folder } = await freshFolder();
    assert.equal(await folder.readReference('issuing'), undefined);
    await folder.writeReference('issuing', '{"token":"imprint"}');
    assert.equal(await folder.readReference('issuing'), '{"token":"imprint"}');
    const file = join(path, 'issuing.token.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await folder.names(), []);
    await assert.rejects(folder.write('issuing', makeKey('ec-p256')), refusal('home_exists'));
    await assert.rejects(folder.writeReference('issuing', '{}'), refusal('home_exists'));
    await folder.write('root', makeKey('ec-p256'));
    await assert.rejects(folder.writeReference('root', '{}'), refusal('home_exists'));
    await chmod(file, 0o644);
    await assert.rejects(folder.readReference('issuing'), refusal('file_invalid'));
    await writeFile(join(path, 'root.token.json'), '{}', { mode: 0o600 });
    await assert.rejects(folder.readReference('root'), refusal('file_invalid'));
    await assert.rejects(folder.readReference('../root'), refusal('path_refused'));
  });
});
