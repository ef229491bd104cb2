/**
 * What this process knows to be committed, held against the head of every tick: a log that fell behind it (a standby that
 * took over without the last commits, an old backup put underneath) is never written on (I-16).
 */
import { equalBytes, toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';
import type { LogHead } from './ledger.ts';

/** The log up to an entry, and the hash of that entry, which no other has: each carries a salt. */
export interface LogMark extends LogHead {
  leafHash: Uint8Array;
}

export class KnownLog {
  #head: LogHead | undefined;
  /** What this process has committed itself. */
  #own: LogMark | undefined;

  /** Takes note of what was committed by this process. */
  committed(mark: LogMark): void {
    this.#own = mark;
    this.#head = mark;
  }

  /**
   * Takes note of the head that a tick begins at.
   * @throws log_inconsistent where the log does not continue what this process knows
   */
  async requireContinuedBy(tx: Kysely<Tables>, { size, root }: LogHead): Promise<void> {
    const known = this.#head;
    if (known?.size === size && equalBytes(known.root, root)) return;
    if (known !== undefined && size <= known.size) {
      throw fellBehind(`its log has ${size} entries and the root ${toHex(root)}`, known);
    }
    if (this.#own !== undefined && !(await holds(tx, this.#own))) {
      throw fellBehind(`entry ${this.#own.size - 1} of its log is another one`, this.#own);
    }
    this.#head = { size, root: Uint8Array.from(root) };
  }
}

/** True where the log has this very entry at this place. */
export async function holds(tx: Kysely<Tables>, mark: LogMark): Promise<boolean> {
  const { rows } = await selectLeafHash(tx, { index: mark.size - 1 });
  return rows[0] !== undefined && equalBytes(rows[0].leaf_hash, mark.leafHash);
}

const selectLeafHash = statement<{ index: number }, { leaf_hash: Uint8Array }>((db, arg) =>
  db.selectFrom('log_entry').select('leaf_hash').where('log_index', '=', arg('index')),
);

function fellBehind(what: string, known: LogHead): ImprintError {
  return new ImprintError(
    'log_inconsistent',
    `the database fell behind what was committed: ${what}; this process knows ${known.size} entries`,
    {
      hint: 'Nothing more is written until a restart. Find out which server has the later log before anything else is tried, and hold both against a checkpoint: imprint audit verify --checkpoint.',
      context: { known: known.size },
    },
  );
}
