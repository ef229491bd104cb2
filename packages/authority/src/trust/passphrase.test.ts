import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ReadStream, WriteStream } from 'node:tty';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { promptHidden, readPassphrase } from './passphrase.ts';

let base: string;
before(async () => {
  base = await mkdtemp(join(tmpdir(), 'imprint-passphrase-'));
});
after(() => rm(base, { recursive: true }));

async function fileOf(content: string | Buffer, mode: number): Promise<string> {
  const path = await mkdtemp(join(base, 'p-'));
  await writeFile(join(path, 'imprint-passphrase'), content, { mode });
  return path;
}
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const refusal = (code: ErrorCode) => (error: unknown) => isImprintError(error, code);

describe('passphrase', () => {
  test('comes from a file, less one line break', async () => {
    for (const [content, expected] of [
      ['secret', 'secret'],
      ['secret\n', 'secret'],
      ['secret\r\n', 'secret'],
      [' se cret \n\n', ' se cret \n'],
    ] as const) {
      const file = join(await fileOf(content, 0o600), 'imprint-passphrase');
      assert.equal(text(await readPassphrase({ file })), expected);
    }
  });

  test('refuses a file that group or others may read', async () => {
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      const folder = await fileOf('secret', 0o600);
      const file = join(folder, 'imprint-passphrase');
      await chmod(file, mode);
      await assert.rejects(readPassphrase({ file }), refusal('file_invalid'));
    }
  });

  test('comes from the systemd credential, whose ACL shows as a group bit', async () => {
    assert.equal(text(await readPassphrase({ credentialsDirectory: await fileOf('s\n', 0o440) })), 's');
    const open = await fileOf('s', 0o600);
    await chmod(join(open, 'imprint-passphrase'), 0o444);
    await assert.rejects(readPassphrase({ credentialsDirectory: open }), refusal('file_invalid'));
  });

  test('refuses an empty, a missing and an endless file', async () => {
    const empty = join(await fileOf('\n', 0o600), 'imprint-passphrase');
    await assert.rejects(readPassphrase({ file: empty }), refusal('passphrase_wrong'));
    await assert.rejects(readPassphrase({ file: join(base, 'none') }), refusal('file_invalid'));
    await assert.rejects(readPassphrase({ file: base }), refusal('file_invalid'));
    const long = join(await fileOf(Buffer.alloc(5000, 0x61), 0o600), 'imprint-passphrase');
    await assert.rejects(readPassphrase({ file: long }), refusal('passphrase_wrong'));
    await assert.rejects(readPassphrase({ file: '/dev/zero' }), refusal('file_invalid'));
  });

  test('says what to do where there is no source', async () => {
    await assert.rejects(readPassphrase({}), refusal('usage'));
  });

  test('I-19: is not shown while it is typed', async () => {
    const input = Object.assign(new EventEmitter(), {
      raw: [] as boolean[],
      setRawMode(on: boolean) {
        this.raw.push(on);
      },
      resume() {},
      pause() {},
    });
    let shown = '';
    const output = { write: (part: string) => (shown += part) };
    const typed = promptHidden(
      input as unknown as ReadStream,
      output as unknown as WriteStream,
      'Passphrase: ',
    );
    input.emit('data', Buffer.from('sü'));
    input.emit('data', Buffer.from([0x7f, 0x65, 0x63]));
    input.emit('data', Buffer.from('r\rrest'));
    assert.equal(text(await typed), 'secr');
    assert.equal(shown, 'Passphrase: \n');
    assert.deepEqual(input.raw, [true, false]);
    const cancelled = promptHidden(input as unknown as ReadStream, output as unknown as WriteStream, '');
    input.emit('data', Buffer.from([0x61, 3]));
    await assert.rejects(cancelled, refusal('usage'));
  });
});
