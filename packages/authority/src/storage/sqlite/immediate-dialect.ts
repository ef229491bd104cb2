/**
 * Kysely's SQLite dialect whose transactions take the right to write when they begin, so that none fails half-way for want
 * of it; and one that SQLite has undone by itself, as it does where the disk fails, is told by the failure itself.
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type SqliteDatabase,
  SqliteDriver,
} from 'kysely';
import { DirectSqliteDialect } from './direct-dialect.ts';

export class ImmediateSqliteDialect extends DirectSqliteDialect {
  readonly #config: { database: SqliteDatabase };

  constructor(config: { database: SqliteDatabase }) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
}

const beginImmediate = CompiledQuery.raw('begin immediate');

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(beginImmediate);
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      // https://sqlite.org/lang_transaction.html, 3: on such errors it rolls back by itself; what is thrown here would hide them
      if (!/no transaction is active/.test((error as Error).message)) throw error;
    }
  }
}
