/**
 * Cuts the power at every operation of one traced run, in memory: each time the disk holds what was synced, or that and a
 * drawn part of the rest. Two laws hold at each cut: what is found is sound, and nothing has left over the network
 * that is not found. The databases are read by another SQLite than the program's.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { replay } from '@imprint/authority/audit/replay';
import { verifyLog } from '@imprint/authority/audit/verify';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import { openJournal } from '@imprint/station/journal';
import type { CommandCase } from './command-cases.ts';
import { type DiskImage, type Image, writeImage } from './disk-image.ts';
import type { Draw } from './seeded.ts';
import type { Operation } from './trace.ts';

export interface Recording {
  part: string;
  operations: Operation[];
  /** The folder as it was before the first operation. */
  disk: DiskImage;
}

/** Reads what an image says, as a digest; throws where it is not sound. */
export type ReadImage = (image: Image) => Promise<string>;

export interface CutReport {
  part: string;
  cuts: number;
  images: number;
  sends: number;
  violations: string[];
}

/** Tries every `stride`th cut with a drawn image, and every sync and every send in any case. */
export async function judgeCuts(
  { part, operations, disk }: Recording,
  read: ReadImage,
  draw: Draw,
  stride = 1,
): Promise<CutReport> {
  const report: CutReport = { part, cuts: 0, images: 0, sends: 0, violations: [] };
  const sound = async (cut: number, image: Image): Promise<string | undefined> => {
    report.images++;
    try {
      return await read(image);
    } catch (error) {
      report.violations.push(`${part}, power cut after operation ${cut}: ${(error as Error).message}`);
      return undefined;
    }
  };
  for (const [at, operation] of operations.entries()) {
    if (operation.kind === 'send') {
      report.sends++;
      const [found, said] = [
        await sound(at, disk.image('synced')),
        await sound(at, disk.image('everything')),
      ];
      if (found !== said)
        report.violations.push(`${part}, operation ${at}: it speaks of what is not on the disk`);
      continue;
    }
    disk.apply(operation);
    report.cuts++;
    if (operation.kind === 'sync') await sound(at, disk.image('synced'));
    if (at % stride === 0) await sound(at, disk.image(draw));
  }
  return report;
}

/** Of an authority's home: the log verifies and replays, and says what its tables hold. */
export function readAuthority(): ReadImage {
  const known = new Set<string>();
  return (image) =>
    onDisk(image, async (folder) => {
      const file = join(folder, 'data', 'imprint.db');
      const digest = contentOf(file);
      if (known.has(digest)) return digest;
      const storage = await openSqlite(file, 'dev');
      try {
        await withSnapshot(storage, async (reader) => {
          const verified = await verifyLog(reader, { realm: 'dev' });
          const findings = [...verified.findings, ...(await replay(reader, 'dev')).findings];
          if (!verified.ok || findings.length > 0) throw new Error(JSON.stringify(findings));
        });
      } finally {
        await storage.close();
      }
      known.add(digest);
      return digest;
    });
}

/** Of a station's home: the journal opens and was not set aside; one that was never begun is empty. */
export function readStation(): ReadImage {
  return (image) =>
    onDisk(image, async (folder) => {
      const file = join(folder, 'journal.sqlite');
      const { journal, setAside } = openJournal(file, () => '2026-01-01T00:00:00.000Z');
      journal.close();
      if (setAside !== null) throw new Error('the journal is damaged');
      return contentOf(file);
    });
}

/**
 * Of what a command makes: it is whole, or not there for anybody yet. What counts besides are its files, save drafts that
 * have not got their names.
 */
export function readCommand(command: CommandCase): ReadImage {
  const sound = new Set<string>();
  return async (image) => {
    const whole = digestOf(image, () => true);
    if (!sound.has(whole)) {
      await onDisk(image, async (disk) => {
        if (command.isMade(disk)) await command.check(disk);
      });
      sound.add(whole);
    }
    return digestOf(image, (path, content) => content !== null && !path.endsWith('.new'));
  };
}

function digestOf(image: Image, counts: (path: string, content: Buffer | null) => boolean): string {
  const digest = createHash('sha256');
  for (const [path, content] of [...image].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (counts(path, content)) digest.update(`${path} ${content?.toString('base64')}\n`);
  }
  return digest.digest('hex');
}

/** What a command reported as made is on the disk. */
export async function judgeMade(command: CommandCase, recorded: DiskImage): Promise<void> {
  await onDisk(recorded.image('synced'), async (disk) => {
    if (!command.isMade(disk))
      throw new Error(`${command.part} said that it was done before it was on the disk`);
    await command.check(disk);
  });
}

async function onDisk<T>(image: Image, read: (folder: string) => Promise<T>): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), 'imprint-power-'));
  const folder = join(place, 'disk');
  try {
    writeImage(image, folder);
    return await read(folder);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** A digest of all rows of all tables. */
function contentOf(file: string): string {
  if (!existsSync(file)) throw new Error('there is no database');
  const database = new DatabaseSync(file);
  try {
    const { quick_check } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (quick_check !== 'ok') throw new Error(`the database is damaged: ${quick_check}`);
    const digest = createHash('sha256');
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all();
    for (const { name } of tables) {
      digest.update(`\n${String(name)}\n`);
      for (const row of database.prepare(`SELECT * FROM "${String(name)}"`).iterate())
        digest.update(rowText(row));
    }
    return digest.digest('hex');
  } finally {
    database.close();
  }
}

function rowText(row: Record<string, unknown>): string {
  return JSON.stringify(row, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
