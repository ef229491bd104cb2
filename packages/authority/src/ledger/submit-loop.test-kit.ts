/**
 * A process for crash tests: submits without end from many submitters at once and prints each log index that was
 * acknowledged, a line each. Arguments: database file or URL, name of this process.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openPostgres } from '../storage/postgres/open-postgres.ts';
import { openSqlite } from '../storage/sqlite/open-sqlite.ts';
import { append, draft } from './history.test-kit.ts';
import { TickLedger } from './tick-ledger.ts';

const [database, who] = process.argv.slice(2) as [string, string];
const open = database.startsWith('postgres:') ? openPostgres : openSqlite;
const storage = await open(database, 'dev');
const ledger = new TickLedger({
  storage,
  realm: 'dev',
  clock: () => new Date(),
  entropy: (length) => randomBytes(length),
});
let count = 0;

async function submitWithoutEnd(): Promise<void> {
  for (;;) {
    const operatorId = `${who}-${count++}`;
    const index = await append(ledger, draft('operator.registered', { operator_id: operatorId }));
    writeSync(1, `${index} ${operatorId}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, submitWithoutEnd));
