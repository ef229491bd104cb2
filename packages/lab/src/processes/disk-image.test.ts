import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DiskImage, type Image, writeImage } from './disk-image.ts';
import { seeded } from './seeded.ts';
import { type Operation, parseTrace } from './trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-disk-image-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'old'), 'before');
const old = statSync(join(folder, 'old')).ino;
const root = statSync(folder).ino;

/** The folder after these operations, as a trace tells them. */
function diskAfter(trace: string): DiskImage {
  const disk = new DiskImage(folder);
  for (const operation of parseTrace(Buffer.from(trace))) disk.apply(operation);
  return disk;
}

const text = (image: Image) => [...image].map(([path, content]) => `${path}=${String(content)}`);

test('what was written and not synced is gone, and what was synced stays', () => {
  const trace = `write ${old} 0 5\nAFTER\nsync ${old}\nwrite ${old} 0 5\nnever\n`;
  assert.deepEqual(text(diskAfter(trace).image('synced')), ['old=AFTERe']);
  assert.deepEqual(text(diskAfter(trace).image('everything')), ['old=nevere']);
});

test('a file that was cut short and grows again has zeros in between, and an image that was given out stays', () => {
  const disk = diskAfter(`truncate ${old} 2\nwrite ${old} 4 1\nX\n`);
  const image = disk.image('everything');
  assert.deepEqual(text(image), ['old=be\0\0X']);
  disk.apply({ kind: 'write', inode: old, offset: 0, bytes: Buffer.from('w') });
  assert.deepEqual(text(image), ['old=be\0\0X']);
  assert.deepEqual(text(disk.image('everything')), ['old=we\0\0X']);
});

test('a synced file has no name before its folder was synced', () => {
  const made = 'create 7 new\nwrite 7 0 2\nhi\nsync 7\n';
  assert.deepEqual(text(diskAfter(made).image('synced')), ['old=before']);
  assert.deepEqual(text(diskAfter(`${made}sync ${root}\n`).image('synced')), ['old=before', 'new=hi']);
});

test('a renamed file has its old name or its new one, never both and never none', () => {
  const disk = diskAfter(`create 7 draft\nwrite 7 0 2\nhi\nsync 7\nsync ${root}\nrename draft\told\n`);
  assert.deepEqual(text(disk.image('synced')), ['old=before', 'draft=hi']);
  for (let seed = 0; seed < 20; seed++) {
    const names = [...disk.image(seeded(seed)).keys()].join(' ');
    assert.ok(['old draft', 'old'].includes(names), `seed ${seed}: ${names}`);
  }
});

test('what a failed sync was to keep is gone for good, whatever is synced later', () => {
  const trace = `write ${old} 0 1\nX\nlost ${old}\nwrite ${old} 1 1\nY\nsync ${old}\n`;
  assert.deepEqual(text(diskAfter(trace).image('synced')), ['old=bYfore']);
});

test('a write is kept or lost sector by sector', () => {
  const disk = diskAfter(`truncate ${old} 0\nsync ${old}\nwrite ${old} 0 1024\n${'x'.repeat(1_024)}\n`);
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const content = disk.image(seeded(seed)).get('old')!.toString('latin1');
    seen.add(content.replaceAll(/x{512}/g, 'S').replaceAll(/\0{512}/g, '0'));
  }
  assert.deepEqual([...seen].sort(), ['', '0S', 'S', 'SS']);
});

test('an image is written as it is, for its owner alone', () => {
  const target = join(folder, 'target');
  writeImage(
    new Map([
      ['a', null],
      ['a/b', Buffer.from('c')],
    ]),
    target,
  );
  assert.deepEqual(readdirSync(target, { recursive: true }).sort(), ['a', 'a/b']);
  assert.equal(readFileSync(join(target, 'a/b'), 'utf8'), 'c');
  assert.equal(statSync(join(target, 'a/b')).mode & 0o777, 0o600);
  rmSync(target, { recursive: true });
});

test('a trace that was cut off ends with its last whole operation', () => {
  const whole = 'mkdir 5 a\nrename a/x.new\ta/x\nsend 12\nfailed\nwrite 9 3 4\nab\nd\n';
  const kinds = (operations: Operation[]) => operations.map(({ kind }) => kind);
  assert.deepEqual(kinds(parseTrace(Buffer.from(whole))), ['mkdir', 'rename', 'send', 'failed', 'write']);
  assert.deepEqual(kinds(parseTrace(Buffer.from(whole.slice(0, -3)))), ['mkdir', 'rename', 'send', 'failed']);
  assert.throws(() => parseTrace(Buffer.from('unheard 1\n')), RangeError);
});
