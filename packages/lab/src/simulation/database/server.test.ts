import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ledgerSuite } from '@imprint/authority/ledger/ledger.suite';
import { openPostgres } from '@imprint/authority/storage/postgres/open-postgres';
import { serverSuite } from '@imprint/authority/storage/postgres/server.suite';
import type { Storage } from '@imprint/authority/storage/storage';
import { Life } from '../life.ts';
import { World } from '../world.ts';
import { DatabaseServer } from './server.ts';
import { DatabaseWire, type WireFault } from './wire.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-double-'));
const world = new World('database');
let isOver = false;
after(async () => {
  isOver = true;
  await running;
  rmSync(folder, { recursive: true });
});
/** Time goes on by itself, a millisecond at each event. */
const tick = () => void world.after(1, tick);
tick();
const running = world.run(
  () => isOver,
  Number.POSITIVE_INFINITY,
  () => undefined,
);

const url = 'postgres://imprint@127.0.0.1/imprint';
const atTheServer = 1_000_000;
let files = 0;

/** A new database, and how its processes are opened: each over a wire of its own. */
async function database({ patienceMs, tripMs }: { patienceMs?: number; tripMs: number }) {
  const server = await DatabaseServer.make(join(folder, String(files++), 'imprint.db'), world);
  const opened: Storage[] = [];
  const cut: { next: WireFault | undefined } = { next: undefined };
  const open = async (isCut: boolean) => {
    const wire = new DatabaseWire({
      server,
      life: new Life(world),
      tripMs: () => tripMs,
      gate: (act) => {
        if (!isCut || act !== 'commit' || cut.next === undefined) return undefined;
        const fault = cut.next;
        cut.next = undefined;
        return fault;
      },
    });
    const storage = await openPostgres(url, 'dev', patienceMs, wire.driver);
    opened.push(storage);
    return storage;
  };
  const close = async () => {
    for (const storage of opened) await storage.close();
    server.close();
  };
  return { server, cut, open, close };
}

ledgerSuite('the double of a database server', async () => {
  const { open, close } = await database({ tripMs: 0 });
  const storage = await open(false);
  return { storage, openAgain: () => open(false), dispose: close };
});

serverSuite('the double of a database server', {
  make: async (options = {}) => {
    const { server, cut, open, close } = await database({ ...options, tripMs: 1 });
    return {
      storage: await open(true),
      openAgain: () => open(false),
      cutNextCommit: (how) => {
        cut.next = how === 'late' ? { kind: 'late', ms: 3_000 } : { kind: 'reset', when: how };
      },
      // its time comes
      arrive: () => undefined,
      isAwaited: async () => {
        await world.delay(1);
        return server.right.isAwaited;
      },
      endSessions: async (which, most) =>
        server.endSessions((settings) => settings.get('application_name') === which, most),
      nowMs: () => server.clockMs(),
      stop: async () => server.away(atTheServer),
      start: async () => server.start(),
      close,
    };
  },
});
