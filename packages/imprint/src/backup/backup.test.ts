/** A backup is made of a working authority, is whole or not there, holds no key, and every change to it is found. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import Database from 'better-sqlite3';
import { authorityHome } from '../authority-home.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';
import { backupFiles, filesBelow, readManifest } from './backup-folder.ts';
import { checkBackup } from './check-backup.ts';
import { at, grow, makeHome, mend, place, signAnew, signed, sizeOf } from './homes.test-kit.ts';
import { readLastBackup } from './last-backup.ts';
import { makeBackup } from './make-backup.ts';

const under = place(after);
const home = under('home');
const backup = under('backup');

before(async () => {
  await makeHome(home);
  await at(home, async (authority) => {
    await grow(authority, 300);
    await makeBackup(authority, backup);
  });
});

let copies = 0;
/** A copy of the backup, changed. */
function changed(change: (folder: string) => void): string {
  const folder = under(`changed-${copies++}`);
  cpSync(backup, folder, { recursive: true, verbatimSymlinks: true });
  change(folder);
  return folder;
}

test('what others write while a backup is made is not in it, and does not hold it up', async () => {
  await at(home, async (authority) => {
    const { size } = await authority.ledger.head();
    const other = new Database(authority.home.database);
    let written = 0;
    const write = () =>
      other.prepare('insert into person values (?, ?, ?)').run(`late-${written}`, 'Late', String(written++));
    const manifest = await makeBackup(authority, under('live'), (what) => {
      if (/pages/.test(what)) write();
    });
    other.close();
    assert.ok(written > 0);
    assert.equal(manifest.size, size);
    await checkBackup(under('live'), authority.logKey);
    const copy = new Database(under('live', backupFiles.database), { readonly: true });
    assert.deepEqual(copy.prepare('select * from person').all(), []);
    copy.close();
    assert.deepEqual(readLastBackup(authority.home), {
      at: manifest.made_at,
      size: manifest.size,
      root: manifest.root,
    });
  });
});

test('I-19: a backup is for its owner alone and holds no key, no passphrase, and nothing that was deleted', async () => {
  assert.equal(statSync(backup).mode & 0o777, 0o700);
  const files = filesBelow(backup);
  assert.deepEqual(
    files.filter((name) => !name.startsWith('certificates/')),
    ['checkpoint', 'configuration.json', 'imprint.db', 'manifest.json', 'manifest.sig'],
  );
  const secrets = [
    readFileSync(authorityHome(home).devPassphrase, 'utf8').trim(),
    ...readdirSync(authorityHome(home).keys)
      .filter((name) => /\.(key|json)$/.test(name))
      .map((name) => readFileSync(join(authorityHome(home).keys, name), 'latin1').slice(-40)),
  ];
  for (const name of files) {
    const text = readFileSync(join(backup, name), 'latin1');
    for (const secret of secrets) assert.ok(!text.includes(secret), name);
    assert.ok(!text.includes('PRIVATE KEY'), name);
  }
});

test('I-19: a private key that lies among the certificates goes into no backup', async () => {
  const other = under('with-key');
  cpSync(home, other, { recursive: true });
  writeFileSync(
    join(other, 'certificates', 'left.pem'),
    '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
  );
  await at(other, (authority) =>
    assert.rejects(makeBackup(authority, under('never')), {
      code: 'file_invalid',
      message: /left\.pem is no certificate/,
    }),
  );
  assert.ok(!existsSync(under('never')) && !existsSync(under('never.unfinished')));
});

test('a changed byte, a missing file, a strange one and a link are each named', async () => {
  for (const { path } of readManifest(backup).files) {
    const flipped = changed((folder) => {
      const bytes = readFileSync(join(folder, path));
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      writeFileSync(join(folder, path), bytes);
    });
    await assert.rejects(checkBackup(flipped), {
      code: 'file_invalid',
      message: new RegExp(`${path} was changed`),
    });
    const missing = changed((folder) => rmSync(join(folder, path)));
    await assert.rejects(checkBackup(missing), {
      code: 'file_invalid',
      message: new RegExp(`${path} is missing`),
    });
  }
  // beside a database, a WAL would be read as part of it
  const strange = changed((folder) => writeFileSync(join(folder, 'imprint.db-wal'), ''));
  await assert.rejects(checkBackup(strange), {
    code: 'file_invalid',
    message: /imprint\.db-wal is not named/,
  });
  const link = changed((folder) => symlinkSync('/etc/passwd', join(folder, 'certificates', 'more.pem')));
  await assert.rejects(checkBackup(link), { code: 'file_invalid', message: /neither a file nor a folder/ });
  const unfinished = changed((folder) => rmSync(join(folder, backupFiles.manifest)));
  await assert.rejects(checkBackup(unfinished), { code: 'file_invalid', message: /is no backup/ });
});

test('I-16: whoever mends the manifest has not the log’s key: passwords, sessions and configuration are as they were made', async () => {
  const inDatabase = (sql: string) => (folder: string) => {
    const database = new Database(join(folder, backupFiles.database));
    assert.equal(database.prepare(sql).run().changes, 1, sql);
    database.close();
  };
  const thief =
    "account_session values ('00', 'ada', '2026-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z')";
  for (const [path, change] of [
    [backupFiles.database, inDatabase(`insert into ${thief}`)],
    [
      backupFiles.configuration,
      (folder: string) => {
        const file = join(folder, backupFiles.configuration);
        writeFileSync(file, readFileSync(file, 'utf8').replace('"Example Devices"', '"Evil Devices"'));
      },
    ],
  ] as const) {
    const folder = await mend(changed(change), path);
    await assert.rejects(checkBackup(folder), { code: 'signature_wrong', message: /manifest/ }, path);
  }
  await assert.rejects(checkBackup(changed((folder) => rmSync(join(folder, backupFiles.signature)))), {
    code: 'file_invalid',
    message: /manifest\.sig is missing/,
  });
  const other = changed((folder) => writeFileSync(join(folder, backupFiles.signature), 'AAAA\n'));
  await assert.rejects(checkBackup(other), { code: 'signature_wrong' });
});

test('I-16: entries that were rewritten, cut off or dropped are found though the manifest was mended and signed', async () => {
  for (const [sql, code] of [
    [
      'update log_entry set packed = (select packed from log_entry where log_index = 6) where log_index = 5',
      'log_inconsistent',
    ],
    ['delete from log_entry where log_index = (select max(log_index) from log_entry)', 'log_inconsistent'],
    ['delete from log_entry where log_index = 7', 'log_inconsistent'],
    ["update realm set log_id = 'x'", 'realm_mismatch'],
  ] as const) {
    const folder = changed((one) => {
      const database = new Database(join(one, backupFiles.database));
      assert.equal(database.prepare(sql).run().changes, 1, sql);
      database.close();
    });
    await signAnew(home, await mend(folder, backupFiles.database));
    await assert.rejects(checkBackup(folder), { code }, sql);
  }
});

test('I-16: what the log’s key has signed is held together all the same: realm, checkpoint and files are of one backup', async () => {
  const twice = changed((folder) => {
    const { text: _, ...manifest } = readManifest(folder);
    manifest.files.push(manifest.files[0]!);
    writeFileSync(join(folder, backupFiles.manifest), JSON.stringify(manifest));
  });
  await assert.rejects(checkBackup(twice), { code: 'file_invalid', message: /names a file twice/ });
  const realm = changed((folder) => {
    const { text } = readManifest(folder);
    writeFileSync(join(folder, backupFiles.manifest), text.replace('"dev"', '"test"'));
  });
  await signAnew(home, realm);
  await assert.rejects(checkBackup(realm), { code: 'realm_mismatch', message: /two realms/ });
  const grown = under('grown');
  cpSync(home, grown, { recursive: true });
  const later = await at(grown, async (authority) => {
    await grow(authority, 1);
    return signed(authority);
  });
  const folder = changed((one) => writeFileSync(join(one, backupFiles.checkpoint), later));
  await signAnew(home, await mend(folder, backupFiles.checkpoint));
  await assert.rejects(checkBackup(folder), { code: 'log_inconsistent', message: /signed were/ });
});

test('a path in a manifest leads to no other folder', async () => {
  for (const path of [
    '../home/imprint.json',
    '/etc/passwd',
    'certificates/../checkpoint',
    'certificates/.x',
    'keys/log.key',
  ]) {
    const folder = changed((one) => {
      const { text: _, ...manifest } = readManifest(one);
      manifest.files.push({ path, bytes: 1, sha256: '0'.repeat(64) });
      writeFileSync(join(one, backupFiles.manifest), JSON.stringify(manifest));
    });
    await assert.rejects(checkBackup(folder), { code: 'file_invalid', message: /is no backup/ }, path);
  }
});

test('a backup of another log is refused under a pinned key, and so is a mixture of two', async () => {
  const other = await makeHome(under('other'));
  await at(other, async (authority) => {
    await assert.rejects(checkBackup(backup, authority.logKey), { code: 'realm_mismatch' });
    await makeBackup(authority, under('other-backup'));
  });
  const mixture = changed((folder) =>
    cpSync(under('other-backup', backupFiles.database), join(folder, backupFiles.database)),
  );
  await signAnew(home, await mend(mixture, backupFiles.database));
  await assert.rejects(checkBackup(mixture), { code: 'realm_mismatch' });
  const key = parseVerifierKey(readFileSync(join(backup, backupFiles.logKey), 'utf8').trim());
  assert.equal((await checkBackup(backup, key)).manifest.size, await sizeOf(home));
});

test('what an earlier run left is cleared away, what is somebody else’s is not, and nothing is written over', async () => {
  await at(home, async (authority) => {
    mkdirSync(under('again.unfinished'));
    writeFileSync(under('again.unfinished', 'imprint.db-journal'), 'half');
    await makeBackup(authority, under('again'));
    assert.ok(!existsSync(under('again.unfinished')));
    await assert.rejects(makeBackup(authority, under('again')), { code: 'home_exists' });
    mkdirSync(under('mine.unfinished'));
    writeFileSync(under('mine.unfinished', 'letter.txt'), 'dear');
    await assert.rejects(makeBackup(authority, under('mine')), {
      code: 'path_refused',
      message: /letter\.txt/,
    });
    assert.ok(existsSync(under('mine.unfinished', 'letter.txt')));
    writeFileSync(under('file'), '');
    await assert.rejects(makeBackup(authority, under('file')), { code: 'home_exists' });
    await assert.rejects(makeBackup(authority, under('file', 'below')), { code: 'path_refused' });
  });
});

test('the commands end with 0, 1 and 2 as all do', async () => {
  const imprint = async (...args: string[]) =>
    runProgram(await buildProgram(args), ['node', 'imprint', ...args, '--json']);
  assert.equal(await imprint('backup', '--home', home, '--to', under('by-command')), 0);
  assert.equal(await imprint('backup', 'check', '--from', under('by-command')), 0);
  assert.equal(await imprint('backup', '--home', home, '--to', under('by-command')), 1);
  assert.equal(await imprint('backup', 'check', '--from', home), 1);
  assert.equal(await imprint('backup', '--home', home), 2);
});
