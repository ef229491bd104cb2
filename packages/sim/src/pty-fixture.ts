/**
 * A fixture behind a pseudo-terminal, which `socat` makes and which looks to a station like a serial port. It is
 * taken away again however the process ends, short of being killed outright.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import { Fixture, type FixtureOptions } from './fixture.ts';
import type { OpenFixture } from './tcp-fixture.ts';

const startTries = 200;
const startTryMs = 10;
/** What nobody reads is lost beyond this, as on a serial line. */
const unreadBytes = 64 * 1024;

/**
 * Opens a fixture whose station's end is the symbolic link `path`.
 * @throws ImprintError `tool_missing` where `socat` cannot be started, `path_refused` where something stands at the path
 */
export async function openPtyFixture(options: FixtureOptions & { path: string }): Promise<OpenFixture> {
  const { path } = options;
  if (existsSync(path)) {
    throw new ImprintError('path_refused', `Something stands at ${path} already.`, {
      hint: 'Name a folder of its own for the pseudo-terminals, or take away what an earlier run left.',
    });
  }
  // The unit's end is socat's standard input and output: a terminal opened here would hold a thread while it waits.
  const child = spawn('socat', [`pty,raw,echo=0,link=${path}`, 'STDIO'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  child.stdin.on('error', () => {});
  const keeper = await holdOpen(path, () => over);
  const fixture = new Fixture(options);
  fixture.connect((bytes) => {
    if (child.stdin.writableLength < unreadBytes) child.stdin.write(bytes);
  });
  child.stdout.on('data', (bytes: Uint8Array) => fixture.receive(bytes));
  const endChild = () => child.kill('SIGTERM');
  process.once('exit', endChild);
  return {
    fixture,
    port: path,
    close: async () => {
      fixture.unload();
      process.removeListener('exit', endChild);
      closeSync(keeper);
      endChild();
      await ended;
      rmSync(path, { force: true });
    },
  };
}

/** Holds the station's end open too: otherwise socat ends when the first station closes it. */
async function holdOpen(path: string, isOver: () => boolean): Promise<number> {
  for (let tried = 0; tried < startTries && !isOver(); tried++) {
    if (existsSync(path)) return openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    await new Promise((resolve) => setTimeout(resolve, startTryMs));
  }
  throw new ImprintError('tool_missing', 'socat could not make a pseudo-terminal.', {
    hint: 'Install socat with the system’s package manager, or use TCP links.',
  });
}
