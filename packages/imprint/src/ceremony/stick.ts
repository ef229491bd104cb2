/**
 * The folder of a ceremony: what is carried between the authority and the machine that holds the root. It holds no secret. Files are
 * written before the line of the transcript that names them, so that a stop anywhere leaves a stick that can be gone on with. It trusts
 * nobody who had the stick: below it no link is followed, neither to read nor to write.
 */
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  type Act,
  nextLine,
  readTranscript,
  type StickFile,
  type Transcript,
} from '@imprint/authority/trust/transcript';
import { toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { readBoundedBytes, readBoundedFile } from '../read-bounded-file.ts';
import { makeFolder, syncToDisk } from '../sync-to-disk.ts';
import { noteTranscript, requireKnownTranscript } from './known-transcript.ts';

/** Where things stand on a stick. */
export const stickFiles = {
  root: 'certificates/device-root.pem',
  stationRoot: 'certificates/station-root.pem',
  request: (caId: string) => `requests/${caId}.json`,
  issued: (caId: string) => `issued/${caId}.pem`,
  crl: (branch: string, number: number) => `crl/${branch}-root-${number}.crl`,
  bundle: (version: number) => `bundles/bundle-${version}.json`,
} as const;

const transcriptFile = 'transcript.jsonl';

export class Stick {
  readonly folder: string;
  transcript: Transcript;
  /** Whose keys remember how far the transcript has come. */
  #keyFolder: string | undefined;

  private constructor(folder: string, transcript: Transcript) {
    this.folder = folder;
    this.transcript = transcript;
  }

  /** Opens a stick that may be empty. @throws ceremony_invalid where its transcript does not hold, path_refused */
  static open(folder: string): Stick {
    const path = resolve(folder);
    const file = join(path, transcriptFile);
    if (existsSync(path) && !statSync(path).isDirectory()) {
      throw new ImprintError('path_refused', `${path} is no folder`, {
        hint: 'Name the folder of the ceremony.',
      });
    }
    requirePlain(path, transcriptFile);
    const text = existsSync(file) ? readBoundedFile(file, limits.transcriptBytes) : '';
    return new Stick(path, readTranscript(text));
  }

  /** Opens a stick whose root was created. @throws ceremony_invalid, file_invalid where it is another folder */
  static ofRoot(folder: string): Stick {
    const stick = Stick.open(folder);
    if (stick.transcript.lines.length === 0) {
      throw new ImprintError('file_invalid', `${stick.folder} is no stick of a root: it has no transcript`, {
        hint: 'Name the folder that imprint root create wrote.',
      });
    }
    if (!stick.isCreated) {
      throw new ImprintError('ceremony_invalid', `the root on ${stick.folder} was begun and not created`, {
        hint: 'Run imprint root create again with the same folders: it goes on.',
      });
    }
    return stick;
  }

  get isCreated(): boolean {
    return this.transcript.lines.some(({ act }) => act === 'root.created');
  }

  get first() {
    return this.transcript.lines[0];
  }

  /**
   * From now on the keys in this folder remember each line. @throws ceremony_invalid where the stick lacks one that they know of;
   * file_invalid
   */
  usedWith(keyFolder: string): void {
    requireKnownTranscript(keyFolder, this.transcript);
    this.#keyFolder = keyFolder;
    noteTranscript(keyFolder, this.transcript);
  }

  /** @throws path_refused, as all that follows, for a link and whatever else is no plain file in a plain folder */
  has(file: string): boolean {
    return existsSync(requirePlain(this.folder, file));
  }

  text(file: string, maxBytes: number): string {
    return readBoundedFile(requirePlain(this.folder, file), maxBytes);
  }

  bytes(file: string, maxBytes: number): Uint8Array {
    return readBoundedBytes(requirePlain(this.folder, file), maxBytes);
  }

  /**
   * The bytes of a file that a line names, and no others: what is looked at again after it was checked may have been exchanged meanwhile.
   * @throws ceremony_invalid
   */
  recorded({ file, sha256 }: StickFile): Uint8Array {
    const bytes = this.bytes(file, limits.transcriptBytes);
    if (sha256Hex(bytes) === sha256) return bytes;
    throw new ImprintError('ceremony_invalid', `${file} is not the file that the transcript names`, {
      hint: 'Do not use this stick: it was changed while it was looked at. Compare it with the copy in the other safe.',
    });
  }

  /** Writes a file, whole or not at all and on the disk, and gives it as the transcript names it. */
  write(file: string, content: Uint8Array | string): StickFile {
    const path = requirePlain(this.folder, file);
    makeFolder(this.folder);
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { mode: 0o755 });
    const draft = join(dirname(path), `.${basename(path)}.new`);
    rmSync(draft, { force: true });
    writeFileSync(draft, content, { mode: 0o644, flag: 'wx', flush: true });
    renameSync(draft, path);
    syncToDisk(dirname(path));
    syncToDisk(this.folder);
    return { file, sha256: sha256Hex(typeof content === 'string' ? toUtf8(content) : content) };
  }

  /** A file that is there, as the transcript names it. */
  named(file: string): StickFile {
    return { file, sha256: sha256Hex(this.bytes(file, limits.transcriptBytes)) };
  }

  /** To be asked before anything is signed. @throws ceremony_invalid where the clock is before the last line: no line could follow */
  requireClock(at: string): void {
    const last = this.transcript.lines.at(-1);
    if (last === undefined || last.at <= at) return;
    throw new ImprintError(
      'ceremony_invalid',
      `the clock of this machine says ${at}, and the last line of the transcript was written at ${last.at}`,
      { hint: 'Set the clock right, to the minute, and run the same command again. Nothing was signed.' },
    );
  }

  /** Adds a line to the transcript, on the disk. What was cut off by a stop in the midst of writing is taken away before. */
  record(act: Act): void {
    this.requireClock(act.at);
    makeFolder(this.folder);
    const path = requirePlain(this.folder, transcriptFile);
    if (existsSync(path) && statSync(path).size > this.transcript.wholeBytes) {
      truncateSync(path, this.transcript.wholeBytes);
    }
    const text = nextLine(this.transcript, act);
    appendFileSync(path, text, { mode: 0o644, flush: true });
    syncToDisk(this.folder);
    this.transcript = readTranscript(readBoundedFile(path, limits.transcriptBytes));
    if (this.#keyFolder !== undefined) noteTranscript(this.#keyFolder, this.transcript);
  }
}

/** The path of a file below the stick's folder, where neither it nor the folder that it is in is anything but that. @throws path_refused */
function requirePlain(folder: string, file: string): string {
  const path = join(folder, file);
  const found = lstatSync(path, { throwIfNoEntry: false });
  const above = lstatSync(dirname(path), { throwIfNoEntry: false });
  // the stick's own folder is as a person named it
  const isBelow = dirname(path) !== folder;
  if ((found === undefined || found.isFile()) && (!isBelow || above === undefined || above.isDirectory())) {
    return path;
  }
  throw new ImprintError('path_refused', `${file} on the stick is no plain file in a plain folder`, {
    hint: 'A stick holds files alone, and no links: whoever put it there wants another file read or written. Find out who had the stick.',
  });
}
