/**
 * What the station must not forget: attempts, irreversible acts before they are done, requests before they are sent, and
 * the last checkpoint. What `record…` returned from is on the disk. A journal that cannot be trusted is set aside, never
 * repaired: units and authority hold the truth, so nothing is lost with it. It holds no secret and is readable by its owner alone.
 */
import { existsSync, renameSync } from 'node:fs';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import { factDigest, isDamage, type JournalDatabase, openJournalDatabase } from './journal-database.ts';

export type IrreversibleAct = 'write_boot_flags' | 'finalize';

export interface OpenAttempt {
  id: number;
  lane: number;
  device_id: string;
  job_id: string;
  attempt: number;
  step: string;
}

export interface JournalledRequest {
  request_id: string;
  route: string;
  params: string;
  body: string;
}

export interface OpenedJournal {
  journal: Journal;
  /** Where a journal that could not be trusted was put, for the person who runs the line. */
  setAside: string | null;
}

/**
 * Opens the journal at `path`, or begins one. One that is damaged, or of another version, is renamed with the time and
 * a new one begun.
 * @throws storage_failed where the disk does not take it
 */
export function openJournal(
  path: string,
  now: () => string,
  openDatabase: (path: string) => JournalDatabase = openJournalDatabase,
): OpenedJournal {
  const existed = existsSync(path);
  try {
    return { journal: new Journal(openDatabase(path), now), setAside: null };
  } catch (cause) {
    if (!existed || !isDamage(cause)) throw storageFailed(cause);
  }
  const aside = `${path}.damaged-${now().replaceAll(':', '-')}`;
  try {
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    return { journal: new Journal(openDatabase(path), now), setAside: aside };
  } catch (cause) {
    throw storageFailed(cause);
  }
}

export interface JournalAges {
  waiting: number;
  waiting_since: string | null;
  oldest: string | null;
}

export class Journal {
  readonly #db: JournalDatabase;
  readonly #now: () => string;
  /** Each statement is compiled once: every lane waits meanwhile. */
  readonly #prepared = new Map<string, Database.Statement>();

  constructor(db: JournalDatabase, now: () => string) {
    this.#db = db;
    this.#now = now;
  }

  /** A single value that outlives the process, such as the last checkpoint. */
  fact(name: string): string | null {
    return this.#guard(() => {
      const row = this.#prepare('SELECT value FROM facts WHERE name = ?').get(name) as
        | { value: string }
        | undefined;
      return row?.value ?? null;
    });
  }

  recordFact(name: string, value: string | null): void {
    this.#guard(() => {
      if (value === null) this.#prepare('DELETE FROM facts WHERE name = ?').run(name);
      else {
        this.#prepare(
          `INSERT INTO facts VALUES (?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, digest = excluded.digest`,
        ).run(name, value, factDigest(name, value));
      }
    });
  }

  recordAttempt(attempt: {
    lane: number;
    hardwareUid: string;
    deviceId: string;
    jobId: string;
    attempt: number;
  }): void {
    this.#guard(() =>
      this.#prepare(
        `INSERT INTO attempts (lane, hardware_uid, device_id, job_id, attempt, step, started_at)
           VALUES (@lane, @hardwareUid, @deviceId, @jobId, @attempt, 'open', @now)
           ON CONFLICT (job_id, attempt) DO UPDATE SET lane = excluded.lane`,
      ).run({ ...attempt, now: this.#now() }),
    );
  }

  recordStep(jobId: string, attempt: number, step: string): void {
    this.#guard(() =>
      this.#prepare('UPDATE attempts SET step = ? WHERE job_id = ? AND attempt = ?').run(
        step,
        jobId,
        attempt,
      ),
    );
  }

  recordEnd(jobId: string, attempt: number, outcome: string, failureCode: string | null): void {
    this.#guard(() =>
      this.#prepare(
        'UPDATE attempts SET ended_at = ?, outcome = ?, failure_code = ? WHERE job_id = ? AND attempt = ?',
      ).run(this.#now(), outcome, failureCode, jobId, attempt),
    );
  }

  /** Attempts that this station began and did not bring to an end: what a kill or a power cut left. */
  openAttempts(): OpenAttempt[] {
    return this.#guard(
      () =>
        this.#prepare(
          'SELECT id, lane, device_id, job_id, attempt, step FROM attempts WHERE ended_at IS NULL ORDER BY id',
        ).all() as OpenAttempt[],
    );
  }

  /** Before an irreversible act: that it is about to be done, on which unit, for which job (I-25). Gives the act's number. */
  recordIntendedAct(hardwareUid: string, jobId: string, act: IrreversibleAct, detail: string): number {
    return this.#guard(() => {
      const { lastInsertRowid } = this.#prepare(
        'INSERT INTO acts (hardware_uid, job_id, act, detail, intended_at) VALUES (?, ?, ?, ?, ?)',
      ).run(hardwareUid, jobId, act, detail, this.#now());
      return Number(lastInsertRowid);
    });
  }

  /** After the unit was read again and showed the act's effect. */
  recordSeenAct(id: number): void {
    this.#guard(() => this.#prepare('UPDATE acts SET seen_at = ? WHERE id = ?').run(this.#now(), id));
  }

  acts(hardwareUid: string): { act: IrreversibleAct; detail: string; seen: boolean }[] {
    return this.#guard(() =>
      (
        this.#prepare('SELECT act, detail, seen_at FROM acts WHERE hardware_uid = ? ORDER BY id').all(
          hardwareUid,
        ) as {
          act: IrreversibleAct;
          detail: string;
          seen_at: string | null;
        }[]
      ).map(({ act, detail, seen_at }) => ({ act, detail, seen: seen_at !== null })),
    );
  }

  /** The unanswered request with exactly this route, path and body, if there is one: its ID is to be used again (I-22). */
  unansweredRequest(route: string, params: string, body: string): string | null {
    return this.#guard(() => {
      const row = this.#prepare(
        'SELECT request_id FROM requests WHERE answered_at IS NULL AND route = ? AND params = ? AND body = ?',
      ).get(route, params, body) as { request_id: string } | undefined;
      return row?.request_id ?? null;
    });
  }

  /** Before a request is sent. `mustArrive`: it is sent again after a restart, whatever becomes of the unit. */
  recordRequest(request: JournalledRequest, mustArrive: boolean): void {
    this.#guard(() =>
      this.#prepare(
        `INSERT INTO requests (request_id, route, params, body, must_arrive, created_at)
           VALUES (@request_id, @route, @params, @body, @mustArrive, @now)`,
      ).run({ ...request, mustArrive: mustArrive ? 1 : 0, now: this.#now() }),
    );
  }

  recordAnswer(requestId: string, refusal: string | null): void {
    this.#guard(() =>
      this.#prepare('UPDATE requests SET answered_at = ?, refusal = ? WHERE request_id = ?').run(
        this.#now(),
        refusal,
        requestId,
      ),
    );
  }

  /** Reports that the authority has not acknowledged yet, oldest first. */
  undelivered(): JournalledRequest[] {
    return this.#guard(
      () =>
        this.#prepare(
          `SELECT request_id, route, params, body FROM requests
             WHERE answered_at IS NULL AND must_arrive = 1 ORDER BY created_at, rowid`,
        ).all() as JournalledRequest[],
    );
  }

  /** How many requests wait that must arrive, since when, and of what time the oldest row is; null where there is none. */
  ages(): JournalAges {
    return this.#guard(
      () =>
        this.#prepare(
          `SELECT (SELECT count(*) FROM requests WHERE answered_at IS NULL AND must_arrive = 1) AS waiting,
             (SELECT min(created_at) FROM requests WHERE answered_at IS NULL AND must_arrive = 1) AS waiting_since,
             min((SELECT coalesce(min(created_at), '~') FROM requests),
               (SELECT coalesce(min(started_at), '~') FROM attempts)) AS oldest`,
        ).all() as [{ waiting: number; waiting_since: string | null; oldest: string }],
    ).map((row) => ({ ...row, oldest: row.oldest === '~' ? null : row.oldest }))[0]!;
  }

  /** Forgets what was acknowledged, or can be of no use any more, before this time; gives the number of rows. */
  purge(before: string): number {
    return this.#guard(() =>
      this.#db.transaction(() => {
        const attempts = this.#prepare('DELETE FROM attempts WHERE ended_at < ?').run(before).changes;
        const requests = this.#prepare(
          'DELETE FROM requests WHERE answered_at < @before OR (must_arrive = 0 AND created_at < @before)',
        ).run({ before }).changes;
        const acts = this.#prepare('DELETE FROM acts WHERE seen_at < ?').run(before).changes;
        return attempts + requests + acts;
      })(),
    );
  }

  close(): void {
    this.#db.close();
  }

  #prepare(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      throw storageFailed(cause);
    }
  }
}

function storageFailed(cause: unknown): ImprintError {
  if (cause instanceof ImprintError) return cause;
  if (cause instanceof Database.SqliteError && cause.code.startsWith('SQLITE_BUSY')) {
    return new ImprintError('storage_failed', 'another process of this station has the journal open', {
      hint: 'Stop the other one first: a station runs once.',
      context: { journal: true },
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ImprintError('storage_failed', `the station cannot write its journal: ${reason}`, {
    hint: 'Stop this station. Check its disk for free space and errors; start it again when the disk is sound.',
    context: { journal: true },
    cause,
  });
}

/** True for a failure of this station's own disk, after which it does nothing more (the authority has a code alike). */
export function isJournalFailure(error: unknown): boolean {
  return isImprintError(error, 'storage_failed') && error.context.journal === true;
}
