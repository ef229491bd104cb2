/** The commands that are struck: what each needs on its disk, how it is run, and what must be there in the end. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { replay } from '@imprint/authority/audit/replay';
import { verifyLog } from '@imprint/authority/audit/verify';
import { checkContract } from '@imprint/authority/registry/contracts';
import { createOrder } from '@imprint/authority/registry/orders';
import { confirmStation } from '@imprint/authority/stations/enrolment';
import { inviteStation } from '@imprint/authority/stations/invite';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { limits } from '@imprint/contract/limits';
import { openStationHome } from '@imprint/station/station-home';
import { Child } from 'imprint/demo/child';
import { contractFile } from 'imprint/demo/line-setup';
import { type OpenAuthority, openAuthority, systemEntropy } from 'imprint/open-authority';
import { backUp, makeTemplateBackup, restore } from './backup-cases.ts';
import { startFromCompiledCode } from './compiled-code.ts';
import { leaveNothingBehind } from './leave-nothing-behind.ts';
import { makeQuickAuthority } from './quick-authority.ts';

export interface CommandCase {
  part: string;
  prepare(disk: string): Promise<void>;
  arguments(disk: string): string[];
  /** Hears what the command prints. */
  onLine?(line: string): Promise<void>;
  /** Whether what the command makes is there for others to open; before that it is nobody's. */
  isMade(disk: string): boolean;
  /** What the command may say instead of doing it again. */
  isThereAlready: RegExp;
  /** @throws where what the command makes is not whole */
  check(disk: string): Promise<void>;
}

export interface CommandCases {
  cases: CommandCase[];
  close(): Promise<void>;
}

const never = /(?!)/;

/** The cases with a template of a home, and an authority at which stations enrol; `place` is an empty folder. */
export async function commandCases(place: string): Promise<CommandCases> {
  startFromCompiledCode();
  const template = join(place, 'authority');
  await makeQuickAuthority(template, 'imprint.local/faults');
  const stock = join(place, 'stock');
  await makeStock(template, stock);
  const backup = await makeTemplateBackup(template, join(place, 'backup'));
  const live = join(place, 'live');
  cpSync(template, live, { recursive: true });
  const serve = new Child('serve', ['serve', '--home', live, '--json']);
  const forget = leaveNothingBehind(() => [serve.hasEnded ? undefined : serve.pid]);
  const ready = await serve.next(({ event }) => event === 'ready');
  const authority = await openAuthority(live);
  return {
    cases: [
      init(),
      order(template),
      invite(template),
      scrap(stock),
      enrol(authority, String(ready.station)),
      backUp(template),
      restore(template, backup),
    ],
    close: async () => {
      await serve.stop();
      forget();
      await authority.close();
    },
  };
}

function init(): CommandCase {
  return {
    part: 'init',
    prepare: async (disk) => {
      mkdirSync(disk);
    },
    arguments: (disk) => ['init', '--home', join(disk, 'authority')],
    isMade: (disk) => existsSync(join(disk, 'authority', 'imprint.json')),
    // killed after its last step, it has made all of it
    isThereAlready: /home_exists/,
    check: (disk) => checkAuthority(join(disk, 'authority')),
  };
}

function order(template: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'order',
    prepare: async (disk) => cpSync(template, home(disk), { recursive: true }),
    arguments: (disk) => [
      ...['order', 'create', 'PO-1', '--home', home(disk), '--contract', contractFile, '--id-site', 'M1'],
      ...['--sku', 'gateway-wifi', '--lot', 'L1', '--quantity', '20', '--site', 'site-1'],
    ],
    isMade: (disk) => hasOrder(join(home(disk), 'data', 'imprint.db')),
    isThereAlready: /order_conflict/,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const rows = await ledger.reader.selectFrom('device').select('device_id').execute();
        if (rows.length !== 20) throw new Error(`the order has ${rows.length} of 20 device IDs`);
      }),
  };
}

function invite(template: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  const token = (disk: string) => join(disk, 'token');
  return {
    part: 'invite',
    prepare: async (disk) => cpSync(template, home(disk), { recursive: true }),
    arguments: (disk) => [
      ...['station', 'invite', 'st-1', '--home', home(disk), '--site', 'site-1', '--line', 'line-1'],
      ...['--url', 'https://127.0.0.1:7443', '--token-file', token(disk)],
    ],
    isMade: (disk) => existsSync(token(disk)),
    isThereAlready: never,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        if ((statSync(token(disk)).mode & 0o777) !== 0o600) throw new Error('others can read the token');
        if (readFileSync(token(disk), 'utf8').trim().length < 40) throw new Error('the token is not whole');
        const tokens = await ledger.reader.selectFrom('enrolment_token').selectAll().execute();
        if (tokens.length !== 1) throw new Error(`${tokens.length} tokens are open`);
      }),
  };
}

/** More devices than two ticks take, so that the command can be broken off between any two of them. */
const listed = 2 * limits.transitionsAtOnce + 4;
const listFile = 'list.csv';

/** A copy of the template with an order of so many devices, and the list of them. */
async function makeStock(template: string, folder: string): Promise<void> {
  const home = join(folder, 'authority');
  cpSync(template, home, { recursive: true });
  const authority = await openAuthority(home);
  try {
    const { ledger, person } = authority;
    const checked = checkContract(readFileSync(contractFile, 'utf8'), contractFile);
    await createOrder(ledger, systemEntropy, person, checked, {
      orderId: 'PO-1',
      sku: 'gateway-wifi',
      lot: 'L1',
      quantity: listed,
      scrapAllowance: 0,
      sites: ['site-1'],
      stations: [],
      opensAt: '2026-01-01T00:00:00.000Z',
      closesAt: '2099-01-01T00:00:00.000Z',
      ids: { source: 'generated', site: 'M1', year: 2026 },
    });
    const rows = await ledger.reader.selectFrom('device').select('device_id').execute();
    writeFileSync(join(folder, listFile), rows.map(({ device_id }) => `${device_id}\n`).join(''));
  } finally {
    await authority.close();
  }
}

/** A list of devices, moved in several ticks: broken off anywhere, the same command moves the rest, each once. */
function scrap(stock: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'scrap',
    prepare: async (disk) => cpSync(stock, disk, { recursive: true }),
    arguments: (disk) => [
      ...['device', 'scrap', '--csv', join(disk, listFile), '--count', String(listed)],
      ...['--reason', 'water', '--home', home(disk)],
    ],
    isMade: (disk) => countScrapped(join(home(disk), 'data', 'imprint.db')) === listed,
    isThereAlready: never,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const moves = await ledger.reader
          .selectFrom('device_history')
          .select('device_id')
          .where('value', '=', 'scrapped')
          .execute();
        const moved = new Set(moves.map(({ device_id }) => device_id)).size;
        if (moved === listed && moves.length === listed) return;
        throw new Error(`${moved} of ${listed} devices are scrapped, by ${moves.length} entries`);
      }),
  };
}

/** A person at the authority confirms each fingerprint that is shown. */
function enrol(authority: OpenAuthority, url: string): CommandCase {
  let stations = 0;
  return {
    part: 'enroll',
    prepare: async (disk) => {
      mkdirSync(disk);
      const core = (await authority.unlock()).stations;
      const invitation = { stationId: `st-${++stations}`, site: 'site-1', line: 'line-1', lanes: 1, url };
      const { token } = await inviteStation(core, authority.person, invitation);
      writeFileSync(join(disk, 'token'), `${token}\n`, { mode: 0o600 });
    },
    arguments: (disk) => [
      ...['station', 'enroll', '--token-file', join(disk, 'token'), '--home', join(disk, 'station')],
      ...['--lane', '1=tcp://127.0.0.1:4001'],
    ],
    onLine: async (line) => {
      const { event, station_id, fingerprint } = JSON.parse(line) as Record<string, string>;
      if (event !== 'fingerprint') return;
      const core = (await authority.unlock()).stations;
      const known = await authority.ledger.reader
        .selectFrom('station')
        .select('status')
        .where('station_id', '=', station_id!)
        .executeTakeFirst();
      if (known?.status !== 'confirmed') {
        await confirmStation(core, authority.person, station_id!, fingerprint!);
      }
    },
    isMade: (disk) => existsSync(join(disk, 'station', 'station.json')),
    isThereAlready: /home_exists/,
    check: async (disk) => {
      const { identity } = openStationHome(join(disk, 'station'));
      const certificate = new X509Certificate(identity.certificatePem);
      if (!certificate.checkPrivateKey(createPrivateKey(identity.keyPem))) {
        throw new Error('the certificate is for another key');
      }
    },
  };
}

/** Read past the program, so that its own reading is not what is trusted. */
function hasOrder(file: string): boolean {
  const database = new DatabaseSync(file);
  try {
    return database.prepare('SELECT 1 FROM production_order').get() !== undefined;
  } finally {
    database.close();
  }
}

function countScrapped(file: string): number {
  const database = new DatabaseSync(file);
  try {
    const row = database.prepare("SELECT count(*) AS count FROM device WHERE state = 'scrapped'").get();
    return Number(row?.count);
  } finally {
    database.close();
  }
}

/** A home opens, its keys too, and its log holds. */
export async function checkAuthority(
  home: string,
  also: (authority: OpenAuthority) => Promise<void> = async () => {},
  passphraseFile?: string,
): Promise<void> {
  const authority = await openAuthority(home, { passphraseFile });
  try {
    await authority.unlock();
    const { realm } = authority.configuration;
    await withSnapshot(authority.storage, async (reader) => {
      const verified = await verifyLog(reader, { realm });
      const replayed = await replay(reader, realm);
      const findings = [...verified.findings, ...replayed.findings];
      if (!verified.ok || findings.length > 0) throw new Error(JSON.stringify(findings));
      if (verified.size === 0) throw new Error('the log has no first entry');
    });
    if (existsSync(authority.home.waitingFile)) throw new Error('it is marked as waiting');
    if (existsSync(authority.home.unfinishedFile)) throw new Error('it is marked as unfinished');
    await also(authority);
  } finally {
    await authority.close();
  }
}
