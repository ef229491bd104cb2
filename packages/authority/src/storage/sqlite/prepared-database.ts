/** A SQLite database as Kysely takes it, whose statements are prepared once: preparing costs more than running most of them. */
import type { Database, Statement } from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

const maxStatements = 500;

export function preparedDatabase(database: Database): SqliteDatabase {
  const statements = new Map<string, Statement>();
  return {
    close: () => void database.close(),
    prepare(sql): SqliteStatement {
      const known = statements.get(sql);
      // one that is being iterated cannot run a second time
      const statement = known === undefined || known.busy ? database.prepare(sql) : known;
      // the first of a Map is its oldest: what is used goes to the end
      statements.delete(sql);
      statements.set(sql, statement);
      if (statements.size > maxStatements) statements.delete(statements.keys().next().value!);
      return statement as unknown as SqliteStatement;
    },
  };
}
