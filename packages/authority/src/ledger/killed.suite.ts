/** What must hold of processes that are killed while they write, as tests, run once for every storage. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { verifyLog } from '../audit/verify.ts';
import { unpackEntry } from '../storage/packed-entry.ts';
import type { Storage } from '../storage/storage.ts';

export interface DatabaseForKills {
  /** A new database: its file or URL. */
  make(): Promise<string>;
  open(database: string): Promise<Storage>;
}

type Looping = ChildProcessByStdio<null, Readable, null>;

function startLoop(database: string, who: string): Looping {
  const script = new URL('./submit-loop.test-kit.ts', import.meta.url).pathname;
  return spawn(process.execPath, [script, database, who], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The acknowledged lines of a process that is killed as soon as it has printed `lines` of them, wherever its tick is. */
async function killAfter(child: Looping, lines: number): Promise<string[]> {
  let output = '';
  let killed = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (!killed && output.split('\n').length > lines) {
      killed = true;
      child.kill('SIGKILL');
    }
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL');
  return output.split('\n').slice(0, -1);
}

async function assertKept(storage: Storage, acknowledged: string[]): Promise<void> {
  const report = await verifyLog(storage.reader, { realm: 'dev' });
  assert.deepEqual(report.findings, []);
  const rows = await storage.reader.selectFrom('log_entry').selectAll().execute();
  const byIndex = new Map(rows.map((row) => [row.log_index, decodeEntry(unpackEntry(row.packed))]));
  for (const line of acknowledged) {
    const [index, operatorId] = line.split(' ') as [string, string];
    assert.deepEqual(byIndex.get(Number(index))?.data, { operator_id: operatorId }, line);
  }
  await storage.close();
}

export function killedSuite(name: string, { make, open }: DatabaseForKills): void {
  test(`I-1: kill -9 at any moment loses nothing that was acknowledged, and the log verifies (${name})`, async () => {
    const database = await make();
    const acknowledged: string[] = [];
    // three deaths of one database, each at another place of a tick
    for (const [round, lines] of [3, 40, 211].entries()) {
      acknowledged.push(...(await killAfter(startLoop(database, `round-${round}`), lines)));
      await assertKept(await open(database), acknowledged);
    }
    assert.ok(acknowledged.length >= 254);
  });

  test(`I-16: two processes on one database append to one log, also when one of them is killed (${name})`, async () => {
    const database = await make();
    const [one, two] = [startLoop(database, 'one'), startLoop(database, 'two')];
    const acknowledged = (await Promise.all([killAfter(one, 60), killAfter(two, 150)])).flat();
    await assertKept(await open(database), acknowledged);
  });
}
