/**
 * Puts a program under faults of its system calls: compiles the library that stands before the C library, and steers it
 * through a page of memory that both share, so that steering is no operation of the program and needs none of its help.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { labCache } from './compiled-code.ts';

/** What a program does to its folder and to the network, in the order of syscall-faults.c. */
export const operationClasses = ['write', 'sync', 'rename', 'create', 'unlink', 'truncate', 'send'] as const;
export type OperationClass = (typeof operationClasses)[number];

/**
 * What befalls one operation. `power-cut` and `lost` are completed by whoever steers: after the first the disk holds
 * what was synced and nothing else; after the second the pages of the failed sync are gone, as a kernel drops them.
 */
export const faults = [
  'kill-before',
  'kill-after',
  'eio',
  'enospc',
  'short',
  'reset',
  'power-cut',
  'lost',
] as const;
export type Fault = (typeof faults)[number];

/** The faults that an operation can meet. */
export const faultsOf: Record<OperationClass, readonly Fault[]> = {
  write: ['kill-before', 'kill-after', 'eio', 'enospc', 'short', 'power-cut'],
  sync: ['kill-before', 'kill-after', 'eio', 'enospc', 'power-cut', 'lost'],
  rename: ['kill-before', 'kill-after', 'eio', 'enospc', 'power-cut'],
  create: ['kill-before', 'kill-after', 'eio', 'enospc', 'power-cut'],
  unlink: ['kill-before', 'kill-after', 'eio', 'power-cut'],
  truncate: ['kill-before', 'kill-after', 'eio', 'power-cut'],
  send: ['kill-before', 'kill-after', 'short', 'reset', 'power-cut'],
};

/** The process does not outlive it. */
export function isDeadly(fault: Fault | undefined): boolean {
  return fault === 'kill-before' || fault === 'kill-after' || fault === 'power-cut';
}

/** What was not synced is gone from the disk. */
export function losesUnsynced(fault: Fault | undefined): boolean {
  return fault === 'power-cut' || fault === 'lost';
}

export interface Strike {
  class: OperationClass;
  /** The first of its class after arming is 1. */
  number: number;
  fault: Fault;
}

export type Counts = Record<OperationClass, number>;

const words = 16;
/** Numbers of `enum fault`. */
const faultNumber: Record<Fault, number> = {
  ...{ 'kill-before': 1, 'kill-after': 2, eio: 3, enospc: 4, short: 5, reset: 6 },
  ...{ 'power-cut': 1, lost: 3 },
};
const never: Strike = { class: 'write', number: 0, fault: 'eio' };

export class FaultControl {
  readonly #file: number;
  readonly #folder: string;
  readonly #controlPath: string;
  readonly #tracePath: string;

  /** For one program whose folder is `folder`; `place` is a folder for control and trace, outside of it. */
  constructor(folder: string, place: string) {
    mkdirSync(place, { recursive: true });
    this.#folder = folder;
    this.#controlPath = join(place, 'control');
    this.#tracePath = join(place, 'trace');
    this.#file = openSync(this.#controlPath, 'w+', 0o600);
    writeSync(this.#file, Buffer.alloc(words * 4));
  }

  /** What the program is started with. */
  environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      LD_PRELOAD: faultLibrary(),
      FAULTS_FOLDER: this.#folder,
      FAULTS_CONTROL: this.#controlPath,
      FAULTS_TRACE: this.#tracePath,
      UV_USE_IO_URING: '0',
    };
  }

  /** Counts from here on, and strikes where it is said; without a strike it only counts. */
  arm(strike: Strike = never): void {
    const page = Buffer.alloc(words * 4);
    this.#read(page);
    page.fill(0, 0, 5 * 4);
    page.fill(0, 6 * 4);
    page.writeInt32LE(operationClasses.indexOf(strike.class), 4);
    page.writeInt32LE(strike.number, 8);
    page.writeInt32LE(faultNumber[strike.fault], 12);
    page.writeInt32LE(1, 0);
    writeSync(this.#file, page, 0, 5 * 4, 0);
    writeSync(this.#file, page, 6 * 4, (words - 6) * 4, 6 * 4);
  }

  disarm(): void {
    writeSync(this.#file, Buffer.alloc(4), 0, 4, 0);
  }

  get isArmed(): boolean {
    return this.#word(0) !== 0;
  }

  get struck(): boolean {
    return this.#word(4) !== 0;
  }

  /** Operations since the program began: the place in its trace. */
  get operations(): number {
    return this.#word(5);
  }

  counts(): Counts {
    const page = Buffer.alloc(words * 4);
    this.#read(page);
    return Object.fromEntries(
      operationClasses.map((name, at) => [name, page.readInt32LE((6 + at) * 4)]),
    ) as Counts;
  }

  /** All that the program did so far, as the library wrote it (see trace.ts). */
  trace(): Buffer {
    return existsSync(this.#tracePath) ? readFileSync(this.#tracePath) : Buffer.alloc(0);
  }

  /** Before another process is started under this control: its trace begins at the folder as it is then. */
  beginTrace(): void {
    closeSync(openSync(this.#tracePath, 'w', 0o600));
    writeSync(this.#file, Buffer.alloc(words * 4), 0, words * 4, 0);
  }

  close(): void {
    closeSync(this.#file);
  }

  #word(at: number): number {
    const page = Buffer.alloc(words * 4);
    this.#read(page);
    return page.readInt32LE(at * 4);
  }

  #read(page: Buffer): void {
    readSync(this.#file, page, 0, page.length, 0);
  }
}

const source = fileURLToPath(new URL('syscall-faults.c', import.meta.url));

/** The compiled library, made once for each text of its source. @throws tool_missing */
function faultLibrary(): string {
  mkdirSync(labCache, { recursive: true });
  const library = join(labCache, `${sha256Hex(readFileSync(source)).slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  const draft = `${library}.${process.pid}`;
  const options = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', draft, source];
  const made = spawnSync('cc', [...options, '-ldl', '-lpthread'], { encoding: 'utf8' });
  if (made.status !== 0) {
    const why = made.error?.message ?? made.stderr;
    throw new ImprintError('tool_missing', `the library of faults cannot be compiled: ${why}`, {
      hint: 'Install the Debian packages gcc and libc6-dev. Faults of system calls need Linux.',
      cause: made.error,
    });
  }
  renameSync(draft, library);
  return library;
}
