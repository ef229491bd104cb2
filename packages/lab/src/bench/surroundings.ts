/** What a figure depends on besides the code: the machine, the system, and the versions of the programs that took part. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  system: string;
  /** Of the minute before anything was measured. */
  loadBefore: number;
}

export const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** This machine, now. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore: loadavg()[0]!,
  };
}

/** Version by program, of those that are installed. */
export function programVersions(): Record<string, string> {
  const versions = { node: process.versions.node, openssl: openssl(), cfssl: cfssl() };
  return Object.fromEntries(
    Object.entries(versions).filter(([, version]) => version !== undefined),
  ) as Record<string, string>;
}

/** The commit that is measured, marked where files other than results differ from it; `unknown` outside of a clone. */
export function thisCommit(): string {
  const commit = output('git', ['-C', repository, 'rev-parse', '--short', 'HEAD']);
  if (commit === undefined) return 'unknown';
  const differs =
    output('git', ['-C', repository, 'diff', '--quiet', 'HEAD', '--', '.', ':!bench']) === undefined;
  return differs ? `${commit}-dirty` : commit;
}

function openssl(): string | undefined {
  return output('openssl', ['version'])?.split(' ')[1];
}

function cfssl(): string | undefined {
  return /^Version:\s*(\S+)/m.exec(output('cfssl', ['version']) ?? '')?.[1];
}

function output(program: string, args: readonly string[]): string | undefined {
  const run = spawnSync(program, args, { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : undefined;
}
