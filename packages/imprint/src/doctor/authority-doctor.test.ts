/** Each check of an authority says what is wrong where it is, and is well where it is not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { authorityHome, readConfiguration } from '../authority-home.ts';
import { at, grow, makeHome, place, signed } from '../backup/homes.test-kit.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { type OpenAuthority, openAuthority } from '../open-authority.ts';
import { authorityChecks } from './authority/checks.ts';
import type { AuthorityFacts } from './authority/facts.ts';
import { type Checked, runChecks } from './check.ts';
import { diskRoom } from './disk-room.ts';
import { examineAuthority } from './run-doctor.ts';

const under = place(after);
const home = under('home');
let size: number;
const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));

before(async () => {
  await makeHome(home);
  await at(home, async (authority) => {
    await grow(authority, 300);
    size = (await authority.ledger.head()).size;
    await makeBackup(authority, under('backup'));
  });
});

let copies = 0;
function copy(): string {
  const folder = under(`copy-${copies++}`);
  cpSync(home, folder, { recursive: true });
  return folder;
}
const named = (checks: readonly Checked[], name: string) => checks.find((one) => one.name === name)!;

/** What the checks say with some of the facts replaced. */
async function examine(folder: string, facts: Partial<AuthorityFacts> = {}): Promise<Checked[]> {
  const paths = authorityHome(folder);
  const opened = await openAuthority(folder).catch((error: Error) => error);
  try {
    return await runChecks(authorityChecks, {
      ...{
        home: paths,
        configuration: readConfiguration(paths),
        opened,
        now: new Date(),
        uid: process.getuid!(),
        secrets: {},
      },
      kernel: {
        mountinfo: () => '',
        read: () => undefined,
        list: () => [],
        real: (path) => path,
        device: () => undefined,
      },
      ...facts,
    });
  } finally {
    if (!(opened instanceof Error)) await opened.close();
  }
}
/** After a change to a copy of the home. */
async function verdictAfter(name: string, change: (folder: string) => unknown): Promise<Checked> {
  const folder = copy();
  await change(folder);
  return named(await examine(folder), name);
}
function sql(folder: string, text: string): void {
  const database = new Database(authorityHome(folder).database);
  database.pragma('foreign_keys = OFF');
  assert.ok(database.prepare(text).run().changes > 0, text);
  database.close();
}
const days = (count: number) => new Date(Date.now() + count * 86_400_000);

test('a home that is well has nothing to fail, and every check has its own name', async () => {
  const checks = await examine(home);
  assert.deepEqual(
    checks.filter(({ verdict }) => verdict === 'fail'),
    [],
  );
  assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
  for (const { verdict, advice, name } of checks) {
    if (verdict === 'warn' || verdict === 'fail') assert.ok(advice, name);
  }
});

test('certificates are told before they end, and after', async () => {
  const saidIn = async (count: number) => named(await examine(home, { now: days(count) }), 'certificates');
  assert.equal((await saidIn(0)).verdict, 'ok');
  assert.match((await saidIn(340)).detail, /server\.pem ends in 2[45] days/);
  assert.equal((await saidIn(340)).verdict, 'warn');
  assert.match((await saidIn(366)).detail, /server\.pem ended on/);
  assert.equal((await saidIn(366)).verdict, 'fail');
});

test('a backup that is old, far too old or was never made is told', async () => {
  const saidIn = async (count: number) => named(await examine(home, { now: days(count) }), 'backup').verdict;
  assert.deepEqual([await saidIn(0), await saidIn(2), await saidIn(15)], ['ok', 'warn', 'fail']);
  const never = await verdictAfter('backup', (folder) => rmSync(join(folder, 'last-backup.json')));
  assert.equal(never.verdict, 'fail');
  const broken = await verdictAfter('backup', (folder) =>
    writeFileSync(join(folder, 'last-backup.json'), '{'),
  );
  assert.equal(broken.verdict, 'unknown');
});

test('I-16: a head, an entry or a tile that was changed, and an entry too many, fail the quick look', async () => {
  for (const text of [
    'update log_head set root = zeroblob(32)',
    'update log_head set size = size - 1',
    `update log_entry set packed = zeroblob(10) where log_index = ${size - 1}`,
    'delete from log_entry where log_index = 0',
    'update log_tile set hashes = zeroblob(length(hashes)) where level = 0 and tile_index = 1',
    `insert into log_entry select ${size}, packed, leaf_hash from log_entry where log_index = ${size - 1}`,
  ]) {
    const folder = copy();
    // the keys remember the checkpoint of the backup, and would refuse some of these before
    rmSync(join(folder, 'keys', 'newest-checkpoint'));
    sql(folder, text);
    const said = named(await examine(folder), 'log');
    assert.equal(said.verdict, 'fail', text);
    assert.match(said.advice!, /audit verify/);
  }
});

test('I-16: a database that is older than its keys remember is told', async () => {
  const folder = copy();
  await at(folder, async (authority) => {
    await grow(authority, 1);
    await signed(authority);
  });
  for (const end of ['', '-wal', '-shm']) rmSync(`${authorityHome(folder).database}${end}`, { force: true });
  cpSync(under('backup', 'imprint.db'), authorityHome(folder).database);
  const said = named(await examine(folder), 'standing');
  assert.deepEqual([said.verdict, said.detail.includes(`${size + 1} entries was signed`)], ['fail', true]);
});

test('what others may open, a link and another’s file are named with what closes them', async () => {
  for (const [change, found] of [
    [
      (folder: string) => chmodSync(join(folder, 'keys', 'log.key'), 0o640),
      /log\.key may be opened by others \(mode 640\)/,
    ],
    [(folder: string) => chmodSync(join(folder, 'data'), 0o755), /data may be opened by others/],
    [(folder: string) => chmodSync(join(folder, 'dev-passphrase'), 0o604), /dev-passphrase may be opened/],
    [(folder: string) => chmodSync(folder, 0o777), /others may write in/],
    [(folder: string) => symlinkSync('/etc/passwd', join(folder, 'keys', 'more.key')), /more\.key is a link/],
  ] as const) {
    const said = await verdictAfter('files', change);
    assert.equal(said.verdict, 'fail');
    assert.match(said.detail, found);
  }
  const other = named(await examine(home, { uid: 4321 }), 'files');
  assert.match(other.detail, /belongs to user \d+, and this is user 4321/);
  assert.equal(other.verdict, 'fail');
});

test('a halted clock, an intent left open and an alarm are told, and an alarm no more when somebody has looked', async () => {
  const alarm =
    (kind: 'clock' | 'foreign-identity') =>
    ({ ledger, person }: OpenAuthority) =>
      ledger.submit(async () => ({
        entries: [
          {
            type: 'alarm.raised' as const,
            actor: person,
            data: { kind, subject: 'st-1', detail: 'an hour\u001b[31m ahead' },
          },
        ],
        reply: () => undefined,
      }));
  const folder = copy();
  await at(folder, alarm('clock'));
  const checks = await examine(folder);
  assert.match(named(checks, 'clock').detail, /issuing is halted since/);
  assert.equal(named(checks, 'clock').verdict, 'fail');
  assert.match(named(checks, 'alarms').detail, /^1 clock; the newest: .* clock \(st-1\): an hour/);
  assert.ok(!named(checks, 'alarms').detail.includes('\u001b'));
  assert.equal(
    spawnSync(process.execPath, [mainFile, 'doctor', '--home', folder, '--alarms-seen'], { timeout: 60_000 })
      .status,
    0,
  );
  assert.equal(named(await examine(folder), 'alarms').verdict, 'ok');
  await at(folder, alarm('foreign-identity'));
  assert.match(named(await examine(folder), 'alarms').detail, /^1 foreign-identity;/);

  const left = await verdictAfter('intents', (one) =>
    sql(
      one,
      `insert into credential values ('c', 'j', 'd', 'idevid', 'p', 'i', '01', 't', 'ec-p256', 'k', '2026', '2027', 'p-1',
        '2026-01-01T00:00:00.000Z', 'intended', null, null, '2026-01-01T00:00:00.000Z', null, null, null, null)`,
    ),
  );
  assert.equal(left.verdict, 'warn');
  assert.match(left.detail, /^1 are open past their lease/);
});

test('a station’s certificate that ends soon is named, and one of a station that was revoked is not', async () => {
  const station = (id: string, status: string, end: Date) => (folder: string) =>
    sql(
      folder,
      `insert into station values ('${id}', 's', 'l', 1, '${status}', '${id}', null, null, null, null, '${end.toISOString()}', null, null)`,
    );
  const soon = await verdictAfter('station certificates', (folder) => {
    station('st-9', 'confirmed', days(3.5))(folder);
    station('st-8', 'confirmed', days(-2))(folder);
    station('st-7', 'revoked', days(1))(folder);
    station('st-6', 'confirmed', days(90))(folder);
  });
  assert.deepEqual([soon.verdict, soon.detail], ['warn', 'st-8 is over, st-9 ends in 3 days']);
});

test('a stolen CA key fails for as long as something of its playbook is left to do', async () => {
  const stolen = (kind: string) => (folder: string) =>
    sql(
      folder,
      `update ca set status = 'compromised', compromised_at = installed_at, compromised_since = installed_at where kind = '${kind}'`,
    );
  const device = await verdictAfter('compromised CAs', stolen('device'));
  assert.deepEqual([device.verdict, device.detail], ['ok', '1, and nothing is left to do']);
  const station = await verdictAfter('compromised CAs', (folder) => {
    stolen('station')(folder);
    sql(
      folder,
      `insert into station values ('st-9', 's', 'l', 1, 'confirmed', 'k', '01', null, null, null, '2099', null, null)`,
    );
  });
  assert.equal(station.verdict, 'fail');
  assert.match(station.detail, /1 certificates by the stolen key of station-issuing are not revoked/);
  assert.match(station.detail, /the listener's certificate is by the stolen key/);
});

test('the CRLs of the roots and what signs OCSP answers are told before they end, and after', async () => {
  const roots = async (count: number) => named(await examine(home, { now: days(count) }), 'root CRLs');
  assert.equal((await roots(0)).verdict, 'ok');
  assert.match((await roots(340)).detail, /the CRL of the device root ends in 2[45] days/);
  assert.deepEqual([(await roots(340)).verdict, (await roots(366)).verdict], ['warn', 'fail']);
  const named_ = { ...readConfiguration(authorityHome(home)), public_url: 'http://pki.example.com' };
  const folder = copy();
  sql(folder, "delete from root_crl where branch = 'device'");
  assert.equal(named(await examine(folder), 'root CRLs').verdict, 'ok');
  const missing = named(await examine(folder, { configuration: named_ }), 'root CRLs');
  assert.equal(missing.verdict, 'warn');
  assert.match(missing.detail, /device root was not brought here, and the certificates .* name it/);

  const signer = (end: Date) => (one: string) =>
    sql(
      one,
      `insert into responder select certificate_sha256, '0' || ca_id, 'p', 't', 'k', '2026-01-01T00:00:00.000Z', '${end.toISOString()}',
        'p-1', 'c', zeroblob(1) from ca where ca_id = 'device-issuing'`,
    );
  assert.match(named(await examine(home), 'OCSP signers').detail, /none was certified yet/);
  for (const [count, verdict] of [
    [3, 'ok'],
    [0.5, 'warn'],
    [-1, 'fail'],
  ] as const) {
    assert.equal((await verdictAfter('OCSP signers', signer(days(count)))).verdict, verdict);
  }
});

test('each key is opened and held against its certificate, and without a passphrase nothing is said of them', async () => {
  assert.deepEqual(named(await examine(home), 'keys'), {
    ...{ name: 'keys', verdict: 'ok', advice: null },
    detail: 'those of the log, the listeners and 2 CAs open',
  });
  const swapped = await verdictAfter('keys', (folder) =>
    cpSync(join(folder, 'keys', 'device-issuing.key'), join(folder, 'keys', 'station-issuing.key')),
  );
  assert.deepEqual([swapped.verdict, swapped.detail.startsWith('station-issuing: ')], ['fail', true]);
  const other = await verdictAfter('keys', (folder) =>
    sql(folder, `update ca set public_key_sha256 = 'x' where ca_id = 'device-issuing'`),
  );
  assert.equal(other.verdict, 'fail');
  assert.equal(other.detail, 'device-issuing: it is not that of its certificate');
  const gone = await verdictAfter('keys', (folder) => rmSync(join(folder, 'keys', 'device-issuing.key')));
  assert.match(gone.detail, /^device-issuing: .*device-issuing/);
  const unsaid = await verdictAfter('keys', (folder) => rmSync(join(folder, 'dev-passphrase')));
  assert.deepEqual(
    [unsaid.verdict, unsaid.detail],
    ['unknown', 'There is no way to get the passphrase of the key folder'],
  );
  const wrong = await verdictAfter('keys', (folder) =>
    writeFileSync(join(folder, 'dev-passphrase'), 'wrong\n'),
  );
  assert.equal(wrong.verdict, 'fail');
  assert.match(wrong.detail, /does not open the keys/);
});

test('a database that does not open fails, and what depends on it is unknown rather than well', async () => {
  const checks = await examine(
    await (async () => {
      const folder = copy();
      for (const end of ['-wal', '-shm']) rmSync(`${authorityHome(folder).database}${end}`, { force: true });
      writeFileSync(
        authorityHome(folder).database,
        'no database at all, and long enough to be looked at as one',
        { mode: 0o600 },
      );
      return folder;
    })(),
  );
  assert.equal(named(checks, 'database').verdict, 'fail');
  for (const name of ['standing', 'log', 'clock', 'intents', 'alarms']) {
    assert.equal(named(checks, name).verdict, 'unknown', name);
  }
  assert.equal(named(checks, 'certificates').verdict, 'ok');
});

test('a disk that is nearly full warns, and one that is full fails', () => {
  assert.deepEqual(
    [100e9, 2e9, 1e8].map((bytes) => diskRoom('/', bytes).verdict),
    ['ok', 'warn', 'fail'],
  );
});

test('the command ends with 0, 1 and 2, and looking changes nothing', async () => {
  const doctor = (...args: string[]) =>
    spawnSync(process.execPath, [mainFile, 'doctor', ...args], { encoding: 'utf8', timeout: 60_000 });
  const { status, stdout } = doctor('--home', home, '--json');
  const said = JSON.parse(stdout) as { ok: boolean; checks: Checked[] };
  assert.deepEqual([status, said.ok], [0, true]);
  assert.deepEqual(
    said.checks.map(({ name }) => name),
    authorityChecks.map(({ name }) => name),
  );
  const folder = copy();
  rmSync(join(folder, 'last-backup.json'));
  assert.equal(doctor('--home', folder).status, 1);
  assert.equal(doctor().status, 2);
  assert.equal(doctor('--home', home, '--station', home).status, 2);
  assert.equal(doctor('--home', under('nowhere')).status, 1);
  await at(home, async ({ ledger }) => assert.equal((await ledger.head()).size, size));
  assert.ok((await examineAuthority(home)).length > 0);
});
