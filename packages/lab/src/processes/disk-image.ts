/**
 * A folder as it would be found on its disk if the power failed at an operation of a traced program: what was synced is
 * there; of the rest, whatever one chooses. It is stricter than most file systems: a new name is there only once its
 * folder was synced, and a write is kept or lost sector by sector.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Change, FileContent } from './file-content.ts';
import type { Draw } from './seeded.ts';
import type { Operation } from './trace.ts';

/** What of the unsynced survives: nothing, everything (no power cut at all), or what is drawn. */
export type Survival = 'synced' | 'everything' | Draw;

/** Files by path below the folder; a folder has null. */
export type Image = Map<string, Buffer | null>;

const sectorBytes = 512;

/** Pages and disk of one file. */
interface TracedFile {
  cached: FileContent;
  synced: FileContent;
  unsynced: Change[];
}

/** Names and the inodes that they lead to; null takes a name away. All of one step appear together. */
type NameChange = [name: string, inode: number | null][];

interface TracedFolder {
  cached: Map<string, number>;
  synced: Map<string, number>;
  unsynced: { turn: number; change: NameChange }[];
}

export class DiskImage {
  readonly #root: number;
  readonly #files = new Map<number, TracedFile>();
  readonly #folders = new Map<number, TracedFolder>();
  #turn = 0;
  /** Which file or folder an inode of the traced disk is now: once it is free, the disk gives its number to another. */
  readonly #present = new Map<number, number>();
  #made = 0;

  /** Takes the folder as it is now for what is on the disk. */
  constructor(folder: string) {
    this.#root = this.#take(folder);
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'write':
        this.#change(operation.inode, { offset: operation.offset, bytes: operation.bytes });
        break;
      case 'truncate':
        this.#change(operation.inode, { size: operation.size });
        break;
      case 'sync':
        this.#sync(operation.inode);
        break;
      case 'lost':
        this.#lose(operation.inode);
        break;
      case 'create': {
        const made = this.#make(operation.inode);
        this.#files.set(made, { cached: new FileContent(), synced: new FileContent(), unsynced: [] });
        this.#name(operation.path, made);
        break;
      }
      case 'mkdir': {
        const made = this.#make(operation.inode);
        this.#folders.set(made, { cached: new Map(), synced: new Map(), unsynced: [] });
        this.#name(operation.path, made);
        break;
      }
      case 'unlink':
        this.#name(operation.path, null);
        break;
      case 'rename':
        this.#rename(operation.from, operation.to);
        break;
      default: // sends and failures change no disk
    }
  }

  /** The folder as it is found after the power came back. */
  image(survival: Survival): Image {
    const image: Image = new Map();
    // names reach the disk in the order in which they were changed: a journal of metadata ends somewhere
    const lastTurn = typeof survival === 'function' ? Math.floor(survival() * (this.#turn + 1)) : 0;
    this.#collect(this.#root, '', survival, lastTurn, image);
    return image;
  }

  #collect(inode: number, path: string, survival: Survival, lastTurn: number, image: Image): void {
    for (const [name, child] of namesIn(this.#folders.get(inode)!, survival, lastTurn)) {
      const childPath = path === '' ? name : `${path}/${name}`;
      const file = this.#files.get(child);
      image.set(childPath, file ? contentOf(file, survival) : null);
      if (!file) this.#collect(child, childPath, survival, lastTurn, image);
    }
  }

  #take(path: string): number {
    const { ino } = statSync(path);
    const names = new Map<string, number>();
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) names.set(entry.name, this.#take(child));
      else if (entry.isFile() && !entry.name.endsWith('-shm')) {
        const bytes = readFileSync(child);
        const inode = this.#make(statSync(child).ino);
        this.#files.set(inode, {
          cached: new FileContent(bytes),
          synced: new FileContent(bytes),
          unsynced: [],
        });
        names.set(entry.name, inode);
      }
    }
    const folder = this.#make(ino);
    this.#folders.set(folder, { cached: names, synced: new Map(names), unsynced: [] });
    return folder;
  }

  #make(inode: number): number {
    this.#present.set(inode, ++this.#made);
    return this.#made;
  }

  #change(inode: number, change: Change): void {
    const file = this.#files.get(this.#present.get(inode)!);
    if (!file) throw new RangeError(`the trace changes a file ${inode} that it never made`);
    file.cached.apply(change);
    file.unsynced.push(change);
  }

  #sync(inode: number): void {
    const present = this.#present.get(inode)!;
    const file = this.#files.get(present);
    if (file) {
      for (const change of file.unsynced) file.synced.apply(change);
      file.unsynced = [];
      return;
    }
    const folder = this.#folders.get(present);
    if (!folder) return;
    folder.synced = new Map(folder.cached);
    folder.unsynced = [];
  }

  #lose(inode: number): void {
    const file = this.#files.get(this.#present.get(inode)!);
    if (file) file.unsynced = [];
  }

  #rename(from: string, to: string): void {
    if (dirname(from) !== dirname(to)) throw new RangeError(`${from} is renamed into another folder`);
    const folder = this.#folderAt(dirname(from));
    const inode = folder.cached.get(basename(from))!;
    this.#rewrite(folder, [
      [basename(from), null],
      [basename(to), inode],
    ]);
  }

  #name(path: string, inode: number | null): void {
    this.#rewrite(this.#folderAt(dirname(path)), [[basename(path), inode]]);
  }

  #rewrite(folder: TracedFolder, change: NameChange): void {
    apply(folder.cached, change);
    folder.unsynced.push({ turn: ++this.#turn, change });
  }

  #folderAt(path: string): TracedFolder {
    let inode = this.#root;
    for (const name of path === '.' ? [] : path.split('/')) {
      inode = this.#folders.get(inode)!.cached.get(name)!;
    }
    const folder = this.#folders.get(inode);
    if (!folder) throw new RangeError(`the trace names a folder ${path} that it never made`);
    return folder;
  }
}

/** Puts an image in the place of a folder's content, for its owner alone. */
export function writeImage(image: Image, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  for (const [path, content] of image) {
    if (content === null) mkdirSync(join(folder, path), { mode: 0o700 });
    else writeFileSync(join(folder, path), content, { mode: 0o600 });
  }
}

function namesIn(folder: TracedFolder, survival: Survival, lastTurn: number): Map<string, number> {
  if (survival === 'everything') return folder.cached;
  if (survival === 'synced') return folder.synced;
  const names = new Map(folder.synced);
  for (const { turn, change } of folder.unsynced) if (turn <= lastTurn) apply(names, change);
  return names;
}

function contentOf(file: TracedFile, survival: Survival): Buffer {
  if (survival === 'everything') return file.cached.bytes();
  if (survival === 'synced') return file.synced.bytes();
  const content = new FileContent(file.synced.bytes());
  for (const change of file.unsynced) {
    for (const part of sectors(change)) if (survival() < 0.5) content.apply(part);
  }
  return content.bytes();
}

/** A write as the disk takes it: each sector by itself. */
function* sectors(change: Change): Generator<Change> {
  if ('size' in change) return yield change;
  const { offset, bytes } = change;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + sectorBytes - ((offset + at) % sectorBytes));
    yield { offset: offset + at, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

function apply(names: Map<string, number>, change: NameChange): void {
  for (const [name, inode] of change) {
    if (inode === null) names.delete(name);
    else names.set(name, inode);
  }
}
