/** Encryption below a path, by kernels that show one thing and another. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { diskEncryption, type Kernel, thisKernel } from './disk-encryption.ts';

/** Devices by number: where they lie below /sys, and the files there. */
function kernel(
  mountinfo: string[],
  devices: Record<string, { at: string; files?: Record<string, string>; slaves?: Record<string, string> }>,
  sources: Record<string, string> = {},
): Kernel {
  const files = new Map<string, string>();
  for (const [number, { at, files: own = {}, slaves = {} }] of Object.entries(devices)) {
    files.set(`${at}/dev`, number);
    for (const [name, text] of Object.entries(own)) files.set(`${at}/${name}`, text);
    for (const [name, slave] of Object.entries(slaves)) files.set(`${at}/slaves/${name}/dev`, slave);
  }
  return {
    mountinfo: () => mountinfo.join('\n'),
    read: (path) => files.get(path),
    list: (path) => {
      const number = /^\/sys\/dev\/block\/(.*)$/.exec(path)?.[1];
      const folder = number === undefined ? path : devices[number]?.at;
      return [
        ...new Set(
          [...files.keys()]
            .filter((one) => one.startsWith(`${folder}/`))
            .map((one) => one.slice(folder!.length + 1).split('/')[0]!),
        ),
      ];
    },
    real: (path) => devices[/^\/sys\/dev\/block\/(.*)$/.exec(path)?.[1] ?? '']?.at ?? path,
    device: (file) => sources[file],
  };
}

const mount = (device: string, at: string, type = 'ext4', source = '/dev/x') =>
  `36 35 ${device} / ${at} rw,noatime master:1 - ${type} ${source} rw`;
const disk = '/sys/devices/pci/nvme0n1';
const plainDisk = {
  '259:0': { at: disk },
  '259:2': { at: `${disk}/nvme0n1p2`, files: { partition: '2' } },
};
const luks = (slave: string) => ({
  at: '/sys/devices/virtual/block/dm-0',
  files: { 'dm/uuid': 'CRYPT-LUKS2-1234-root' },
  slaves: { p2: slave },
});
const verdict = (path: string, one: Kernel) => diskEncryption(path, one).verdict;

test('a partition of a disk is plain, and one that dm-crypt opened is encrypted', () => {
  assert.equal(verdict('/home/st', kernel([mount('259:2', '/')], plainDisk)), 'warn');
  const opened = { ...plainDisk, '253:0': luks('259:2') };
  assert.equal(verdict('/home/st', kernel([mount('253:0', '/')], opened)), 'ok');
});

test('the mount that holds the path tells, the longest and then the last one', () => {
  const devices = { ...plainDisk, '253:0': luks('259:2') };
  const mounts = [mount('259:2', '/'), mount('253:0', '/srv'), mount('259:2', '/srv/ab')];
  assert.equal(verdict('/srv/a', kernel(mounts, devices)), 'ok');
  assert.equal(verdict('/srv/ab/c', kernel(mounts, devices)), 'warn');
  assert.equal(verdict('/srvx', kernel(mounts, devices)), 'warn');
  assert.equal(verdict('/srv', kernel([...mounts, mount('259:2', '/srv')], devices)), 'warn');
  assert.equal(
    verdict('/my disk/a', kernel([mount('259:2', '/'), mount('253:0', '/my\\040disk')], devices)),
    'ok',
  );
});

test('a volume over several disks is encrypted where all of them are, and unknown where one cannot be seen', () => {
  const volume = (slaves: Record<string, string>) => ({
    ...plainDisk,
    '253:0': luks('259:2'),
    '253:5': { at: '/sys/devices/virtual/block/dm-5', files: { 'dm/uuid': 'LVM-abc' }, slaves },
  });
  const on = (slaves: Record<string, string>) => verdict('/a', kernel([mount('253:5', '/')], volume(slaves)));
  assert.equal(on({ a: '253:0' }), 'ok');
  assert.equal(on({ a: '253:0', b: '259:2' }), 'warn');
  assert.equal(on({ a: '253:0', b: '8:99' }), 'unknown');
});

test('a partition of an encrypted volume is encrypted', () => {
  const devices = {
    ...plainDisk,
    '253:0': luks('259:2'),
    '253:1': { at: '/sys/devices/virtual/block/dm-0/dm-0p1', files: { partition: '1' } },
  };
  assert.equal(verdict('/a', kernel([mount('253:1', '/')], devices)), 'ok');
});

test('btrfs is looked for by its source; memory, networks, loops and what nobody shows are unknown', () => {
  const devices = {
    ...plainDisk,
    '253:0': luks('259:2'),
    '7:0': { at: '/sys/devices/virtual/block/loop0', files: { 'loop/backing_file': '/a' } },
  };
  const btrfs = mount('0:33', '/', 'btrfs', '/dev/mapper/root');
  assert.equal(verdict('/a', kernel([btrfs], devices, { '/dev/mapper/root': '253:0' })), 'ok');
  assert.equal(verdict('/a', kernel([btrfs], devices)), 'unknown');
  assert.equal(verdict('/a', kernel([mount('0:40', '/', 'nfs4', 'server:/x')], devices)), 'unknown');
  assert.equal(verdict('/a', kernel([mount('7:0', '/')], devices)), 'unknown');
  assert.equal(verdict('/a', kernel([mount('8:99', '/')], devices)), 'unknown');
  assert.equal(verdict('/a', kernel(['', 'nonsense'], devices)), 'unknown');
});

test('a chain of devices without an end has one here', () => {
  const round = {
    '253:7': { at: '/sys/devices/virtual/block/dm-7', files: { 'dm/uuid': 'LVM-x' }, slaves: { a: '253:7' } },
  };
  assert.equal(verdict('/a', kernel([mount('253:7', '/')], round)), 'unknown');
});

test('this machine’s kernel answers without a fault, and numbers devices as it does itself', () => {
  assert.ok(['ok', 'warn', 'unknown'].includes(diskEncryption('/').verdict));
  assert.equal(thisKernel.device('/dev/null'), undefined);
  const mounts = thisKernel
    .mountinfo()
    .split('\n')
    .map((line) => line.split(' '));
  const root = mounts.findLast((fields) => fields[4] === '/')!;
  if (!root[2]!.startsWith('0:')) {
    const { dev } = statSync('/');
    assert.equal(`${(dev >> 8) & 0xfff}:${dev & 0xff}`, root[2]);
  }
});
