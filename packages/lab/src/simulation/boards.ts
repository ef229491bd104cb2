/** The boards of a simulated factory: the simulator's own units, with keys from the seed and faults from the plan. */
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import type { Entropy } from '@imprint/sim/entropy';
import { type FaultKind, FaultSource } from '@imprint/sim/faults';
import type { HostileMode } from '@imprint/sim/hostile';
import type { SimulatedUnit } from '@imprint/sim/simulated-unit';
import { makeUnit, planFromContract } from '@imprint/sim/unit-plan';
import type { FaultName } from './catalogue.ts';
import type { Faults, PlannedFault } from './faults.ts';
import { type Product, productOf } from './products.ts';
import { SeededKeySlot } from './seeded-keys.ts';
import type { World } from './world.ts';

export interface BoardOnFloor {
  unit: number;
  product: Product;
  hostile: HostileMode | undefined;
  device: SimulatedUnit;
  slot: SeededKeySlot;
  /** Canonical text of its hardware UID. */
  uid: string;
}

/** The faults of one unit's wire and supply, as the plan of the factory has them. */
class StoryFaults extends FaultSource {
  readonly #faults: Faults;
  readonly #unit: number;
  board: SimulatedUnit['board'] | undefined;
  #cut: PlannedFault | undefined;

  constructor(faults: Faults, unit: number, entropy: Entropy) {
    super({ rate: 0, entropy });
    this.#faults = faults;
    this.#unit = unit;
  }

  override draw(): FaultKind | undefined {
    const { rail } = this.board!;
    rail.disarm();
    const cut = this.#faults.peek('rail', this.#unit);
    this.#cut = cut;
    // strikes the write or burn that comes, whichever command does it
    if (cut !== undefined) rail.arm({ ...this.drawCut(), after: cut.skip > 2 ? 1 : 0 });
    const struck = this.#faults.strike('exchange', (unit) => unit === this.#unit)?.fault;
    return struck === 'unit-swapped' ? 'swap' : (struck as Exclude<FaultName, 'unit-swapped'> & FaultKind);
  }

  override count(kind: FaultKind): void {
    super.count(kind);
    if (kind === 'power-during' && this.#cut !== undefined) this.#faults.confirm(this.#cut);
  }
}

/** Every so many units one is hostile. */
const hostileEvery = 24;

/** Makes board n, which follows from the seed and its number alone. */
export function makeBoard(
  world: World,
  faults: Faults,
  rootSha256: string,
  unit: number,
  hostileModes: readonly HostileMode[],
  burning: (board: BoardOnFloor, fuse: string) => void,
): BoardOnFloor {
  const product = productOf(unit);
  const { contract } = product.checked;
  const hostile =
    unit % hostileEvery === hostileEvery - 2
      ? hostileModes[Math.floor(unit / hostileEvery) % hostileModes.length]
      : undefined;
  const story = new StoryFaults(faults, unit, world.entropy(`unit ${unit} faults`));
  const slots: SeededKeySlot[] = [];
  const device = makeUnit(
    {
      ...planFromContract({
        contract,
        storageMapSha256: storageMapSha256(contract),
        realm: 'dev',
        rootSha256,
        seed: world.seed,
      }),
      faults: story,
      hostile,
      timing: world.timing,
      bootDelayMs: 20,
      // of every three boards one takes one request at a time, one takes several, and one of these has short lines
      ...[{}, { window: 4 }, { window: 3, maxLine: 600 }][unit % 3],
      makeKeySlot: (entropy) => {
        const slot = new SeededKeySlot(entropy);
        slots.push(slot);
        return slot;
      },
    },
    unit,
  );
  story.board = device.board;
  const board = {
    unit,
    product,
    hostile,
    device,
    slot: slots[0]!,
    uid: hardwareUidText(device.board.hardwareUid),
  };
  const { fuses } = device.board;
  const burnFlag = fuses.burnFlag.bind(fuses);
  const closeDebug = fuses.closeDebug.bind(fuses);
  fuses.burnFlag = (name) => {
    burning(board, `flag ${name}`);
    burnFlag(name);
  };
  fuses.closeDebug = (permanent) => {
    burning(board, 'debug lock');
    closeDebug(permanent);
  };
  return board;
}
