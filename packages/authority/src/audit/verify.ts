/**
 * Verifies a stored log from nothing but itself: every hash, tile and head is computed anew, every entry read, earlier
 * checkpoints are held against it, and the registry against what the entries say (I-15, I-16). It trusts no row.
 */
import { type VerifierKey, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { type AuditEntry, decodeEntry, type RealmName } from '@imprint/contract/audit/entry';
import {
  appendLeaf,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  leafHash,
} from '@imprint/contract/audit/merkle';
import { tileWidth } from '@imprint/contract/audit/tile';
import { concatBytes, equalBytes, toHex } from '@imprint/contract/bytes';
import type { Kysely } from 'kysely';
import type { LogHeadTable, Tables } from '../storage/tables.ts';
import { type Finding, Findings } from './finding.ts';
import { logEntries, type StoredEntry } from './log-entries.ts';
import { notReplayable, type Rebuilding, RebuildingHere } from './rebuilding.ts';
import { RebuildingBeside } from './rebuilding-beside.ts';

export interface VerifyOptions {
  realm: RealmName;
  /** Signed checkpoints of other days and other holders, each of which this log must continue, and the key they verify under. */
  earlier?: { texts: readonly string[]; key: VerifierKey };
  /** Called now and then with the number of entries read. */
  onProgress?: (entries: number) => void;
  /** A log of so many entries has its tables rebuilt in a thread of their own, which takes longer to start than a short log. */
  besideFrom?: number;
}

export interface VerifyReport {
  ok: boolean;
  size: number;
  /** Computed from the entries, hex. */
  root: string;
  problems: number;
  findings: Finding[];
}

const tileHeight = 8;
const progressEvery = 10_000;
const besideFromEntries = 20_000;

/**
 * Verifies what `reader` shows. The caller holds a snapshot where others may write.
 * @throws checkpoint_invalid, signature_wrong for an earlier checkpoint that is not this log's
 */
export async function verifyLog(reader: Kysely<Tables>, options: VerifyOptions): Promise<VerifyReport> {
  const earlier = (options.earlier?.texts ?? []).map((text) => verifyCheckpoint(text, options.earlier!.key));
  const findings = new Findings();
  const tree = new TreeCheck(reader, findings, new Set(earlier.map((checkpoint) => checkpoint.size)));
  const rebuilding = await beginRebuilding(reader, options);
  try {
    let replayable = true;
    let lastAt = '';
    for await (const row of logEntries(reader)) {
      const entry = checkEntry(row, options.realm, lastAt, findings);
      await tree.add(row);
      if (entry === undefined) replayable = false;
      else lastAt = entry.at;
      if (replayable && entry !== undefined) {
        replayable = await added(rebuilding, row, entry, findings);
      }
      if (tree.size % progressEvery === 0) options.onProgress?.(tree.size);
    }
    await tree.finish(lastAt);
    for (const { size, root } of earlier) checkEarlier(tree, size, root, findings);
    if (replayable) await compared(rebuilding, reader, findings);
    return {
      ok: findings.total === 0,
      size: tree.size,
      root: toHex(tree.root),
      problems: findings.total,
      findings: findings.list,
    };
  } finally {
    await rebuilding.close();
  }
}

function checkEntry(
  row: StoredEntry,
  realm: RealmName,
  lastAt: string,
  findings: Findings,
): AuditEntry | undefined {
  const wrong = (what: string) =>
    findings.add({ table: 'log_entry', row: `log_index=${row.log_index}`, what });
  if (!equalBytes(leafHash(row.bytes), row.leaf_hash))
    wrong('does not hash to its leaf hash: one of the two was changed');
  try {
    const entry = decodeEntry(row.bytes);
    if (entry.realm !== realm) wrong(`is of realm ${entry.realm}`);
    // a person has set the clock right: the log's time goes on from there
    if (entry.at < lastAt && entry.type !== 'clock.accepted')
      wrong(`is of ${entry.at}, before the entry that it follows`);
    return entry;
  } catch (error) {
    wrong(`cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

/** The head's size only chooses the way. */
async function beginRebuilding(
  reader: Kysely<Tables>,
  { realm, besideFrom = besideFromEntries }: VerifyOptions,
): Promise<Rebuilding> {
  const heads = await reader.selectFrom('log_head').select('size').execute();
  const isLong = heads.some(({ size }) => size >= besideFrom);
  return isLong ? new RebuildingBeside(realm) : RebuildingHere.begin(realm);
}

async function added(
  rebuilding: Rebuilding,
  row: StoredEntry,
  entry: AuditEntry,
  findings: Findings,
): Promise<boolean> {
  try {
    await rebuilding.add(row, entry);
    return true;
  } catch (error) {
    findings.add(notReplayable(error));
    return false;
  }
}

async function compared(rebuilding: Rebuilding, reader: Kysely<Tables>, findings: Findings): Promise<void> {
  try {
    await rebuilding.compareWith(reader, findings);
  } catch (error) {
    findings.add(notReplayable(error));
  }
}

function checkEarlier(tree: TreeCheck, size: number, root: Uint8Array, findings: Findings): void {
  const here = tree.rootsAt.get(size);
  if (here === undefined) {
    findings.add({
      table: 'log_head',
      row: '',
      what: `ends at ${tree.size} entries; a checkpoint of ${size} was signed: the database is an old backup, or entries were taken away`,
    });
  } else if (!equalBytes(here, root)) {
    findings.add({
      table: 'log_head',
      row: '',
      what: `has another history than the checkpoint of ${size} entries: ${toHex(here)} here, ${toHex(root)} signed`,
    });
  }
}

/** The tree computed anew from the leaf hashes, and the stored tiles and head held against it. */
class TreeCheck {
  readonly rootsAt = new Map<number, Uint8Array>();
  readonly #reader: Kysely<Tables>;
  readonly #findings: Findings;
  readonly #sizes: ReadonlySet<number>;
  #frontier: Frontier = emptyFrontier;
  #nextIndex = 0;
  /** The hashes of each level's growing tile. */
  readonly #growing: Uint8Array[][] = [];

  constructor(reader: Kysely<Tables>, findings: Findings, sizes: ReadonlySet<number>) {
    this.#reader = reader;
    this.#findings = findings;
    this.#sizes = sizes;
    if (sizes.has(0)) this.rootsAt.set(0, frontierRoot(emptyFrontier));
  }

  get size(): number {
    return this.#frontier.size;
  }

  get root(): Uint8Array {
    return frontierRoot(this.#frontier);
  }

  async add(row: StoredEntry): Promise<void> {
    if (row.log_index !== this.#nextIndex) {
      this.#findings.add({
        table: 'log_entry',
        row: `log_index=${this.#nextIndex}`,
        what: `is missing: the next entry that there is has ${row.log_index}`,
      });
    }
    this.#nextIndex = row.log_index + 1;
    const full: { level: number; tileIndex: number; hashes: Uint8Array[] }[] = [];
    this.#frontier = appendLeaf(this.#frontier, row.leaf_hash, ({ level, index }, hash) => {
      if (level % tileHeight !== 0) return;
      const tileLevel = level / tileHeight;
      const growing = this.#growing[tileLevel] ?? [];
      this.#growing[tileLevel] = growing;
      growing.push(hash);
      if (growing.length < tileWidth) return;
      full.push({ level: tileLevel, tileIndex: Math.floor(index / tileWidth), hashes: growing });
      this.#growing[tileLevel] = [];
    });
    for (const tile of full) await this.#checkTile(tile.level, tile.tileIndex, tile.hashes);
    if (this.#sizes.has(this.size)) this.rootsAt.set(this.size, this.root);
  }

  async finish(lastAt: string): Promise<void> {
    const tilesOfLevel: number[] = [];
    for (let level = 0, nodes = this.size; nodes > 0; level++, nodes = Math.floor(nodes / tileWidth)) {
      const growing = this.#growing[level] ?? [];
      if (growing.length > 0) await this.#checkTile(level, Math.floor(nodes / tileWidth), growing);
      tilesOfLevel.push(Math.ceil(nodes / tileWidth));
    }
    const stored = await this.#reader.selectFrom('log_tile').select(['level', 'tile_index']).execute();
    for (const { level, tile_index } of stored) {
      if (tile_index >= 0 && tile_index < (tilesOfLevel[level] ?? 0)) continue;
      this.#findings.add({
        table: 'log_tile',
        row: `level=${level} tile_index=${tile_index}`,
        what: `is too many: a log of ${this.size} entries has no such tile`,
      });
    }
    // by their names: of a column whose name was damaged nothing would be read otherwise, and nothing said
    const heads = await this.#reader
      .selectFrom('log_head')
      .select(['id', 'size', 'root', 'frontier', 'last_at'])
      .execute();
    for (const { id } of heads) {
      if (id !== 1)
        this.#findings.add({ table: 'log_head', row: `id=${id}`, what: 'is too many: a log has one head' });
    }
    this.#checkHead(
      heads.find(({ id }) => id === 1),
      lastAt,
    );
  }

  async #checkTile(level: number, tileIndex: number, hashes: Uint8Array[]): Promise<void> {
    const row = `level=${level} tile_index=${tileIndex}`;
    const stored = await this.#reader
      .selectFrom('log_tile')
      .select('hashes')
      .where('level', '=', level)
      .where('tile_index', '=', tileIndex)
      .executeTakeFirst();
    if (stored === undefined) {
      this.#findings.add({ table: 'log_tile', row, what: 'is missing' });
    } else if (!equalBytes(stored.hashes, concatBytes(...hashes))) {
      this.#findings.add({ table: 'log_tile', row, what: 'holds other hashes than the entries give' });
    }
  }

  #checkHead(head: LogHeadTable | undefined, lastAt: string): void {
    const wrong = (column: string, what: string) =>
      this.#findings.add({ table: 'log_head', row: 'id=1', column, what });
    if (head === undefined) {
      wrong('size', 'is missing');
      return;
    }
    if (head.size !== this.size) wrong('size', `is ${head.size}; the log holds ${this.size} entries`);
    // a bit that is flipped in the schema's own text gives a column another name, and then the row has none of this one
    const { root, frontier }: Partial<LogHeadTable> = head;
    if (root === undefined || !equalBytes(root, this.root)) {
      const found = root === undefined ? 'missing' : toHex(root);
      wrong('root', `is ${found}; the entries give ${toHex(this.root)}`);
    }
    if (frontier === undefined || !equalBytes(frontier, concatBytes(...this.#frontier.hashes))) {
      wrong('frontier', 'does not hold the hashes that the entries give');
    }
    if (lastAt !== '' && head.last_at !== lastAt)
      wrong('last_at', `is ${head.last_at}; the last entry is of ${lastAt}`);
  }
}
