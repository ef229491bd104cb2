/** The authority as the rest of the factory sees it, be it one process on one disk or several on one database. */
import { join } from 'node:path';
import { AuthorityHost, type AuthorityWatcher } from './authority-host.ts';
import { type AuthorityIdentity, makeIdentity } from './authority-identity.ts';
import type { AuthorityProcess } from './authority-process.ts';
import type { FaultName } from './catalogue.ts';
import { type DiskAct, type DiskFault, makeAuthorityFile, openFailingStorage } from './disk.ts';
import type { Faults, PlannedFault } from './faults.ts';
import type { Network } from './network.ts';
import { Replicas } from './replicas.ts';
import type { ActJudge } from './single-acts.ts';
import type { World } from './world.ts';

export interface Authorities {
  readonly identity: AuthorityIdentity;
  readonly file: string;
  /** Some process that lives. */
  readonly process: AuthorityProcess | undefined;
  /** All that live. */
  readonly processes: readonly AuthorityProcess[];
  /** Begins before the factory's time does, with a process to which nothing happens yet. */
  setUp(): AuthorityProcess;
  /** From now on things happen, and people look after it. */
  begin(): void;
  /** Lets happen what may happen at any time; `stationId` is where the board lies that it is planned for. */
  happen(planned: PlannedFault, stationId: string): void;
  stop(): void;
}

export interface AuthoritiesParts {
  world: World;
  faults: Faults;
  network: Network;
  watcher: AuthorityWatcher;
  judge: ActJudge;
  identity: AuthorityIdentity;
  file: string;
}

/** Makes keys, certificates and an empty database in the folder. `replicas`: how many processes share it. */
export async function makeAuthorities(
  parts: Omit<AuthoritiesParts, 'identity' | 'file'>,
  folder: string,
  replicas: number,
): Promise<Authorities> {
  const identity = await makeIdentity(parts.world);
  const file = join(folder, 'a', 'imprint.db');
  await makeAuthorityFile(file);
  const all = { ...parts, identity, file };
  return replicas > 1 ? new Replicas(all, replicas) : new SoleAuthority(all);
}

const hourMs = 3_600_000;

class SoleAuthority implements Authorities {
  readonly identity: AuthorityIdentity;
  readonly file: string;
  readonly #parts: AuthoritiesParts;
  readonly #host: AuthorityHost;

  constructor(parts: AuthoritiesParts) {
    const { identity, file, network } = parts;
    this.identity = identity;
    this.file = file;
    this.#parts = parts;
    this.#host = new AuthorityHost({
      ...parts,
      open: (life) => openFailingStorage(file, life, (act) => this.#diskFault(act)),
    });
    network.route = () => ({ listener: this.#host.process, isCut: () => false });
  }

  get process(): AuthorityProcess | undefined {
    return this.#host.process;
  }

  get processes(): AuthorityProcess[] {
    return this.process === undefined ? [] : [this.process];
  }

  setUp(): AuthorityProcess {
    this.#host.start();
    return this.#host.process!;
  }

  begin(): void {
    this.#host.mind();
  }

  happen({ fault, draw }: PlannedFault): void {
    const sign = draw < 0.5 ? -1 : 1;
    if (fault === 'authority-killed') this.#host.kill();
    if (fault === 'clock-hour') this.#host.jumpClock(sign * hourMs);
    if (fault === 'clock-year') this.#host.jumpClock(sign * 365 * 24 * hourMs);
  }

  stop(): void {
    this.#host.stop();
  }

  #diskFault(act: DiskAct): DiskFault | undefined {
    const { faults, watcher } = this.#parts;
    if (act === 'commit') queueMicrotask(() => watcher.mayHaveCommitted());
    const struck = faults.strike(
      'database',
      () => true,
      (fault) => fitsAct(fault, act),
    );
    switch (struck?.fault) {
      case undefined:
        return undefined;
      case 'authority-killed-at-database':
        return struck.draw < 0.5 ? 'killed-before' : 'killed-after';
      case 'commit-kept':
        return 'kept';
      case 'database-full':
        return 'full';
      case 'database-busy':
        return 'busy';
      default:
        return 'eio';
    }
  }
}

/** Faults of commits strike commits, and a file that is held is held when a transaction begins. */
function fitsAct(fault: FaultName, act: DiskAct): boolean {
  if (fault === 'commit-lost' || fault === 'commit-kept') return act === 'commit';
  if (fault === 'database-busy') return act === 'begin';
  if (fault === 'database-full') return act === 'write' || act === 'commit';
  return act !== 'other';
}
