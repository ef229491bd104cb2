/**
 * Rebuilds in a thread of its own, while this one goes on reading and judging: on two cores a long log takes little more than
 * half the time. Entries go over as they were judged, a page at a time, and a few pages ahead at most.
 */
import { Worker } from 'node:worker_threads';
import type { RealmName } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import { SharedRebuildFile } from '../storage/sqlite/rebuild-sqlite.ts';
import type { Tables } from '../storage/tables.ts';
import { compareTables } from './compare-tables.ts';
import type { Findings } from './finding.ts';
import type { StoredEntry } from './log-entries.ts';
import { BadEntry, type Rebuilding } from './rebuilding.ts';

export interface RebuildingPlace {
  realm: RealmName;
  file: string;
}

/** Entries one after another: where each ends, and its index in the log. */
export interface EntryPage {
  indexes: Float64Array;
  ends: Uint32Array;
  bytes: Uint8Array;
}

export type ThreadAnswer = 'taken' | 'rebuilt' | { index: number; message: string };

const entriesPerPage = 500;
const pagesAhead = 4;
const threadFile = new URL('./rebuilding-thread.ts', import.meta.url);

export class RebuildingBeside implements Rebuilding {
  readonly #file = new SharedRebuildFile();
  readonly #thread: Worker;
  #page: StoredEntry[] = [];
  #pagesUnderWay = 0;
  #isRebuilt = false;
  /** Why nothing more comes of it. */
  #failed: Error | undefined;
  #heard = Promise.withResolvers<void>();

  constructor(realm: RealmName) {
    const place: RebuildingPlace = { realm, file: this.#file.path };
    this.#thread = new Worker(threadFile, { workerData: place });
    this.#thread.on('message', (answer: ThreadAnswer) => this.#hear(answer));
    this.#thread.on('error', (error) => this.#fail(error as Error));
    this.#thread.on('exit', () => {
      if (!this.#isRebuilt) this.#fail(new Error('the thread that rebuilds ended'));
    });
  }

  async add(row: StoredEntry): Promise<void> {
    this.#page.push(row);
    if (this.#page.length >= entriesPerPage) this.#send();
    await this.#until(() => this.#pagesUnderWay < pagesAhead);
  }

  async compareWith(live: Kysely<Tables>, findings: Findings): Promise<void> {
    this.#send();
    this.#thread.postMessage('end');
    await this.#until(() => this.#isRebuilt);
    await compareTables(live, this.#file.read(), findings);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
    this.#file.close();
  }

  #send(): void {
    const bytes = Uint8Array.from(Buffer.concat(this.#page.map((row) => row.bytes)));
    let end = 0;
    const ends = Uint32Array.from(this.#page, (row) => {
      end += row.bytes.length;
      return end;
    });
    const indexes = Float64Array.from(this.#page, (row) => row.log_index);
    this.#thread.postMessage({ indexes, ends, bytes } satisfies EntryPage, [bytes.buffer]);
    this.#page = [];
    this.#pagesUnderWay++;
  }

  #hear(answer: ThreadAnswer): void {
    if (answer === 'taken') this.#pagesUnderWay--;
    else if (answer === 'rebuilt') this.#isRebuilt = true;
    else this.#failed ??= new BadEntry(answer.index, answer.message);
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wake();
  }

  #wake(): void {
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }

  /** Waits for the thread's answers until `holds`. @throws what failed in it */
  async #until(holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failed !== undefined) throw this.#failed;
      if (holds()) return;
      await this.#heard.promise;
    }
  }
}
