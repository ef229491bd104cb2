/**
 * The machine on which the authority runs, and the person who minds it: starts it anew when it died or writes no more, sets a
 * wrong clock right and accepts it. Faults of its disk, its key and its clock come in here.
 */
import { acceptClock } from '@imprint/authority/clock/clock-guard';
import type { Signer } from '@imprint/authority/signer/signer';
import { createHierarchy } from '@imprint/authority/trust/hierarchy';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { drawKey } from '@imprint/sim/key-slot';
import { type AuthorityIdentity, AuthorityProcess } from './authority-process.ts';
import type { FaultName } from './catalogue.ts';
import { type DiskAct, type DiskFault, makeAuthorityFile, openFailingStorage } from './disk.ts';
import type { Faults } from './faults.ts';
import { Life } from './life.ts';
import type { Network } from './network.ts';
import { SeededKey, seededSigner } from './seeded-keys.ts';
import { beginning, type Chance, chance, type World } from './world.ts';

export interface AuthorityWatcher {
  /** A commit came back, or was kept though it did not: the file may hold more than before. */
  mayHaveCommitted(): void;
  /** The issuing key has signed these bytes. */
  signed(bytes: Uint8Array): void;
  /** What only the authority's own log would show. */
  fault(error: unknown): void;
  /** A process begins: `ledger` is its own. */
  started(process: AuthorityProcess): void;
}

const anyone = () => true;
/** How long a person leaves a wrong clock before it is set right. */
const clockWrongMs = 45_000;
const minderEveryMs = 2_000;
export const minder = { kind: 'person', id: 'minder' } as const;

export class AuthorityHost {
  readonly identity: AuthorityIdentity;
  readonly file: string;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #watcher: AuthorityWatcher;
  readonly #network: Network;
  readonly #draw: Chance;
  readonly #otherKey: SeededKey;
  #process: AuthorityProcess | undefined;
  #starts = 0;
  #clockOffMs = 0;
  /** The person has set the clock right and has to tell the authority so. */
  #mustAccept = false;
  #stopped = false;

  private constructor(
    world: World,
    faults: Faults,
    network: Network,
    watcher: AuthorityWatcher,
    file: string,
    identity: AuthorityIdentity,
  ) {
    this.identity = identity;
    this.file = file;
    this.#world = world;
    this.#faults = faults;
    this.#network = network;
    this.#watcher = watcher;
    this.#draw = chance(world.entropy('authority host'));
    this.#otherKey = new SeededKey('ec-p256', drawKey('ec-p256', world.entropy('another key')));
  }

  /** Makes keys, certificates and an empty database in `file`, and starts nothing yet. */
  static async make(
    world: World,
    faults: Faults,
    network: Network,
    watcher: AuthorityWatcher,
    file: string,
  ): Promise<AuthorityHost> {
    const entropy = world.entropy('hierarchy');
    const hierarchy = await createHierarchy({
      realm: 'dev',
      organization: 'Example Devices',
      hosts: [],
      now: new Date(beginning - 86_400_000),
      entropy,
      makeKey: (type) => drawKey(type, entropy),
      openSigner: (key) => seededSigner(key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'ec-p256', key),
    });
    const { keys } = hierarchy;
    await makeAuthorityFile(file);
    return new AuthorityHost(world, faults, network, watcher, file, {
      hierarchy,
      logKey: new SeededKey('ed25519', keys.log),
      stationSigner: seededSigner('ec-p256', keys.stationCa),
    });
  }

  get process(): AuthorityProcess | undefined {
    return this.#process?.life.alive ? this.#process : undefined;
  }

  start(): AuthorityProcess {
    this.#starts++;
    const life = new Life(this.#world);
    const storage = openFailingStorage(this.file, life, (act) => this.#diskFault(act));
    const process = new AuthorityProcess({
      world: this.#world,
      life,
      start: this.#starts,
      identity: this.identity,
      storage,
      signer: this.#failingSigner(life),
      clockOffMs: () => this.#clockOffMs,
      report: (error) => {
        if (life.alive) this.#watcher.fault(error);
      },
      beforeReply: (message) => {
        const units = this.#network.unitsOf(message);
        const struck = this.#faults.strike('authority-request', (concerned) => units.includes(concerned));
        if (struck !== undefined) life.kill();
      },
    });
    this.#process = process;
    this.#network.listener = process;
    this.#watcher.started(process);
    return process;
  }

  /** The person who looks after it, every two seconds. */
  mind(): void {
    if (this.#stopped) return;
    this.#world.after(minderEveryMs, () => {
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
    this.#process?.life.kill();
  }

  /** The clock jumps, and is set right after a while. */
  jumpClock(ms: number): void {
    this.#clockOffMs += ms;
    this.#world.after(clockWrongMs, () => {
      this.#clockOffMs = 0;
      this.#mustAccept = true;
      this.kill();
    });
  }

  #look(): void {
    const process = this.#process;
    if (process === undefined || this.#stopped) return;
    if (process.life.alive && !process.ledger.writable) process.life.kill();
    if (!process.life.alive) {
      this.start();
      return;
    }
    if (this.#mustAccept && this.#clockOffMs === 0) {
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

  #diskFault(act: DiskAct): DiskFault | undefined {
    if (act === 'commit') queueMicrotask(() => this.#watcher.mayHaveCommitted());
    const struck = this.#faults.strike('database', anyone, (fault) => fitsAct(fault, act));
    switch (struck?.fault) {
      case undefined:
        return undefined;
      case 'authority-killed-at-database':
        return struck.draw < 0.5 ? 'killed-before' : 'killed-after';
      case 'commit-kept':
        return 'kept';
      case 'database-full':
        return 'full';
      case 'database-busy':
        return 'busy';
      default:
        return 'eio';
    }
  }

  #failingSigner(life: Life): Signer {
    const sound = seededSigner('ec-p256', this.identity.hierarchy.keys.issuing);
    const sign = (bytes: Uint8Array) => {
      this.#watcher.signed(bytes);
      return sound.sign(bytes);
    };
    return {
      custody: 'elsewhere',
      keyType: sound.keyType,
      spki: sound.spki,
      sign: async (bytes) => {
        await new Promise<void>((resolve) => life.after(this.#draw.below(8), resolve));
        const struck = this.#faults.strike('signing', anyone);
        switch (struck?.fault) {
          case undefined:
            return sign(bytes);
          case 'signer-refuses':
            throw new ImprintError('unavailable', 'the token does not answer');
          case 'signer-uncertain':
            await sign(bytes);
            throw new ImprintError('unavailable', 'the session with the token was lost');
          case 'signer-hangs':
            await sign(bytes);
            return new Promise<never>(() => undefined);
          case 'signer-wrong-key':
            return this.#otherKey.sign(bytes);
          case 'signer-wrong-bytes':
            return sound.sign(
              Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
            );
          default:
            await sign(bytes);
            life.kill();
            return new Promise<never>(() => undefined);
        }
      },
    };
  }
}

/** Faults of commits strike commits, and a file that is held is held when a transaction begins. */
function fitsAct(fault: FaultName, act: DiskAct): boolean {
  if (fault === 'commit-lost' || fault === 'commit-kept') return act === 'commit';
  if (fault === 'database-busy') return act === 'begin';
  if (fault === 'database-full') return act === 'write' || act === 'commit';
  return act !== 'other';
}
