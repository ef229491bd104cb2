/**
 * The machine on which one process of the authority runs, and the person who minds it: starts it anew when it died or writes no
 * more, sets a wrong clock right and accepts it. Faults of its key and its clock come in here.
 */
import { acceptClock } from '@imprint/authority/clock/clock-guard';
import type { Signer } from '@imprint/authority/signer/signer';
import type { Storage } from '@imprint/authority/storage/storage';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { drawKey } from '@imprint/sim/key-slot';
import type { AuthorityIdentity } from './authority-identity.ts';
import { AuthorityProcess } from './authority-process.ts';
import { failingSigner } from './failing-signer.ts';
import type { Faults } from './faults.ts';
import { Life } from './life.ts';
import type { Network } from './network.ts';
import { SeededKey } from './seeded-keys.ts';
import { type Chance, chance, type World } from './world.ts';

export interface AuthorityWatcher {
  /** A commit came back, or was kept though it did not: the file may hold more than before. */
  mayHaveCommitted(): void;
  /** The key of a CA for devices has signed these bytes. */
  signed(bytes: Uint8Array): void;
  /** What only the authority's own log would show. */
  fault(error: unknown): void;
  /** A process begins: `ledger` is its own. */
  started(process: AuthorityProcess): void;
}

export interface HostParts {
  world: World;
  faults: Faults;
  network: Network;
  watcher: AuthorityWatcher;
  identity: AuthorityIdentity;
  /** Of the machine, where there are several. */
  name?: string;
  /** Milliseconds that its clock is off all day, within what NTP allows. */
  skewMs?: number;
  /** Told when a process is asked something. */
  asked?: (process: AuthorityProcess) => void;
  /** The database as a process of this life sees it; rejects where the program could not start. */
  open: (life: Life) => Storage | Promise<Storage>;
}

/** How long a person leaves a wrong clock before it is set right. */
const clockWrongMs = 45_000;
const minderEveryMs = 2_000;
export const minder = { kind: 'person', id: 'minder' } as const;

export class AuthorityHost {
  readonly #parts: HostParts;
  readonly #draw: Chance;
  readonly #otherKey: SeededKey;
  readonly #prefix: string;
  #life: Life | undefined;
  #process: AuthorityProcess | undefined;
  #starts = 0;
  #clockOffMs = 0;
  /** That nobody has set right yet: two of them can be none, to whoever began before the second. */
  #jumps = 0;
  /** The person has set the clock right and has to tell the authority so. */
  #mustAccept = false;
  #stopped = false;

  constructor(parts: HostParts) {
    const { world, name } = parts;
    this.#parts = parts;
    this.#prefix = name === undefined ? '' : `${name}-`;
    this.#draw = chance(world.entropy(`${this.#prefix}authority host`));
    this.#otherKey = new SeededKey('ec-p256', drawKey('ec-p256', world.entropy('another key')));
  }

  get process(): AuthorityProcess | undefined {
    return this.#process?.life.alive ? this.#process : undefined;
  }

  get isClockRight(): boolean {
    return this.#clockOffMs === 0 && this.#jumps === 0;
  }

  /** Starts the program; where its database has to be waited for, it is there later or ends. */
  start(): void {
    this.#starts++;
    const life = new Life(this.#parts.world);
    this.#life = life;
    const opened = this.#parts.open(life);
    if (opened instanceof Promise) {
      opened.then(
        (storage) => life.alive && this.#run(life, storage),
        () => life.kill(),
      );
    } else this.#run(life, opened);
  }

  /** The person who looks after it, every two seconds. */
  mind(): void {
    if (this.#stopped) return;
    this.#parts.world.after(minderEveryMs, () => {
      this.#look();
      this.mind();
    });
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    this.kill();
  }

  kill(): void {
    this.#life?.kill();
  }

  /** The clock jumps, and is set right after a while. */
  jumpClock(ms: number): void {
    this.#clockOffMs += ms;
    this.#jumps++;
    this.#parts.world.after(clockWrongMs, () => {
      this.#jumps--;
      this.#clockOffMs = 0;
      this.#mustAccept = true;
      this.kill();
    });
  }

  #run(life: Life, storage: Storage): void {
    const { world, faults, network, watcher, identity, skewMs = 0 } = this.#parts;
    const openSigner = (caId: string): Signer => {
      const sound = identity.caSigners.get(caId);
      if (sound === undefined) throw new ImprintError('file_invalid', `there is no key of ${caId}`);
      if (!caId.startsWith('device-')) return sound;
      return failingSigner({
        sound,
        otherKey: this.#otherKey,
        life,
        faults,
        draw: this.#draw,
        signed: (bytes) => watcher.signed(bytes),
      });
    };
    const process: AuthorityProcess = new AuthorityProcess({
      world,
      life,
      name: `${this.#prefix}${this.#starts}`,
      identity,
      storage,
      openSigner,
      clockOffMs: () => skewMs + this.#clockOffMs,
      report: (error) => {
        if (life.alive) watcher.fault(error);
      },
      asked: () => this.#parts.asked?.(process),
      beforeReply: (message) => {
        const units = network.unitsOf(message);
        const struck = faults.strike('authority-request', (concerned) => units.includes(concerned));
        if (struck !== undefined) life.kill();
      },
    });
    this.#process = process;
    watcher.started(process);
  }

  #look(): void {
    if (this.#stopped || this.#life === undefined) return;
    const { process } = this;
    if (process?.ledger.writable === false) process.life.kill();
    if (!this.#life.alive) {
      this.start();
      return;
    }
    if (process !== undefined && this.#mustAccept && this.#clockOffMs === 0) {
      acceptClock(process.ledger, minder, 'the clock was set right').then(
        () => {
          this.#mustAccept = false;
        },
        (error) => {
          // nothing was halted: the jump was over before anybody met it
          if (isImprintError(error, 'bad_request')) this.#mustAccept = false;
        },
      );
    }
  }
}
