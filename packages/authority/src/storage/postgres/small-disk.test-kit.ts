/**
 * A disk of a few megabytes, which is really full when it is: a filesystem in memory, mounted in a namespace of its own. So
 * whoever runs tests may have one, root or not, and it is gone with the process that holds it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Account {
  uid: number;
  gid: number;
}

export class SmallDisk {
  /** Where it is mounted, for those who run inside. */
  readonly folder: string;
  readonly #holder: ChildProcess;
  readonly #account: Account | undefined;

  private constructor(folder: string, holder: ChildProcess, account: Account | undefined) {
    this.folder = folder;
    this.#holder = holder;
    this.#account = account;
  }

  /** @param account who runs inside, where that is another than the one that runs the tests */
  static async mount(folder: string, megabytes: number, account: Account | undefined): Promise<SmallDisk> {
    mkdirSync(folder);
    const mount = `mount -t tmpfs -o size=${megabytes}m,mode=0777 tmpfs "$0" && echo mounted && exec sleep infinity`;
    const apart = account === undefined ? ['--user', '--map-root-user', '--mount'] : ['--mount'];
    const holder = spawn('unshare', [...apart, 'sh', '-c', mount, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', () => holder.kill('SIGKILL'));
    const [said] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'close')]);
    assert.match(
      String(said),
      /mounted/,
      'no filesystem can be mounted here: run the tests as root, or allow user namespaces (sysctl user.max_user_namespaces)',
    );
    return new SmallDisk(folder, holder, account);
  }

  /** A command as it is run inside, as the account. */
  command(program: string, args: readonly string[]): [string, string[]] {
    const namespaces = ['-t', String(this.#holder.pid), '--mount'];
    if (this.#account !== undefined) {
      const { uid, gid } = this.#account;
      const as = ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--'];
      return ['nsenter', [...namespaces, '--', ...as, program, ...args]];
    }
    // inside it is root, as which no server runs: so once more with its own name
    const as = [
      'unshare',
      '--user',
      `--map-user=${process.getuid!()}`,
      `--map-group=${process.getgid!()}`,
      '--',
    ];
    return ['nsenter', [...namespaces, '--user', '--preserve-credentials', '--', ...as, program, ...args]];
  }

  /** Writes a file until there is no room for another byte. */
  fill(): void {
    const { stderr } = this.#run('dd', ['if=/dev/zero', `of=${this.#filler}`, 'bs=4k']);
    assert.match(stderr, /No space left on device/);
  }

  /** Removes that file. */
  makeRoom(): void {
    assert.equal(this.#run('rm', [this.#filler]).status, 0);
  }

  makeFolder(name: string): string {
    const path = join(this.folder, name);
    assert.equal(this.#run('mkdir', ['-m', '0700', path]).status, 0);
    return path;
  }

  unmount(): void {
    this.#holder.kill('SIGKILL');
  }

  get #filler(): string {
    return join(this.folder, 'filler');
  }

  #run(program: string, args: string[]) {
    const [command, all] = this.command(program, args);
    return spawnSync(command, all, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  }
}
