/**
 * Kysely's SQLite dialect, whose adapter also runs a compiled statement straight on the database: the engine is in this
 * process and answers at once, so that Kysely's way over a connection would cost more than the statement.
 */
import { type QueryResult, SqliteAdapter, type SqliteDatabase, SqliteDialect } from 'kysely';
import type { DirectAdapter, DirectStatement } from '../statement.ts';

export class DirectSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(config: { database: SqliteDatabase }) {
    super(config);
    this.#database = config.database;
  }

  override createAdapter(): SqliteAdapter {
    return new DirectSqliteAdapter(this.#database);
  }
}

class DirectSqliteAdapter extends SqliteAdapter implements DirectAdapter {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    super();
    this.#database = database;
  }

  prepare(sql: string): DirectStatement {
    const statement = this.#database.prepare(sql);
    if (statement.reader) return (parameters) => ({ rows: statement.all(parameters) });
    return (parameters): QueryResult<unknown> => {
      const { changes } = statement.run(parameters);
      return { numAffectedRows: BigInt(changes), rows: [] };
    };
  }
}
