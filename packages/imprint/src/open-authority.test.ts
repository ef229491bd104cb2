import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { authorityHome } from './authority-home.ts';
import { homePassphrase } from './open-authority.ts';

test('I-20: the passphrase that lies beside the keys opens the dev realm and no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-home-'));
  const home = authorityHome(folder);
  writeFileSync(home.devPassphrase, 'for development\n', { mode: 0o600 });
  const named = join(folder, 'named');
  writeFileSync(named, 'by a person\n', { mode: 0o600 });
  const opened = async (realm: 'dev' | 'prod', file?: string) =>
    Buffer.from(await homePassphrase(home, realm, file)).toString();
  assert.equal(await opened('dev'), 'for development');
  // a named file decides before anything else does, and the one beside the keys is not looked at
  assert.equal(await opened('prod', named), 'by a person');
  const directory = process.env.CREDENTIALS_DIRECTORY;
  process.env.CREDENTIALS_DIRECTORY = join(folder, 'nothing');
  try {
    await assert.rejects(opened('prod'), { code: 'file_invalid' });
  } finally {
    if (directory === undefined) delete process.env.CREDENTIALS_DIRECTORY;
    else process.env.CREDENTIALS_DIRECTORY = directory;
    rmSync(folder, { recursive: true });
  }
});
