/**
 * Several processes of the authority on one database server, behind a balancer that knows nothing of sessions: each request goes
 * to any of them, be it there or not. What strikes the processes, the server and the ways between them comes in here.
 */
import { openPostgres } from '@imprint/authority/storage/postgres/open-postgres';
import type { Authorities, AuthoritiesParts } from './authorities.ts';
import { AuthorityHost } from './authority-host.ts';
import type { AuthorityIdentity } from './authority-identity.ts';
import type { AuthorityProcess } from './authority-process.ts';
import type { FaultName } from './catalogue.ts';
import { DatabaseServer } from './database/server.ts';
import type { Act } from './database/session.ts';
import { DatabaseWire, type WireFault } from './database/wire.ts';
import { openFailingStorage } from './disk.ts';
import type { PlannedFault } from './faults.ts';
import type { Life } from './life.ts';
import type { Route } from './network.ts';
import { SingleActs } from './single-acts.ts';
import { type Chance, chance } from './world.ts';

const url = 'postgres://imprint@127.0.0.1/imprint';
const hourMs = 3_600_000;
/** How far clocks may be apart that NTP has right. */
const mostSkewMs = 2_000;
/** Of so many statements, one takes its time; the others are answered at once. */
const slowEvery = 24;

export class Replicas implements Authorities {
  readonly identity: AuthorityIdentity;
  readonly file: string;
  readonly #parts: AuthoritiesParts;
  readonly #draw: Chance;
  readonly #server: DatabaseServer;
  readonly #hosts: AuthorityHost[];
  /** By host: the way of its process to the server. */
  readonly #wires = new Map<number, DatabaseWire>();
  /** By station and host: until when nothing goes between them. */
  readonly #cutUntilMs = new Map<string, number>();
  #setUp: Life | undefined;

  constructor(parts: AuthoritiesParts, count: number) {
    const { world, identity, file, network, watcher, judge } = parts;
    this.identity = identity;
    this.file = file;
    this.#parts = parts;
    this.#draw = chance(world.entropy('replicas'));
    this.#server = new DatabaseServer(file, world);
    this.#server.committed = () => watcher.mayHaveCommitted();
    const acts = new SingleActs(world, judge);
    this.#hosts = Array.from(
      { length: count },
      (_, at) =>
        new AuthorityHost({
          ...parts,
          name: `r${at + 1}`,
          asked: (process) => acts.beside(process, () => this.#hosts[at]!.isClockRight),
          skewMs: this.#draw.below(2 * mostSkewMs + 1) - mostSkewMs,
          open: (life) => openPostgres(url, 'dev', undefined, this.#wire(at, life).driver),
        }),
    );
    const balance = chance(world.entropy('balancer'));
    network.route = ({ stationId }): Route => {
      const at = balance.below(count);
      const isCut = () => (this.#cutUntilMs.get(`${stationId} ${at}`) ?? 0) > world.nowMs;
      return { listener: this.#hosts[at]!.process, isCut };
    };
  }

  get process(): AuthorityProcess | undefined {
    return this.processes[0];
  }

  get processes(): AuthorityProcess[] {
    return this.#hosts.flatMap(({ process }) => process ?? []);
  }

  /** As it is done on the machine of the database, before anybody else is there. */
  setUp(): AuthorityProcess {
    const host = new AuthorityHost({
      ...this.#parts,
      name: 'setup',
      open: (life) => {
        this.#setUp = life;
        return openFailingStorage(this.file, life, () => undefined);
      },
    });
    host.start();
    return host.process!;
  }

  begin(): void {
    this.#setUp!.kill();
    for (const host of this.#hosts) {
      host.start();
      host.mind();
    }
  }

  stop(): void {
    for (const host of this.#hosts) host.stop();
    this.#setUp?.kill();
    this.#server.close();
  }

  happen({ fault, draw }: PlannedFault, stationId: string): void {
    const at = this.#draw.below(this.#hosts.length);
    const host = this.#hosts[at]!;
    const isFirst = draw < 0.5;
    switch (fault) {
      case 'replica-killed':
        host.kill();
        break;
      case 'replica-cut-off':
        // past the patience of its pool, now and then
        if (isFirst) this.#wires.get(at)?.cut(2_000 + this.#draw.below(60_000));
        else this.#wires.get(at)?.silence(2_000 + this.#draw.below(60_000));
        break;
      case 'replica-clock-off':
        // two of them together would be past the bound
        if (host.isClockRight) host.jumpClock((isFirst ? -1 : 1) * (15_000 + this.#draw.below(35_000)));
        break;
      case 'replica-clock-hour':
        host.jumpClock((isFirst ? -1 : 1) * hourMs);
        break;
      case 'station-cut-from-replica':
        this.#cutUntilMs.set(
          `${stationId} ${at}`,
          this.#parts.world.nowMs + 10_000 + this.#draw.below(50_000),
        );
        break;
      case 'server-restarted':
        this.#server.away(200 + this.#draw.below(5_000));
        break;
      case 'server-away':
        this.#server.away(32_000 + this.#draw.below(40_000));
        break;
    }
  }

  #wire(at: number, life: Life): DatabaseWire {
    let fast = this.#draw.below(slowEvery);
    const wire = new DatabaseWire({
      server: this.#server,
      life,
      tripMs: (act) => {
        if (act === 'commit') return 1 + this.#draw.below(3);
        if (fast-- > 0) return 0;
        fast = this.#draw.below(2 * slowEvery);
        return 1;
      },
      gate: (act, isWriter) => this.#wireFault(act, isWriter),
    });
    this.#wires.set(at, wire);
    return wire;
  }

  #wireFault(act: Act, isWriter: boolean): WireFault | undefined {
    const struck = this.#parts.faults.strike(
      'statement',
      () => true,
      (fault) => fitsAct(fault, act, isWriter),
    );
    if (struck === undefined) return undefined;
    const { fault, draw } = struck;
    switch (fault) {
      case 'commit-unanswered':
        return { kind: 'reset', when: 'after' };
      case 'commit-late':
        // past the server's patience with a silent transaction, now and then
        return { kind: 'late', ms: 100 + draw * 12_000 };
      case 'replica-killed-at-statement':
        return { kind: 'killed', when: draw < 0.3 ? 'before' : draw < 0.7 ? 'asked' : 'after' };
      case 'replica-hangs':
        return { kind: 'frozen', ms: 8_000 + draw * 20_000 };
      case 'server-crashed-at-commit':
        return { kind: 'crash', when: draw < 0.5 ? 'before' : 'after', ms: 500 + draw * 4_000 };
      case 'server-full':
        return { kind: 'refused', code: '53100' };
      case 'server-eio':
        return { kind: 'refused', code: '58030' };
      default:
        return { kind: 'reset', when: 'before' };
    }
  }
}

function fitsAct(fault: FaultName, act: Act, isWriter: boolean): boolean {
  switch (fault) {
    case 'connection-lost':
      return act !== 'commit' && act !== 'rollback';
    case 'replica-killed-at-statement':
      return act !== 'rollback';
    case 'replica-hangs':
      return isWriter && (act === 'read' || act === 'write');
    case 'server-full':
      return act === 'write';
    case 'server-eio':
      return isWriter && (act === 'read' || act === 'write');
    default:
      return isWriter && act === 'commit';
  }
}
