import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { dutLinkSuite, type Wire } from './dut-link.suite.ts';
import { SerialLink } from './serial-link.ts';

/** A pseudo-terminal whose far end is socat's own standard input and output. */
dutLinkSuite('serial', async (): Promise<Wire> => {
  assert.equal(
    spawnSync('socat', ['-V']).status,
    0,
    'this test needs the package socat (Debian: apt-get install socat)',
  );
  const folder = mkdtempSync(join(tmpdir(), 'imprint-pty-'));
  const path = join(folder, 'lane-1');
  let socat: ChildProcess;
  const plugIn = async () => {
    socat = spawn('socat', ['-', `pty,raw,echo=0,link=${path}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    while (!existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
  };
  const unplug = async () => {
    if (socat.exitCode !== null || socat.signalCode !== null) return;
    socat.kill();
    await once(socat, 'exit');
  };
  await plugIn();
  const link = new SerialLink(path, 115_200);
  return {
    link,
    far: async () => ({
      write: (bytes) => void socat.stdin!.write(bytes),
      read: async (count) => {
        const pieces: Buffer[] = [];
        let total = 0;
        while (total < count) {
          const piece = socat.stdout!.read() as Buffer | null;
          if (piece) {
            pieces.push(piece);
            total += piece.length;
          } else await once(socat.stdout!, 'readable');
        }
        return new Uint8Array(Buffer.concat(pieces));
      },
    }),
    cut: unplug,
    mend: plugIn,
    remove: async () => {
      await link.close();
      await unplug();
      rmSync(folder, { recursive: true });
    },
  };
});

it('refuses a baud rate that is none', () => {
  for (const baud of [0, -1, 1.5, Number.NaN, 1e9]) {
    assert.throws(
      () => new SerialLink('/dev/null', baud),
      (error) => isImprintError(error, 'usage'),
    );
  }
});
