/** A PKCS#11 library that stands before SoftHSM and fails on order: what a real HSM does on its worst days, at a call of one's choice. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SoftHsm } from './softhsm.test-kit.ts';
import type { TokenPlace } from './token-place.ts';

const source = fileURLToPath(new URL('./faulty-module.c', import.meta.url));

export interface FaultyModule {
  /** The same token, seen through this library. */
  place(token: TokenPlace): TokenPlace;
  /** `FUNCTION PASS ACTION [VALUE] [once]`, as `faulty-module.c` says. It replaces the order before it. */
  order(line: string): void;
  /** From now on everything is done as it should be. */
  relent(): void;
  /** How often this function was called so far, in all processes. */
  calls(name: string): number;
}

export function makeFaultyModule(hsm: SoftHsm): FaultyModule {
  const library = join(hsm.folder, 'faulty.so');
  const orderFile = join(hsm.folder, 'order');
  const callsFile = join(hsm.folder, 'calls');
  const headers = join(dirname(createRequire(import.meta.url).resolve('pkcs11js')), 'includes');
  const compiled = spawnSync(
    'cc',
    [
      ...['-shared', '-fPIC', '-O1', '-o', library, `-I${headers}`],
      ...[`-DREAL="${hsm.module}"`, `-DORDER="${orderFile}"`, `-DCALLS="${callsFile}"`],
      ...[source, '-ldl'],
    ],
    { encoding: 'utf8' },
  );
  assert.ifError(
    compiled.error && new Error('cc does not start: install the package gcc', { cause: compiled.error }),
  );
  assert.equal(compiled.status, 0, compiled.stderr);
  return {
    place: (token) => ({ ...token, module: library }),
    order: (line) => {
      // a new file each time, and never half of one
      writeFileSync(`${orderFile}.new`, `${line}\n`);
      renameSync(`${orderFile}.new`, orderFile);
    },
    relent: () => rmSync(orderFile, { force: true }),
    calls: (name) =>
      existsSync(callsFile)
        ? readFileSync(callsFile, 'utf8')
            .split('\n')
            .filter((each) => each === name).length
        : 0,
  };
}
