/** I-16 through a lost machine: what is restored is held, and goes on only where it continues all that was signed. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportEntries } from '@imprint/authority/audit/export';
import { makeKey } from '@imprint/authority/signer/software';
import { unpackEntry } from '@imprint/authority/storage/packed-entry';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { openKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { isImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import { authorityHome, readConfiguration } from '../authority-home.ts';
import { backupFiles } from '../backup/backup-folder.ts';
import { at, grow, makeHome, mend, place, signAnew, signed, sizeOf } from '../backup/homes.test-kit.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { Child } from '../demo/child.ts';
import { logMarkFile } from '../log-mark.ts';
import { openAuthority, systemEntropy } from '../open-authority.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';
import { readHeld } from './held.ts';
import { releaseHome } from './release.ts';
import { restoreBackup } from './restore-backup.ts';

const under = place(after);
const backup = under('backup');
/** The keys as they were kept in a safe, which know nothing of what was signed later. */
const keys = under('safe', 'keys');
const note = (name: string) => under(`${name}.note`);
const entries = under('entries.jsonl');
/** Of what `init` writes, of the backup, and of what the station has seen. */
let begun: number;
let backupSize: number;
let seenSize: number;

before(async () => {
  const home = await makeHome(under('home'));
  cpSync(join(home, 'keys'), keys, { recursive: true });
  cpSync(join(home, 'dev-passphrase'), under('safe', 'dev-passphrase'));
  begun = await sizeOf(home);
  backupSize = begun + 10;
  seenSize = backupSize + 300;
  await at(home, async (authority) => {
    await grow(authority, 4);
    writeFileSync(note('early'), await signed(authority));
    await grow(authority, 6);
    await makeBackup(authority, backup);
    await grow(authority, 300);
    writeFileSync(note('station'), await signed(authority));
    await grow(authority, 5);
    const lines: string[] = [];
    for await (const line of exportEntries(authority.ledger.reader)) lines.push(line);
    writeFileSync(entries, lines.join(''));
  });
});

let homes = 0;
/** Restores the backup into a fresh home. */
async function restored(more: Partial<Parameters<typeof restoreBackup>[0]> = {}) {
  const home = under(`restored-${homes++}`);
  return { home, ...(await restoreBackup({ from: backup, home, keys, ...more })) };
}
const imprint = async (...args: string[]) =>
  runProgram(await buildProgram(args), ['node', 'imprint', ...args, '--json']);

test('I-16: a restored home is held: it reads, and neither writes nor signs nor is backed up', async () => {
  const { home, held } = await restored();
  assert.equal(held.size, backupSize);
  assert.equal(statSync(authorityHome(home).database).mode & 0o777, 0o600);
  assert.equal(statSync(authorityHome(home).keys).mode & 0o777, 0o700);
  await at(home, async (authority) => {
    await assert.rejects(grow(authority, 1), { code: 'log_held' });
    await assert.rejects(signed(authority), { code: 'log_held' });
    await assert.rejects(makeBackup(authority, under('of-held')), { code: 'log_held' });
  });
  assert.equal(await imprint('audit', 'verify', '--home', home, '--checkpoint', note('early')), 0);
  assert.equal(await imprint('clock', 'accept', '--home', home, '--reason', 'x'), 1);
});

test('I-16: imprint serve on a held home answers what only reads, and gives out no checkpoint', async (t) => {
  const { home } = await restored();
  const serve = new Child('serve', ['serve', '--home', home, '--json']);
  t.after(() => serve.stop());
  const ready = await serve.next(({ event }) => event === 'ready');
  assert.equal(ready.held, true);
  const get = (path: string) => fetch(new URL(path, `${ready.public}/`));
  assert.equal((await get(`tile/0/000.p/${backupSize}`)).status, 200);
  const refused = await get('checkpoint');
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'log_held']);
  assert.equal(await sizeOf(home), backupSize);
});

test('I-16: entries that a station has seen and that are missing are named, and nothing is released', async () => {
  const { home } = await restored();
  await assert.rejects(releaseHome({ home, checkpoint: [note('early'), note('station')] }), {
    code: 'log_inconsistent',
    message: new RegExp(
      `a checkpoint of ${seenSize} entries was signed, and this log has ${backupSize}: entries ${backupSize} to ${seenSize - 1} are missing`,
    ),
    hint: /audit export/,
  });
  // nor by the word of a person who gives the same checkpoint
  await assert.rejects(
    releaseHome({ home, checkpoint: [note('station')], nothingLater: true, reason: 'none, I am sure' }),
    { code: 'log_inconsistent' },
  );
  assert.ok(readHeld(authorityHome(home)));
  assert.equal(await sizeOf(home), backupSize);
});

test('I-16: a station that was shown more by a receipt is believed as far as to hold the log', async () => {
  const { home } = await restored();
  const told = under('told.json');
  const say = (log_size: number) =>
    writeFileSync(told, JSON.stringify({ checkpoint: readFileSync(note('early'), 'utf8'), log_size }));
  say(backupSize + 1);
  await assert.rejects(releaseHome({ home, checkpoint: [told] }), {
    code: 'log_inconsistent',
    message: new RegExp(`a station was shown ${backupSize + 1} entries`),
  });
  assert.ok(readHeld(authorityHome(home)));
  say(backupSize);
  assert.equal((await releaseHome({ home, checkpoint: [told] })).size, backupSize);
});

test('I-16: with the missing entries it is released, and continues every checkpoint there ever was', async () => {
  const { home } = await restored();
  const said = await releaseHome({ home, checkpoint: [note('station')], entries: [entries] });
  // up to what was signed, and no further
  assert.deepEqual([said.size, said.brought, said.evidence.length], [seenSize, 300, 1]);
  await at(home, async (authority) => {
    await grow(authority, 3);
    assert.equal(parseCheckpoint(await signed(authority)).size, seenSize + 4);
  });
  const earlier = ['early', 'station'].flatMap((name) => ['--checkpoint', note(name)]);
  const own = ['--checkpoint', join(backup, backupFiles.checkpoint)];
  assert.equal(await imprint('audit', 'verify', '--home', home, ...earlier, ...own), 0);
  assert.equal(await imprint('audit', 'replay', '--home', home), 0);
});

test('entries and checkpoints may be given at once, and then the release needs nothing more', async () => {
  const { home, held } = await restored({ checkpoint: [note('station')], entries: [entries] });
  assert.deepEqual([held.size, held.brought], [seenSize, 300]);
  await assert.rejects(
    at(home, (authority) => grow(authority, 1)),
    { code: 'log_held' },
  );
  assert.deepEqual((await releaseHome({ home })).evidence.length, 1);
  await at(home, (authority) => grow(authority, 1));
});

test('I-16: entries that were changed, left out or cut short are not taken, not even in part', async () => {
  const lines = readFileSync(entries, 'utf8').trimEnd().split('\n');
  const [changed, short, gap, junk] = ['changed', 'short', 'gap', 'junk'].map((name) => under(name));
  const salt = (line: string) => line.replace(/"salt":"[0-9a-f]{2}/, '"salt":"ff');
  writeFileSync(changed!, lines.map((line, index) => (index === 200 ? salt(line) : line)).join('\n'));
  writeFileSync(short!, lines.slice(0, 100).join('\n'));
  writeFileSync(gap!, lines.filter((_, index) => index !== 50).join('\n'));
  writeFileSync(junk!, `${lines.slice(0, 20).join('\n')}\n{"index":20}\n`);
  const { home } = await restored();
  for (const [file, code, message] of [
    [changed, 'log_inconsistent', /lead to the root/],
    [short, 'log_inconsistent', /end at entry 98/],
    [gap, 'log_inconsistent', /entry 50 is not among/],
    [junk, 'file_invalid', /line 21 is no entry/],
  ] as const) {
    await assert.rejects(releaseHome({ home, checkpoint: [note('station')], entries: [file!] }), {
      code,
      message,
    });
    assert.equal(await sizeOf(home), backupSize);
  }
});

test('without a checkpoint a person has to say that nothing later was signed, and that stands in the log', async () => {
  const { home } = await restored();
  await assert.rejects(releaseHome({ home }), { code: 'log_held' });
  await assert.rejects(releaseHome({ home, nothingLater: true }), { code: 'usage' });
  const many = { checkpoint: Array.from({ length: 65 }, () => note('early')) };
  await assert.rejects(releaseHome({ home, ...many }), { code: 'usage' });
  await releaseHome({ home, nothingLater: true, reason: 'no station has run since' });
  await at(home, async (authority) => {
    const last = await authority.ledger.reader
      .selectFrom('log_entry')
      .select('packed')
      .where('log_index', '=', backupSize)
      .executeTakeFirstOrThrow();
    const { type, data } = JSON.parse(Buffer.from(unpackEntry(last.packed)).toString()) as {
      type: string;
      data: object;
    };
    assert.equal(type, 'log.restored');
    assert.partialDeepStrictEqual(data, {
      size: backupSize,
      reason: 'no station has run since',
      evidence: [],
    });
  });
  await assert.rejects(releaseHome({ home, nothingLater: true, reason: 'x' }), { code: 'bad_request' });
});

test('a release that was broken off before its last step says the same in the log, once', async () => {
  const { home } = await restored({ checkpoint: [note('early')] });
  const mark = readFileSync(join(home, 'held.json'));
  const first = await releaseHome({ home });
  writeFileSync(join(home, 'held.json'), mark);
  assert.deepEqual(await releaseHome({ home }), first);
  assert.equal(await sizeOf(home), backupSize + 1);
});

test('I-16: a checkpoint of another history is refused, and so is one of another log or that no witness cosigned', async () => {
  const fork = under('fork');
  const { home } = await restored();
  cpSync(home, fork, { recursive: true });
  await releaseHome({ home: fork, nothingLater: true, reason: 'a test' });
  await at(fork, async (authority) => {
    await grow(authority, 20);
    writeFileSync(note('forked'), await signed(authority));
  });
  const long = await restored({ checkpoint: [note('station')], entries: [entries] });
  await assert.rejects(releaseHome({ home: long.home, checkpoint: [note('forked')] }), {
    code: 'log_inconsistent',
    message: /another history/,
  });
  const other = await makeHome(under('another'));
  await at(other, async (authority) => writeFileSync(note('foreign'), await signed(authority)));
  await assert.rejects(releaseHome({ home, checkpoint: [note('foreign')] }), { code: 'checkpoint_invalid' });
  await assert.rejects(restored({ checkpoint: [note('foreign')] }), { code: 'checkpoint_invalid' });
  await assert.rejects(releaseHome({ home, witnessKey: note('early') }), { code: 'usage' });
});

test('I-16: an old database that is put back under the same keys is refused at start, and is written by nobody', async () => {
  const home = under('put-back');
  cpSync(under('home'), home, { recursive: true });
  for (const end of ['', '-wal', '-shm']) rmSync(`${authorityHome(home).database}${end}`, { force: true });
  cpSync(join(backup, backupFiles.database), authorityHome(home).database);
  await at(home, async (authority) => {
    assert.match(
      authority.refusal!.message,
      new RegExp(`a checkpoint of ${seenSize} entries was signed with these keys`),
    );
    await assert.rejects(grow(authority, 1), { code: 'log_inconsistent' });
    await assert.rejects(authority.unlock(), { code: 'log_inconsistent' });
  });
  assert.equal(await imprint('serve', '--home', home), 1);
});

test('I-16: the keys of the lost machine remember how long the log was, and no word of a person stands against them', async () => {
  const surviving = join(under('home'), 'keys');
  const { home, newest } = await restored({ keys: surviving });
  assert.equal(newest!.size, seenSize);
  await assert.rejects(releaseHome({ home, checkpoint: [note('early')] }), { code: 'log_inconsistent' });
  await assert.rejects(releaseHome({ home, nothingLater: true, reason: 'x' }), { code: 'log_inconsistent' });
  const long = await restored({ keys: surviving, entries: [entries] });
  assert.equal(long.held.size, seenSize);
  // what lags behind what was signed last releases nothing by itself
  await assert.rejects(releaseHome({ home: long.home }), { code: 'log_held' });
  assert.ok(existsSync(join(surviving, logMarkFile)));
});

test('keys of another authority, a wrong passphrase and a home that is there are refused, and nothing is left', async () => {
  const other = await makeHome(under('other'));
  const ofAnother = { code: 'realm_mismatch', message: /key of the log/ };
  await assert.rejects(restored({ keys: join(other, 'keys') }), ofAnother);
  const wrong = under('wrong-passphrase');
  writeFileSync(wrong, 'wrong\n', { mode: 0o600 });
  await assert.rejects(restored({ passphraseFile: wrong }), { code: 'passphrase_wrong' });
  await assert.rejects(restoreBackup({ from: backup, home: other, keys }), { code: 'home_exists' });
  assert.equal(await sizeOf(other), begun);
  const { home } = await restored();
  assert.equal(readConfiguration(authorityHome(home)).realm, 'dev');
});

test('a key of the listener or of a CA that was exchanged in the safe is refused, and what was begun opens for nobody', async () => {
  for (const name of [keyNames.server, keyNames.issuing, keyNames.stationCa]) {
    const other = under(`exchanged-${name}`, 'keys');
    cpSync(keys, other, { recursive: true });
    cpSync(under('safe', 'dev-passphrase'), under(`exchanged-${name}`, 'dev-passphrase'));
    rmSync(join(other, `${name}.key`));
    const passphrase = Buffer.from(readFileSync(under('safe', 'dev-passphrase'), 'utf8').trim());
    await (await openKeyFolder(other, passphrase, systemEntropy)).write(name, makeKey('ec-p256'));
    const home = under(`restored-with-${name}`);
    const said = name === keyNames.server ? /server-tls/ : /is not that of the CA/;
    await assert.rejects(
      restoreBackup({ from: backup, home, keys: other }),
      (error) => isImprintError(error) && said.test(error.message),
    );
    await assert.rejects(openAuthority(home), { code: 'home_missing' });
  }
});

test('I-15: a backup whose registry is not what its log says is restored by nobody', async () => {
  const changed = under('changed-backup');
  cpSync(backup, changed, { recursive: true });
  const database = new Database(join(changed, backupFiles.database));
  database.prepare("update operator set registered_at = '2020-01-01T00:00:00.000Z'").run();
  database.close();
  await mend(changed, backupFiles.database);
  await assert.rejects(restored({ from: changed }), { code: 'signature_wrong' });
  await signAnew(under('home'), changed);
  await assert.rejects(restored({ from: changed }), {
    code: 'log_inconsistent',
    message: /operator operator_id=/,
  });
});
