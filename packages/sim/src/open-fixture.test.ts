import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import { isImprintError } from '@imprint/contract/errors';
import { openPtyFixture } from './pty-fixture.ts';
import { openTcpFixture } from './tcp-fixture.ts';
import { planFor } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';

const plan = planFor({ rootSha256: '0'.repeat(64) });
const hello = `${frameLine({ seq: 0, cmd: 'hello', payload: { versions: [1] } })}\n`;

async function untilReply(stream: NodeJS.ReadableStream): Promise<void> {
  let text = '';
  for await (const bytes of stream) {
    text += bytes.toString();
    const found = text.split('\n').some((line) => parseReplyLine(line).kind === 'frame');
    if (found) return;
  }
  throw new Error(`no reply in ${JSON.stringify(text)}`);
}

test('a unit answers over TCP, and the newest client takes the wire', async () => {
  const open = await openTcpFixture();
  try {
    open.fixture.load(makeUnit(plan, 1));
    const { hostname, port } = new URL(open.port);
    const first = connect(Number(port), hostname);
    await once(first, 'connect');
    const hungUp = once(first, 'close');
    const second = connect(Number(port), hostname);
    await hungUp;
    second.write(hello);
    await untilReply(second);
  } finally {
    await open.close();
  }
});

test('a unit answers over a pseudo-terminal, again after the station closed it, and the link goes with the fixture', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-pty-test-'));
  const path = join(folder, 'fixture-1');
  const open = await openPtyFixture({ path });
  try {
    open.fixture.load(makeUnit(plan, 1));
    for (let station = 0; station < 2; station++) {
      const terminal = spawn('socat', ['STDIO', `${path},raw,echo=0`]);
      const ended = once(terminal, 'exit');
      terminal.stdin.write(hello);
      await untilReply(terminal.stdout);
      terminal.kill();
      await ended;
    }
    await assert.rejects(openPtyFixture({ path }), (error) => isImprintError(error, 'path_refused'));
  } finally {
    await open.close();
    assert.ok(!existsSync(path));
    rmSync(folder, { recursive: true });
  }
});
