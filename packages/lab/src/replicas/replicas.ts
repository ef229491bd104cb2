/**
 * Further processes of a line's authority, all on its one PostgreSQL database. Each has a home of its own, as on a machine of
 * its own, and a wire on either side that a test cuts or stalls: to the stations, and to the database.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { authorityHome, readConfiguration, writeConfiguration } from 'imprint/authority-home';
import { Child } from 'imprint/demo/child';
import type { CrashLine } from '../processes/crash-line.ts';
import { leaveNothingBehind } from '../processes/leave-nothing-behind.ts';
import { Wire } from '../processes/wire.ts';

export interface Replica {
  child: Child;
  home: string;
  /** Between the stations and this process. */
  front: Wire;
  frontPort: number;
  /** Between this process and the database. */
  back: Wire;
  publicUrl: string;
}

export interface ReplicaOptions {
  name: string;
  /** What differs from the environment of all others. */
  environment?: NodeJS.ProcessEnv;
}

export class Replicas {
  readonly #line: CrashLine;
  readonly #databaseSocket: string;
  readonly #all: Replica[] = [];
  readonly #wires: Wire[] = [];
  readonly #forget: () => void;

  /** @param databaseSocket the file of the server's socket */
  constructor(line: CrashLine, databaseSocket: string) {
    this.#line = line;
    this.#databaseSocket = databaseSocket;
    this.#forget = leaveNothingBehind(() =>
      this.#all.map(({ child }) => (child.hasEnded ? undefined : child.pid)),
    );
  }

  /** Makes a home whose way to the database goes over a wire. */
  async home(name: string): Promise<{ home: string; back: Wire }> {
    const home = join(this.#line.home, name);
    cpSync(this.#line.authorityHome, home, { recursive: true });
    const back = new Wire(this.#databaseSocket);
    this.#wires.push(back);
    const paths = authorityHome(home);
    const configuration = readConfiguration(paths);
    const { pathname } = new URL(configuration.database!);
    const database = `postgres://imprint@127.0.0.1:${await back.listen()}${pathname}`;
    writeConfiguration(paths, { ...configuration, database });
    return { home, back };
  }

  /** Starts one, and resolves when it serves; no station is led to it yet. */
  async add({ name, environment }: ReplicaOptions): Promise<Replica> {
    const { home, back } = await this.home(name);
    const child = new Child(name, serveArgs(home), { ...process.env, ...environment });
    const ready = await child.next(({ event }) => event === 'ready');
    const front = new Wire(Number(new URL(String(ready.station)).port));
    this.#wires.push(front);
    const frontPort = await front.listen();
    const replica = { child, home, front, frontPort, back, publicUrl: String(ready.public) };
    this.#all.push(replica);
    return replica;
  }

  /** Leads the stations to these ports in turn, as a balancer does, and lets go of the connections that they have. */
  lead(...ports: readonly number[]): void {
    const { network } = this.#line;
    let turn = 0;
    network.target = () => ports[turn++ % ports.length]!;
    network.unplug();
    network.plug();
  }

  /** Ends those that were added. */
  async close(): Promise<void> {
    for (const wire of this.#wires) wire.flow();
    await Promise.all(this.#all.map(({ child }) => child.stop()));
    await Promise.all(this.#wires.map((wire) => wire.close()));
    this.#forget();
  }
}

/** Starts a process that is meant to give up by itself: its exit code, and what it said. One that serves is stopped. */
export async function serveInVain(
  home: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ code: number; errorText: string }> {
  const child = new Child('serve', serveArgs(home), { ...process.env, ...environment });
  child.onEvent(({ event }) => {
    if (event === 'ready') void child.stop();
  });
  const code = await child.ends();
  return { code, errorText: child.errorText };
}

function serveArgs(home: string): string[] {
  return ['serve', '--home', home, '--station-port', '0', '--public-port', '0', '--json'];
}
