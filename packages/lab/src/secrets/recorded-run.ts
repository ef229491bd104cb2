/**
 * The demo as anybody runs it, with a recorder in each of its processes and a folder for everything that it could write
 * to. It stays up for as long as a test asks it for exports, gives it wrong input and lets its processes crash.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { faultSignal, type ProcessFacts, recordingVariable } from './recorder.ts';
import type { Place } from './search.ts';

const mainFile = fileURLToPath(import.meta.resolve('imprint/main'));
const recorder = new URL('./recorder.ts', import.meta.url).href;

/** Folders of a run. Not searched: `inputs`, which the test wrote, and `compiled`, our own code. */
const folders = ['home', 'temporary', 'working', 'exports', 'recording', 'inputs', 'compiled'] as const;

export interface RunPlace extends Place {
  /** Of a file: its permissions. */
  mode?: number;
}

export interface RecordedProcess extends ProcessFacts {
  pid: number;
  /** `station run st-1`: the command, and what it is about. */
  role: string;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class RecordedRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'imprint-secrets-'));
  readonly #running = new Set<ChildProcess>();
  readonly #outputs: RunPlace[] = [];
  readonly #abandon = () => {
    for (const child of this.#running) child.kill('SIGTERM');
  };

  constructor() {
    for (const name of folders) mkdirSync(this.path(name), { mode: 0o700 });
    process.once('exit', this.#abandon);
  }

  path(folder: (typeof folders)[number], ...names: string[]): string {
    return join(this.folder, folder, ...names);
  }

  /** Runs an `imprint` command to its end; what it said is a place as well. */
  async imprint(args: string[], input = ''): Promise<Ended> {
    return this.ended(this.spawn([mainFile, ...args]), args.slice(0, 2).join(' '), input);
  }

  /** Starts the demo; gives its public listener and how it ends once it stays up. */
  async demo(flags: string[]): Promise<{ publicUrl: string; stop: () => Promise<Ended> }> {
    const child = this.spawn([
      mainFile,
      'demo',
      '--home',
      this.path('home'),
      '--keep',
      '--link',
      'tcp',
      ...flags,
    ]);
    const ended = this.ended(child, 'demo', '');
    const staysUp = new Promise<string>((resolve, reject) => {
      let said = '';
      child.stdout!.on('data', (bytes: Buffer) => {
        said += bytes.toString();
        const [, url] = /It stays up: public listener (\S+)\./.exec(said) ?? [];
        if (url !== undefined) resolve(url);
      });
      void ended.then(({ stderr }) => reject(new Error(`the demo ended: ${said}${stderr}`)));
    });
    const publicUrl = await staysUp;
    const stop = () => {
      child.kill('SIGINT');
      return ended;
    };
    return { publicUrl, stop };
  }

  /** A process of Node with the recorder. */
  spawn(args: string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, args, {
      cwd: this.path('working'),
      env: {
        ...process.env,
        ...environment,
        NODE_OPTIONS: `--import=${recorder}`,
        // Two dozen processes start faster from compiled code.
        NODE_COMPILE_CACHE: this.path('compiled'),
        TMPDIR: this.path('temporary'),
        [recordingVariable]: this.path('recording'),
      },
    });
    this.#running.add(child);
    return child;
  }

  /** Gives it its input and waits for its end. */
  async ended(child: ChildProcess, name: string, input: string): Promise<Ended> {
    const said: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]!.on('data', (bytes: Buffer) => said[stream].push(bytes));
    }
    child.stdin!.end(input);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    this.#running.delete(child);
    const [stdout, stderr] = [Buffer.concat(said.stdout), Buffer.concat(said.stderr)];
    // Node itself writes the last words of a crash, past every recorder.
    this.#outputs.push({ name: `output of ${name}`, kind: 'output', bytes: Buffer.concat([stdout, stderr]) });
    return { code, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** Lets a process of the run die of a fault that nobody catches; resolves when it is gone. */
  async crash(role: string): Promise<void> {
    const { pid } = this.processes().findLast((each) => each.role === role)!;
    process.kill(pid, faultSignal);
    while (isAlive(pid)) await setImmediate();
  }

  processes(): RecordedProcess[] {
    return readdirSync(this.path('recording'))
      .map(Number)
      .sort((a, b) => a - b)
      .map((pid) => {
        const facts = JSON.parse(
          readFileSync(this.path('recording', String(pid), 'facts.json'), 'utf8'),
        ) as ProcessFacts;
        return { ...facts, pid, role: roleOf(facts.argv) };
      });
  }

  /** Everything that the run has written, said or sent so far. */
  places(): RunPlace[] {
    const files = (['home', 'temporary', 'working', 'exports'] as const).flatMap((folder) =>
      filesBelow(this.path(folder)).map((path) => {
        const name = path.slice(this.folder.length + 1);
        const isDatabase = /\.(db|sqlite)(-wal|-shm|-journal)?$/.test(name);
        const kind = folder === 'exports' ? 'export' : isDatabase ? 'database' : 'file';
        return { name, kind, bytes: readFileSync(path), mode: statSync(path).mode & 0o777 };
      }),
    );
    const recorded = this.processes().flatMap(({ pid, role }) =>
      filesBelow(this.path('recording', String(pid))).map((path) => {
        const stream = basename(path);
        return { name: `${role}: ${stream}`, kind: stream.replace(/-\d+-/, ' '), bytes: readFileSync(path) };
      }),
    );
    return [...files, ...recorded, ...this.#outputs];
  }

  remove(): void {
    this.#abandon();
    process.off('exit', this.#abandon);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function roleOf(argv: string[]): string {
  const words = argv.slice(0, argv.findIndex((word) => word.startsWith('-')) >>> 0);
  const home = argv[argv.indexOf('--home') + 1];
  return [...words, ...(argv.includes('--home') ? [basename(home!)] : [])].join(' ');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
