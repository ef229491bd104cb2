/**
 * The ledger over a database: what was submitted while the last commit was under way is one tick, one transaction and
 * one fsync. It trusts no decision to be right: one that breaks a table's constraint is undone alone.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AuditEntry, encodeEntry, entryData, type RealmName } from '@imprint/contract/audit/entry';
import { leafHash } from '@imprint/contract/audit/merkle';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { CompiledQuery, type ControlledTransaction, type Kysely, type Selectable } from 'kysely';
import { packEntry } from '../storage/packed-entry.ts';
import { statement } from '../storage/statement.ts';
import type { Storage, StorageFault } from '../storage/storage.ts';
import type { LogHeadTable, Tables } from '../storage/tables.ts';
import type { Clock, Entropy } from '../surroundings.ts';
import {
  CommitInDoubt,
  type DecidedTick,
  settle,
  type TickObserver,
  type Verdict,
  type Waiting,
} from './decided-tick.ts';
import { holds, KnownLog } from './known-log.ts';
import type { Decision, Draft, Ledger, LogHead, Reading, TickTime } from './ledger.ts';
import { project } from './projection.ts';
import { asDecisionError, asTickError, causeOf, closing, DecisionBroke } from './tick-errors.ts';
import { requireServerAgrees, tickTime } from './tick-time.ts';
import { HeadMoved, TreeTail } from './tree-tail.ts';

export interface TickLedgerOptions {
  storage: Storage;
  realm: RealmName;
  clock: Clock;
  entropy: Entropy;
  /** Throws `clock_untrusted` where the clock jumped; absent, nothing is looked at but the log's own time. */
  requireSteady?: (now: Date) => void;
  /** Another clock that all who write here share; whose own is too far off it writes nothing. Absent, none is looked at. */
  serverClock?: Storage['serverClock'];
  /** Why nothing may be written from the start; reading is right all the same. */
  stopped?: ImprintError | undefined;
  /** Decisions of one transaction at most; what is over waits for the next. */
  decisionsPerTick?: number;
  observer?: TickObserver;
  /** Resolves when all that has arrived by now may join a tick; absent, after one turn of the event loop. */
  gather?: () => Promise<void>;
}

/** How often a tick that another process overtook, or whose connection was lost, is run again. */
const retries = 8;
const saltBytes = 16;

export class TickLedger implements Ledger {
  readonly #storage: Storage;
  readonly #realm: RealmName;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #requireSteady: (now: Date) => void;
  readonly #serverClock: Storage['serverClock'];
  readonly #decisionsPerTick: number;
  readonly #gather: () => Promise<void>;
  readonly #observer: TickObserver | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closing = false;
  /** Why nothing is written any more: set once, for ever. */
  #stopped: ImprintError | undefined;
  #tail: TreeTail | undefined;
  /** Of the tick that is being decided. */
  #drafted: AuditEntry[] = [];
  readonly #known = new KnownLog();

  constructor(options: TickLedgerOptions) {
    this.#storage = options.storage;
    this.#realm = options.realm;
    this.#clock = options.clock;
    this.#entropy = options.entropy;
    this.#requireSteady = options.requireSteady ?? (() => undefined);
    this.#serverClock = options.serverClock;
    this.#stopped = options.stopped;
    this.#decisionsPerTick = options.decisionsPerTick ?? limits.decisionsPerTick;
    this.#gather = options.gather ?? nextTurn;
    this.#observer = options.observer;
  }

  get reader(): Kysely<Tables> {
    return this.#storage.reader;
  }

  /**
   * See {@link Ledger.submit}.
   * @throws whatever `decide` throws; clock_untrusted, storage_failed; entry_invalid where a draft breaks its schema
   */
  submit<T>(decide: (reading: Reading) => Promise<Decision<T>>, time: TickTime = 'clock'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(this.#stopped);
      if (this.#closing) return reject(closing());
      if (this.#waiting.length >= limits.decisionsWaiting) {
        return reject(
          new ImprintError('unavailable', `${this.#waiting.length} requests wait to be written already`, {
            hint: 'Try again in a moment.',
          }),
        );
      }
      this.#waiting.push({ time, decide, resolve: resolve as (answer: unknown) => void, reject });
      this.#running ??= this.#run();
    });
  }

  async head(): Promise<LogHead> {
    const { size, root } = (await selectHead(this.reader, {})).rows[0]!;
    return { size, root };
  }

  /** True until a commit failed: after that only reading is right. */
  get writable(): boolean {
    return this.#stopped === undefined;
  }

  /** Takes no more, and resolves when what was submitted is settled. The storage stays open. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather();
      const batch = this.#waiting.splice(0, this.#nextTick());
      this.#observer?.begun();
      const verdicts = await this.#tick(batch);
      for (const [at, waiting] of batch.entries()) settle(waiting, verdicts[at]!);
    }
    this.#running = undefined;
  }

  /** How many of those that wait make the next tick: a tick has one time. */
  #nextTick(): number {
    const { time } = this.#waiting[0]!;
    const other = this.#waiting.findIndex((waiting) => waiting.time !== time);
    return Math.min(this.#decisionsPerTick, other < 0 ? this.#waiting.length : other);
  }

  /**
   * Runs the batch in one transaction, again where another process was first or the connection was lost, and with
   * savepoints where one broke a constraint.
   */
  async #tick(batch: Waiting[]): Promise<Verdict[]> {
    let apart = false;
    let inDoubt: DecidedTick | undefined;
    for (let retried = 0; ; ) {
      const stopped = this.#stopped;
      if (stopped !== undefined) return batch.map(() => ({ error: stopped }));
      try {
        return await this.#attempt(batch, apart, inDoubt);
      } catch (error) {
        // whatever the tail holds was not committed, as far as is known
        this.#tail = undefined;
        if (error instanceof CommitInDoubt) inDoubt = error.tick;
        if (this.#mayComeRight(error) && retried < retries) {
          retried++;
        } else if (error instanceof DecisionBroke && !apart) {
          apart = true;
        } else {
          return batch.map(() => ({ error: asTickError(error, this.#storage.fault(causeOf(error))) }));
        }
      }
    }
  }

  async #attempt(batch: Waiting[], apart: boolean, inDoubt: DecidedTick | undefined): Promise<Verdict[]> {
    const tx = await this.#begin();
    let tick: DecidedTick;
    try {
      const head = await this.#readHead(tx);
      if (inDoubt?.written !== undefined && (await holds(tx, inDoubt.written))) {
        tick = inDoubt;
      } else {
        tick = await this.#decideAll(tx, head, batch, apart);
      }
    } catch (error) {
      await this.#rollBack(tx);
      this.#stopWhereBroken(error);
      throw error;
    }
    await this.#commit(tx, tick);
    return tick.verdicts;
  }

  async #commit(tx: ControlledTransaction<Tables>, tick: DecidedTick): Promise<void> {
    try {
      await tx.commit().execute();
    } catch (cause) {
      const fault = this.#storage.fault(cause);
      // It may or may not be on the disk, and a second fsync would say yes to pages that are lost: only a new start can tell.
      const stopped = ['raced', 'refused', 'lost'].includes(fault)
        ? undefined
        : this.#stop('committing to the log failed', cause);
      await this.#rollBack(tx);
      if (fault === 'refused') throw new DecisionBroke(cause);
      throw stopped ?? (fault === 'lost' ? new CommitInDoubt(tick, cause) : cause);
    }
    if (tick.written !== undefined) this.#known.committed(tick.written);
    this.#observer?.committed(tick.entries);
  }

  /** The head, held against what this process knows of the log. */
  async #readHead(tx: Kysely<Tables>): Promise<LogHeadTable> {
    const head = (await selectHead(tx, {})).rows[0]!;
    try {
      await this.#known.requireContinuedBy(tx, head);
    } catch (error) {
      if (isImprintError(error, 'log_inconsistent')) this.#stopped ??= error;
      throw error;
    }
    return head;
  }

  async #begin(): Promise<ControlledTransaction<Tables>> {
    try {
      return await this.#storage.writer.startTransaction().execute();
    } catch (error) {
      this.#stopWhereBroken(error);
      throw error;
    }
  }

  async #decideAll(
    tx: ControlledTransaction<Tables>,
    head: LogHeadTable,
    batch: Waiting[],
    apart: boolean,
  ): Promise<DecidedTick> {
    const clock = this.#clock();
    if (this.#serverClock) requireServerAgrees(clock, await this.#serverClock(tx), this.#clock());
    const now = tickTime(batch[0]!.time, head.last_at, clock, this.#requireSteady);
    const reading = { tx, now, at: now.toISOString() };
    const tail = await TreeTail.at(tx, head, this.#tail);
    this.#tail = tail;
    const verdicts: Verdict[] = [];
    this.#drafted = [];
    for (const waiting of batch) {
      verdicts.push(
        apart ? await this.#decideApart(reading, tail, waiting) : await this.#decide(reading, tail, waiting),
      );
    }
    return { verdicts, entries: this.#drafted, written: await tail.write(tx, head, reading.at) };
  }

  /** One decision. Thrown before anything was written, its error is its verdict; thrown after, the tick has to be undone. */
  async #decide(reading: Reading, tail: TreeTail, waiting: Waiting): Promise<Verdict> {
    let decision: Decision<unknown>;
    let entries: { entry: AuditEntry; bytes: Uint8Array }[];
    try {
      decision = await waiting.decide(reading);
      entries = decision.entries.map((draft) => this.#complete(draft, reading.at));
    } catch (error) {
      // some engines end the transaction with the statement that failed
      if (this.#storage.fault(error) !== 'foreign') throw new DecisionBroke(error);
      return { error };
    }
    const firstIndex = tail.size;
    try {
      for (const [at, { entry }] of entries.entries()) await project(reading.tx, entry, firstIndex + at);
      await decision.remember?.(reading.tx);
    } catch (error) {
      throw new DecisionBroke(error);
    }
    for (const { entry, bytes } of entries) {
      tail.append({ packed: packEntry(entry.type, bytes), leaf_hash: leafHash(bytes) });
      this.#drafted.push(entry);
    }
    return { reply: () => decision.reply(firstIndex) };
  }

  /** As {@link #decide}, behind a savepoint to which a decision that breaks is undone, so that the others stand. */
  async #decideApart(reading: Reading, tail: TreeTail, waiting: Waiting): Promise<Verdict> {
    await reading.tx.executeQuery(savepoint);
    try {
      const verdict = await this.#decide(reading, tail, waiting);
      await reading.tx.executeQuery(release);
      return verdict;
    } catch (error) {
      if (!(error instanceof DecisionBroke) || isFatal(this.#storage.fault(error.cause))) throw error;
      await reading.tx.executeQuery(rollbackTo);
      await reading.tx.executeQuery(release);
      return { error: asDecisionError(error.cause, this.#storage.fault(error.cause)) };
    }
  }

  #complete(draft: Draft, at: string): { entry: AuditEntry; bytes: Uint8Array } {
    // what the schema refuses could be appended, but never be read again
    const checked = entryData[draft.type].safeParse(draft.data);
    if (!checked.success) {
      const issue = checked.error.issues[0]!;
      throw new ImprintError(
        'entry_invalid',
        `an entry ${draft.type} cannot be written: ${issue.path.join('.')}: ${issue.message}`,
      );
    }
    const salt = toHex(this.#entropy(saltBytes));
    const entry = { v: 1, at, realm: this.#realm, salt, ...draft } as AuditEntry;
    return { entry, bytes: encodeEntry(entry) };
  }

  async #rollBack(tx: ControlledTransaction<Tables>): Promise<void> {
    try {
      await tx.rollback().execute();
    } catch (cause) {
      // an engine that has ended the transaction by itself says so here; any other reason is as bad as a failed commit
      if (this.#storage.fault(cause) === 'broken') this.#stop('undoing a transaction failed', cause);
    }
  }

  /** True where the same tick may succeed if it is run again. */
  #mayComeRight(error: unknown): boolean {
    if (error instanceof HeadMoved || error instanceof CommitInDoubt) return true;
    const fault = this.#storage.fault(causeOf(error));
    return fault === 'raced' || fault === 'lost';
  }

  #stopWhereBroken(error: unknown): void {
    const cause = causeOf(error);
    if (this.#storage.fault(cause) === 'broken') this.#stop('the database failed', cause);
  }

  #stop(what: string, cause: unknown): ImprintError {
    this.#stopped ??= new ImprintError('storage_failed', `${what}; nothing more is written until a restart`, {
      hint: 'Look at the disk, then start the authority again: it finds out from the database what was kept.',
      cause,
    });
    return this.#stopped;
  }
}

const selectHead = statement<object, Selectable<LogHeadTable>>((db) => db.selectFrom('log_head').selectAll());

const savepoint = CompiledQuery.raw('savepoint decision');
const release = CompiledQuery.raw('release savepoint decision');
const rollbackTo = CompiledQuery.raw('rollback to savepoint decision');

/** Ends the tick for all, whichever decision met it. */
function isFatal(fault: StorageFault): boolean {
  return fault !== 'refused' && fault !== 'foreign';
}
