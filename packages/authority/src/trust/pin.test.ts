import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readPin } from './pin.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imprint-pin-'));
  for (const name of ['named', 'environment', 'imprint-pin']) {
    await writeFile(join(folder, name), `${name}-1234\n`, { mode: 0o600 });
  }
});
after(() => rm(folder, { recursive: true }));

const of = 'the token imprint';
const read = async (sources: Parameters<typeof readPin>[0]) =>
  Buffer.from(await readPin(sources, of)).toString();

describe('the PIN of a token', () => {
  test('comes from the named file, then that of the environment, then the systemd credential, then a prompt', async () => {
    const prompt = async (question: string) => Buffer.from(question);
    const all = {
      file: join(folder, 'named'),
      environmentFile: join(folder, 'environment'),
      credentialsDirectory: folder,
      prompt,
    };
    assert.equal(await read(all), 'named-1234');
    assert.equal(await read({ ...all, file: undefined }), 'environment-1234');
    assert.equal(await read({ credentialsDirectory: folder, prompt }), 'imprint-pin-1234');
    // systemd's folder may hold the passphrase alone
    assert.equal(await read({ credentialsDirectory: tmpdir(), prompt }), 'PIN of the token imprint: ');
    await assert.rejects(read({}), { code: 'usage' });
  });

  test('I-19: is not taken from a file that others may read, and not shown where it is refused', async () => {
    const file = join(folder, 'wide');
    await writeFile(file, 'wide-1234', { mode: 0o600 });
    await chmod(file, 0o640);
    await assert.rejects(read({ file }), (error: Error) => {
      assert.match(error.message, /Others may read the PIN file/);
      assert.doesNotMatch(JSON.stringify([error, error.message]), /1234/);
      return true;
    });
    await chmod(file, 0o600);
    await writeFile(file, 'x'.repeat(300));
    await assert.rejects(read({ file }), { code: 'key_locked' });
    await writeFile(file, '\n');
    await assert.rejects(read({ file }), { code: 'key_locked' });
  });
});
