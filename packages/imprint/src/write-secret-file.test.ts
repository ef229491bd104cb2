import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeSecretFile } from './write-secret-file.ts';

test('I-19: a secret follows no link, and takes over no mode of what stood there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-secret-'));
  const [token, target] = [join(folder, 'token'), join(folder, 'others')];
  writeFileSync(target, 'theirs', { mode: 0o666 });
  for (const trap of [token, `${token}.new`]) symlinkSync(target, trap);
  writeSecretFile(token, 'secret');
  assert.equal(readFileSync(target, 'utf8'), 'theirs');
  assert.equal(readFileSync(token, 'utf8'), 'secret');
  assert.equal(lstatSync(token).mode & 0o7777, 0o600);
  assert.equal(lstatSync(token).isFile(), true);
  rmSync(folder, { recursive: true });
});
