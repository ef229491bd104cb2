/** A process whose clock is wrong, by Debian's faketime: the real program in an environment, and nothing in it knows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';

/** Debian keeps the library out of the linker's path; its own command names it. */
function library(): string {
  const { stdout } = spawnSync('faketime', ['-f', '+0s', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
  assert.ok(stdout, "faketime is missing: install Debian's package faketime");
  return stdout.trim().split(':').at(-1)!;
}

/** The environment of a process whose clock is off by what stands in a file, now and later. */
export class WrongClock {
  readonly environment: NodeJS.ProcessEnv;
  readonly #file: string;

  constructor(file: string, offSeconds: number) {
    this.#file = file;
    this.set(offSeconds);
    this.environment = {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on it is off by so much. */
  set(offSeconds: number): void {
    const draft = `${this.#file}.new`;
    writeFileSync(draft, `${offSeconds < 0 ? '' : '+'}${offSeconds}s`);
    renameSync(draft, this.#file);
  }
}
