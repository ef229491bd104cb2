/**
 * The way from one process to the database server, as the program's own pool of connections takes it: messages that take their
 * time, connections that are reset before, after or during a statement, and a network that is cut or silent for a while.
 */
import { EventEmitter } from 'node:events';
import type { PostgresDriver } from '@imprint/authority/storage/postgres/connections';
import type pg from 'pg';
import type { Life } from '../life.ts';
import type { DatabaseServer } from './server.ts';
import { type Act, actOf, type ServerAnswer, type Session, type Settings, serverError } from './session.ts';

/**
 * What goes wrong with one statement, at its place.
 * - `reset`: the connection ends before the statement arrives, or when it was carried out and nobody heard of it;
 * - `late`: the connection ends for who asks, and the statement arrives after so long;
 * - `killed`: the asking process dies before it asks, with the statement on its way, or before it hears the answer;
 * - `frozen`: the asking process does nothing for so long after it asked;
 * - `crash`: the server ends before it carries the statement out, or when it has, and is back after so long;
 * - `refused`: the server's answer, by its SQLSTATE.
 */
export type WireFault =
  | { kind: 'reset'; when: 'before' | 'after' }
  | { kind: 'late'; ms: number }
  | { kind: 'killed'; when: 'before' | 'asked' | 'after' }
  | { kind: 'frozen'; ms: number }
  | { kind: 'crash'; when: 'before' | 'after'; ms: number }
  | { kind: 'refused'; code: string };

export interface WireParts {
  server: DatabaseServer;
  life: Life;
  /** Milliseconds that a message takes in one direction; 0 for at once. */
  tripMs: (act: Act) => number;
  /** Asked before each statement. */
  gate: (act: Act, isWriter: boolean) => WireFault | undefined;
}

const connectTimeoutMs = 5_000;

export class DatabaseWire {
  readonly driver: PostgresDriver;
  readonly #parts: WireParts;
  readonly #clients = new Set<SimulatedClient>();
  #refusedUntilMs = 0;
  #silentUntilMs = 0;

  constructor(parts: WireParts) {
    const { server, life } = parts;
    this.#parts = parts;
    const wire = this;
    class Client extends SimulatedClient {
      constructor(config: pg.PoolConfig) {
        super(wire, parts, config);
      }
    }
    this.driver = {
      // its own timer would be the machine's
      pool: { Client: Client as unknown as NonNullable<pg.PoolConfig['Client']>, connectionTimeoutMillis: 0 },
      nowMs: () => server.time.nowMs,
      delay: (ms) => new Promise<void>((resolve) => life.after(ms, resolve)),
    };
    life.onDeath(() => {
      for (const client of [...this.#clients]) client.hangUp();
    });
  }

  /** The connections are reset, and no other is made for so long. */
  cut(ms: number): void {
    this.#refusedUntilMs = Math.max(this.#refusedUntilMs, this.#parts.server.time.nowMs + ms);
    for (const client of [...this.#clients]) client.reset();
  }

  /** Nothing arrives in either direction for so long; what was sent arrives then. */
  silence(ms: number): void {
    this.#silentUntilMs = Math.max(this.#silentUntilMs, this.#parts.server.time.nowMs + ms);
  }

  /** How long a message takes that is sent now. */
  tripMs(act: Act): number {
    const silentMs = this.#silentUntilMs - this.#parts.server.time.nowMs;
    return Math.max(0, silentMs) + this.#parts.tripMs(act);
  }

  get isRefused(): boolean {
    return this.#refusedUntilMs > this.#parts.server.time.nowMs || !this.#parts.server.isUp;
  }

  get isSilent(): boolean {
    return this.#silentUntilMs > this.#parts.server.time.nowMs;
  }

  joined(client: SimulatedClient): void {
    this.#clients.add(client);
  }

  left(client: SimulatedClient): void {
    this.#clients.delete(client);
  }
}

interface Question {
  act: Act;
  text: string;
  values: readonly unknown[];
  fault: WireFault | undefined;
}

/** A connection as the pool of the program sees one. */
class SimulatedClient extends EventEmitter {
  readonly #wire: DatabaseWire;
  readonly #parts: WireParts;
  readonly #settings: Settings;
  readonly #isWriter: boolean;
  readonly #silenceMs: number;
  #session: Session | undefined;
  /** Rejects what is asked for now. */
  #fail: ((error: Error) => void) | undefined;
  /** When what was sent last arrives: nothing overtakes it. */
  #arrivesMs = 0;
  // the pool looks at both
  _queryable = true;
  _ending = false;

  constructor(wire: DatabaseWire, parts: WireParts, config: pg.PoolConfig) {
    super();
    this.#wire = wire;
    this.#parts = parts;
    this.#settings = readSettings(config.options ?? '');
    this.#isWriter = this.#settings.get('default_transaction_read_only') !== 'on';
    this.#silenceMs = Number(config.query_timeout ?? 0);
  }

  connect(done: (error?: Error) => void): void {
    const wire = this.#wire;
    if (wire.isSilent) {
      this.#parts.life.after(connectTimeoutMs, () => done(new Error('timeout expired')));
      return;
    }
    this.#hear(wire.tripMs('begin'), () => {
      if (wire.isRefused) return done(new Error('connect ECONNREFUSED'));
      const session = this.#parts.server.accept(this.#settings);
      session.onEnd = (error) => this.#hear(wire.tripMs('read'), () => this.#lose(error));
      this.#session = session;
      wire.joined(this);
      done();
    });
  }

  query(asked: { text: string; values?: unknown[] } | string): Promise<ServerAnswer> {
    const { life, gate } = this.#parts;
    // a process that died says nothing
    if (!life.alive) return new Promise(() => undefined);
    if (!this._queryable) return Promise.reject(new Error('the connection is not queryable'));
    const { text, values = [] } = typeof asked === 'string' ? { text: asked } : asked;
    const act = actOf(text);
    const fault = gate(act, this.#isWriter);
    const question = { act, text, values, fault };
    const tripMs = this.#wire.tripMs(act);
    if (fault !== undefined || tripMs > 0 || life.isFrozen) return this.#ask(question, tripMs);
    try {
      const answer = this.#session!.query(text, values);
      return answer instanceof Promise ? this.#await(answer) : Promise.resolve(answer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Closes it from this side; the server hears of it after what was sent before. */
  end(done?: () => void): void {
    this._ending = true;
    this._queryable = false;
    this.hangUp();
    if (done !== undefined) process.nextTick(done);
  }

  hangUp(): void {
    const session = this.#session;
    this.#wire.left(this);
    if (session === undefined) return;
    session.onEnd = () => undefined;
    this.#send(this.#wire.tripMs('commit'), () => session.end(closedByClient()));
  }

  /** The connection is gone for both sides. */
  reset(): void {
    const session = this.#session;
    this.#wire.left(this);
    this.#session = undefined;
    if (session !== undefined) {
      session.onEnd = () => undefined;
      session.end(closedByClient());
    }
    this.#lose(new Error('read ECONNRESET'));
  }

  #await(answer: Promise<ServerAnswer>): Promise<ServerAnswer> {
    return new Promise((resolve, reject) => {
      const settled = this.#opens(reject);
      const heard = (act: () => void) => this.#hear(this.#wire.tripMs('read'), () => settled(act));
      answer.then(
        (value) => heard(() => resolve(value)),
        (error) => heard(() => reject(error)),
      );
    });
  }

  /** Over a network that takes its time, or with a fault. */
  #ask({ act, text, values, fault }: Question, tripMs: number): Promise<ServerAnswer> {
    const { life, server } = this.#parts;
    return new Promise((resolve, reject) => {
      const settled = this.#opens(reject);
      if (fault?.kind === 'killed' && fault.when === 'before') return life.kill();
      if (fault?.kind === 'reset' && fault.when === 'before') return this.reset();
      if (fault?.kind === 'refused') return settled(() => reject(serverError(fault.code, 'it was refused')));
      if (fault?.kind === 'frozen') life.freeze(fault.ms);
      const heard = (answer: () => void) => {
        if (fault?.kind === 'killed') return life.kill();
        if (fault?.kind === 'reset') return this.reset();
        if (fault?.kind === 'crash') return server.away(fault.ms);
        this.#hear(this.#wire.tripMs(act), () => settled(answer));
      };
      this.#send(fault?.kind === 'late' ? fault.ms : tripMs, () => {
        if (fault?.kind === 'crash' && fault.when === 'before') return server.away(fault.ms);
        // a session that ended meanwhile has no answer but its end, which is told already
        answerOf(this.#session, text, values).then(
          (answer) => heard(() => resolve(answer)),
          (error) => heard(() => reject(error)),
        );
      });
      if (fault?.kind === 'killed' && fault.when === 'asked') return life.kill();
      if (fault?.kind === 'late') {
        this.hangUp();
        this.#lose(new Error('read ETIMEDOUT'));
      }
    });
  }

  /** What is asked for fails where the connection ends, or where nothing is heard for too long; settles once. */
  #opens(reject: (error: Error) => void): (settle: () => void) => void {
    let isOver = false;
    const settled = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      this.#fail = undefined;
      stop();
      settle();
    };
    const fail = (error: Error) => settled(() => reject(error));
    const stop =
      this.#silenceMs > 0
        ? this.#parts.life.after(this.#silenceMs, () => fail(new Error('Query read timeout')))
        : () => undefined;
    this.#fail = fail;
    return settled;
  }

  #lose(error: Error): void {
    this._queryable = false;
    this.#wire.left(this);
    this.#fail?.(error);
    if (!this._ending && this.listenerCount('error') > 0) this.emit('error', error);
  }

  #send(tripMs: number, arrive: () => void): void {
    const { time } = this.#parts.server;
    this.#arrivesMs = Math.max(this.#arrivesMs, time.nowMs + tripMs);
    time.after(this.#arrivesMs - time.nowMs, arrive);
  }

  #hear(tripMs: number, act: () => void): void {
    const { life } = this.#parts;
    if (tripMs === 0) life.reach(act);
    else life.after(tripMs, act);
  }
}

async function answerOf(
  session: Session | undefined,
  text: string,
  values: readonly unknown[],
): Promise<ServerAnswer> {
  if (session === undefined) return new Promise(() => undefined);
  return session.query(text, values);
}

function closedByClient() {
  return serverError('08006', 'could not receive data from client: Connection reset by peer', 'FATAL');
}

/** `-c name=value`, as the program tells them. */
function readSettings(options: string): Settings {
  const found = options.matchAll(/-c (\w+)=((?:\\.|[^ \\])*)/g);
  return new Map([...found].map(([, name, value]) => [name!, value!.replaceAll('\\ ', ' ')]));
}
