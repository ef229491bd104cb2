/**
 * Whether the disk under a path is encrypted: the block device below the file system, and every device that it stands on,
 * down to one that dm-crypt made. Where the kernel does not tell, the answer is unknown, and never yes.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Finding, ok, unknown, warn } from './check.ts';

/** What the kernel shows; tests bring their own. */
export interface Kernel {
  /** /proc/self/mountinfo. */
  mountinfo(): string;
  /** The text of a file below /sys, undefined where it is not there. */
  read(path: string): string | undefined;
  /** Names in a folder below /sys, none where it is not there. */
  list(path: string): string[];
  /** A path without links. */
  real(path: string): string;
  /** `major:minor` of a device's file, undefined where it is none. */
  device(file: string): string | undefined;
}

export const thisKernel: Kernel = {
  mountinfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
  read: (path) => orUndefined(() => readFileSync(path, 'utf8').trim()),
  list: (path) => orUndefined(() => readdirSync(path)) ?? [],
  real: (path) => realpathSync(path),
  device: (file) =>
    orUndefined(() => {
      const stat = statSync(file);
      return stat.isBlockDevice() ? `${major(stat.rdev)}:${minor(stat.rdev)}` : undefined;
    }),
};

const most = 16;
const advice =
  'Encrypt the disk (LUKS) and keep the passphrase elsewhere: whoever takes the machine takes what is on it.';

export function diskEncryption(path: string, kernel: Kernel = thisKernel): Finding {
  const mount = mountOf(kernel.real(path), kernel.mountinfo());
  if (mount === undefined) return unknown(`nothing tells on which disk ${path} lies`, advice);
  // file systems with volumes of their own have no device number that a disk has
  const number = mount.device.startsWith('0:') ? kernel.device(mount.source) : mount.device;
  if (number === undefined) {
    return unknown(`${path} lies on ${mount.type}, which does not tell whether it is encrypted`, advice);
  }
  const found = below(number, kernel, most);
  if (found === 'encrypted') return ok(`the disk under ${path} is encrypted (dm-crypt)`);
  if (found === 'plain') return warn(`the disk under ${path} is not encrypted`, advice);
  return unknown(`the kernel does not tell what the disk under ${path} stands on`, advice);
}

interface Mount {
  device: string;
  type: string;
  source: string;
}

/** proc_pid_mountinfo(5); of several mounts at one place the last is what one sees. */
function mountOf(path: string, mountinfo: string): Mount | undefined {
  let best: (Mount & { at: string }) | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const fields = before?.split(' ') ?? [];
    const [type, source] = after?.split(' ') ?? [];
    const [device, at] = [fields[2], unescaped(fields[4] ?? '')];
    if (device === undefined || type === undefined || source === undefined || at === '') continue;
    const holds = path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`);
    if (holds && at.length >= (best?.at.length ?? 0)) best = { at, device, type, source: unescaped(source) };
  }
  return best;
}

/** Spaces and the like stand as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

type Encryption = 'encrypted' | 'plain' | 'unknown';

/** A device is encrypted where dm-crypt made it, or where all that it stands on is. */
function below(number: string, kernel: Kernel, depth: number): Encryption {
  const link = `/sys/dev/block/${number}`;
  if (depth === 0 || kernel.list(link).length === 0) return 'unknown';
  const folder = kernel.real(link);
  if (kernel.read(join(folder, 'dm/uuid'))?.startsWith('CRYPT-')) return 'encrypted';
  // a partition has nothing of its own: its disk tells
  if (kernel.read(join(folder, 'partition')) !== undefined) {
    const disk = kernel.read(join(dirname(folder), 'dev'));
    return disk === undefined ? 'unknown' : below(disk, kernel, depth - 1);
  }
  // a loop device lies in a file, on some other disk
  if (kernel.read(join(folder, 'loop/backing_file')) !== undefined) return 'unknown';
  const slaves = join(folder, 'slaves');
  const numbers = kernel.list(slaves).map((name) => kernel.read(join(slaves, name, 'dev')));
  if (numbers.length === 0) return 'plain';
  const found = numbers.map((one) => (one === undefined ? 'unknown' : below(one, kernel, depth - 1)));
  if (found.every((one) => one === 'encrypted')) return 'encrypted';
  return found.includes('plain') ? 'plain' : 'unknown';
}

/** As the C library composes them (makedev(3)). */
function major(device: number): number {
  return Number(((BigInt(device) >> 8n) & 0xfffn) | ((BigInt(device) >> 32n) & ~0xfffn));
}

function minor(device: number): number {
  return Number((BigInt(device) & 0xffn) | ((BigInt(device) >> 12n) & ~0xffn));
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
