/** The log as it lies in an authority's file, read beside the program: the entries that are committed, each as the bytes that were hashed. */
import { inflateRawSync } from 'node:zlib';
import { entryDictionary } from '@imprint/authority/storage/entry-dictionary';
import Database from 'better-sqlite3';

/** What stands before a packed entry: a 1, and a checksum that is not looked at here. */
const packedMark = 1;
const headBytes = 5;
const dictionary = Buffer.from(entryDictionary);

export class StoredLog {
  readonly #database: Database.Database;
  readonly #rows: Database.Statement<[number], { log_index: number; packed: Buffer }>;

  constructor(file: string) {
    this.#database = new Database(file, { readonly: true });
    this.#rows = this.#database.prepare(
      'select log_index, packed from log_entry where log_index >= ? order by log_index',
    );
  }

  *from(index: number): Generator<{ log_index: number; bytes: Buffer }> {
    for (const { log_index, packed } of this.#rows.iterate(index)) {
      yield { log_index, bytes: bytesOf(packed) };
    }
  }

  close(): void {
    this.#database.close();
  }
}

function bytesOf(packed: Buffer): Buffer {
  return packed[0] === packedMark ? inflateRawSync(packed.subarray(headBytes), { dictionary }) : packed;
}
