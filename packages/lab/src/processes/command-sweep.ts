/**
 * Strikes commands that make something and end: `init`, `order create`, `station invite`, `device scrap --csv`, `station enroll`,
 * `backup`, `restore`. Whatever was
 * broken off, the same command run again leaves the whole thing, or says plainly that it is there already; nothing half
 * is ever opened as if it were whole.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CommandCase } from './command-cases.ts';
import { DiskImage, writeImage } from './disk-image.ts';
import { FaultControl, isDeadly, losesUnsynced, type Strike } from './fault-control.ts';
import { assertPlain, within } from './plain-end.ts';
import { type PartCount, type Point, pointName } from './points.ts';
import type { Recording } from './power-law.ts';
import type { Tally } from './tally.ts';
import { parseTrace } from './trace.ts';

const mainFile = fileURLToPath(import.meta.resolve('imprint/main'));

/** What a struck command came to; `refused`: it ended with a plain reason. All were whole after a second run. */
export type CommandOutcome = 'unnoticed' | 'ended' | 'refused' | 'not-reached';

interface Ended {
  code: number | null;
  errorText: string;
}

/** One run without a fault, operation by operation. */
export async function recordCommand(command: CommandCase): Promise<Recording & PartCount> {
  const { part } = command;
  let recording: (Recording & PartCount) | undefined;
  await onDisk(command, async (disk, control) => {
    const before = new DiskImage(disk);
    control.arm();
    const ended = await run(command, disk, control.environment());
    if (ended.code !== 0) throw new Error(`${part} fails without a fault: ${ended.errorText}`);
    await command.check(disk);
    recording = { part, counts: control.counts(), operations: parseTrace(control.trace()), disk: before };
  });
  return recording!;
}

/** `heard` is told each point before it is tried. */
export async function sweepCommands(
  commands: readonly CommandCase[],
  points: Iterable<Point>,
  tally: Tally,
  heard: (name: string) => void,
): Promise<void> {
  for (const point of points) {
    const command = commands.find(({ part }) => part === point.part)!;
    heard(pointName(point));
    try {
      tally.add(point, await strikeCommand(command, point));
    } catch (error) {
      tally.add(point, 'broken');
      tally.violated([point], error);
    }
  }
}

async function strikeCommand(command: CommandCase, strike: Strike): Promise<CommandOutcome> {
  let outcome: CommandOutcome = 'not-reached';
  await onDisk(command, async (disk, control) => {
    const before = new DiskImage(disk);
    control.arm(strike);
    const ended = await run(command, disk, control.environment());
    if (control.struck) outcome = judgeEnd(ended, strike);
    if (control.struck && losesUnsynced(strike.fault)) {
      for (const operation of parseTrace(control.trace())) before.apply(operation);
      writeImage(before.image('synced'), disk);
    }
    if (ended.code !== 0) await runAgain(command, disk);
    await command.check(disk);
  });
  return outcome;
}

function judgeEnd({ code, errorText }: Ended, { fault }: Strike): CommandOutcome {
  if (code === 0) return 'unnoticed';
  if (isDeadly(fault)) return 'ended';
  assertPlain(errorText);
  return 'refused';
}

async function runAgain(command: CommandCase, disk: string): Promise<void> {
  const again = await run(command, disk, process.env);
  if (again.code === 0) return;
  assertPlain(again.errorText);
  if (!command.isThereAlready.test(again.errorText)) {
    throw new Error(`${command.part} run again does not mend it: ${again.errorText}`);
  }
}

/** A folder that stands for the disk, with what the command needs on it. */
async function onDisk(
  command: CommandCase,
  work: (disk: string, control: FaultControl) => Promise<void>,
): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), `imprint-faults-${command.part}-`));
  const disk = join(place, 'disk');
  const control = new FaultControl(disk, join(place, 'faults'));
  try {
    await command.prepare(disk);
    await work(disk, control);
  } finally {
    control.close();
    rmSync(place, { recursive: true });
  }
}

async function run(command: CommandCase, disk: string, environment: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn(process.execPath, [mainFile, ...command.arguments(disk), '--json'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errorText = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errorText += bytes.toString('utf8');
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    command.onLine?.(line).catch((error: unknown) => {
      errorText += String(error);
    });
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  try {
    return { code: await within(ended, `${command.part} ends`), errorText };
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
