import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { cosign, formatWitnessKey, witnessKey } from '@imprint/contract/audit/cosignature';
import { openAuthority } from '../open-authority.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-audit-verify-'));
after(() => rmSync(folder, { recursive: true }));
const home = join(folder, 'authority');
const at = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const imprint = async (...args: string[]) =>
  runProgram(await buildProgram(args), ['node', 'imprint', ...args]);

test('I-16: a checkpoint counts under --witness-key only where that witness cosigned it', async () => {
  assert.equal(await imprint('init', '--home', home, '--json'), 0);
  const authority = await openAuthority(home);
  const { checkpoints } = await authority.unlock();
  const { text } = await checkpoints.latest();
  await authority.close();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const key = witnessKey('witness.example/w1', raw);
  const line = await cosign(parseCheckpoint(text).body, 1_767_945_600, key, (message) =>
    sign(null, message, privateKey),
  );
  const keyFile = at('w1.vkey', `${formatWitnessKey(key)}\n`);
  const verify = (...args: string[]) => imprint('audit', 'verify', '--home', home, '--json', ...args);
  assert.equal(await verify('--checkpoint', at('cosigned.txt', text + line), '--witness-key', keyFile), 0);
  assert.equal(await verify('--checkpoint', at('bare.txt', text), '--witness-key', keyFile), 1);
  assert.equal(await verify('--witness-key', keyFile), 2);
});
