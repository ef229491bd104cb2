/**
 * The people at the lanes: each takes a board, scans what stands on its label, reads PASS or FAIL and does what the screen
 * says, again and again until the board is done or set aside. They make the mistakes that the plan has for them.
 */
import type { FaultName } from './catalogue.ts';
import type { Faults } from './faults.ts';
import type { Floor, Place } from './floor.ts';
import type { StationHost, Verdict } from './station-host.ts';
import { type Chance, chance, type World } from './world.ts';

/** How it ended for a board, as its person saw it. */
export type Fate = 'done' | 'set-aside' | 'unfinished';

export interface Bench {
  host: StationHost;
  place: Place;
}

export interface Shop {
  world: World;
  faults: Faults;
  floor: Floor;
  /** IDs of units that are done, for mistakes that need one. */
  finished: string[];
  /** A well-formed ID that no order has. */
  strangeId(unit: number): string;
  /** Whether the log has the device ready for stock. */
  isManufactured(deviceId: string): boolean;
  /** A person at the authority moves the device, as often as it takes. */
  move(deviceId: string, to: 'stocked' | 'shipped' | 'returned' | 'refurbished'): Promise<void>;
  /** What happens with a unit that came back, before somebody accepts it. */
  whileReturned(unit: number, deviceId: string): Promise<void>;
  livedAgain(unit: number, fate: Fate): void;
  /** Every station's hosts and lanes, for scans at the wrong one. */
  benches: readonly Bench[];
}

/** How long a person waits where the station or the authority is not there. */
const othersMs = 20_000;
/** A person scans a board this often at most; then the line lead comes. */
const scansPerBoard = 14;
const visitsPerBoard = 200;
const pauseMs = 400;

export class Worker {
  readonly #shop: Shop;
  readonly #draw: Chance;

  constructor(shop: Shop, name: string) {
    this.#shop = shop;
    this.#draw = chance(shop.world.entropy(`worker ${name}`));
  }

  /** A board whose label was printed beforehand, in one visit. */
  async provision(bench: Bench, unit: number): Promise<Fate> {
    const { floor } = this.#shop;
    return this.#untilSettled(
      bench,
      unit,
      () => floor.label(unit)!,
      (verdict) => {
        this.#shop.finished.push(deviceIdOf(verdict)!);
      },
    );
  }

  /** A board of two visits; its label is printed when it is sealed. */
  async provisionTwice(first: Bench, second: Bench, unit: number): Promise<Fate> {
    const { floor } = this.#shop;
    let deviceId: string | undefined;
    const opened = await this.#untilSettled(
      first,
      unit,
      () => 'NEXT',
      (verdict) => {
        deviceId = deviceIdOf(verdict);
      },
    );
    if (opened !== 'done' || deviceId === undefined) return opened;
    if (!(await this.#report(first, `PASS-calibration ${deviceId}`))) return 'unfinished';
    const sealed = await this.#untilSettled(
      second,
      unit,
      () => deviceId!,
      () => {
        floor.stick(unit, deviceId!);
        this.#shop.finished.push(deviceId!);
      },
    );
    if (sealed !== 'done') return sealed;
    await this.#report(second, `PASS-final-test ${deviceId}`);
    return 'done';
  }

  /** Somebody lays a unit in that nobody has accepted yet. */
  async scanOnce({ host, place }: Bench, unit: number): Promise<void> {
    const { floor } = this.#shop;
    await host.ready();
    await floor.lay(place, unit);
    host.at(place.lane, unit);
    const deviceId = floor.label(unit)!;
    await host.scan(place.lane, deviceId, () => deviceId);
    await host.ready();
    floor.lift(place);
    host.at(place.lane, undefined);
  }

  /** The check before it ships, on another station. */
  async pack(bench: Bench, unit: number): Promise<void> {
    const { floor } = this.#shop;
    await this.#untilSettled(
      bench,
      unit,
      () => floor.label(unit)!,
      () => undefined,
    );
  }

  async #untilSettled(
    bench: Bench,
    unit: number,
    text: () => string,
    passed: (verdict: Verdict) => void,
  ): Promise<Fate> {
    const { floor, world, faults } = this.#shop;
    let scans = 0;
    for (let visits = 0; scans < scansPerBoard && visits < visitsPerBoard; visits++) {
      await bench.host.ready();
      await floor.lay(bench.place, unit);
      const verdict = await this.#scan(bench, unit, text());
      // a board stays where it lies until the station is there again
      if (verdict.event === 'died') await bench.host.ready();
      const inFixture = floor.in(bench.place);
      floor.lift(bench.place);
      bench.host.at(bench.place.lane, undefined);
      faults.enter(unit, undefined);
      this.#exchangeLabels(unit, inFixture, verdict);
      if (verdict.event === 'passed') {
        passed(verdict);
        await this.#perhapsAgain(bench, unit, deviceIdOf(verdict)!);
        return 'done';
      }
      if (isSetAside(verdict)) return 'set-aside';
      if (needsOthers(verdict)) await world.delay(othersMs);
      else scans++;
      await world.delay(pauseMs + this.#draw.below(600));
    }
    return 'unfinished';
  }

  async #scan(bench: Bench, unit: number, right: string): Promise<Verdict> {
    const { faults } = this.#shop;
    const { host, place } = bench;
    host.at(place.lane, unit);
    faults.enter(unit, 'scan');
    const mistake = faults.strike(
      'scan',
      (concerned) => concerned === unit,
      (fault) => fault !== 'finished-again',
    )?.fault;
    const scanned = this.#mistaken(mistake, unit, right);
    if (mistake === 'label-of-finished' || mistake === 'label-of-another') this.#mixUp(unit, scanned);
    const label = (deviceId: string) => {
      const wrong = faults.strike('label', (concerned) => concerned === unit) !== undefined;
      return wrong ? this.#shop.strangeId(unit) : deviceId;
    };
    const verdict = host.scan(place.lane, scanned, label);
    if (mistake === 'scanned-twice') void this.#later(bench, right);
    if (mistake === 'scanned-elsewhere') void this.#later(this.#draw.pick(this.#shop.benches), right);
    return verdict;
  }

  /** Somebody is not sure whether this one was done, and scans it once more. */
  async #perhapsAgain({ host, place }: Bench, unit: number, deviceId: string): Promise<void> {
    const { faults, floor } = this.#shop;
    faults.enter(unit, 'scan');
    const isAgain = faults.strike(
      'scan',
      (concerned) => concerned === unit,
      (fault) => fault === 'finished-again',
    );
    if (isAgain !== undefined) {
      await floor.lay(place, unit);
      host.at(place.lane, unit);
      await host.scan(place.lane, deviceId, () => deviceId);
      host.at(place.lane, undefined);
      floor.lift(place);
    }
    faults.enter(unit, undefined);
  }

  #mistaken(mistake: FaultName | undefined, unit: number, right: string): string {
    const { floor, finished, strangeId } = this.#shop;
    switch (mistake) {
      case 'label-check-wrong':
        return right.slice(0, -1) + (right.endsWith('A') ? 'B' : 'A');
      case 'label-of-no-order':
        return strangeId(unit);
      case 'label-of-finished':
        return finished.length > 0 ? this.#draw.pick(finished) : right;
      case 'label-of-another':
        return floor.label(this.#draw.below(floor.boards.length)) ?? right;
      default:
        return right;
    }
  }

  /** The board, the one whose label was taken for it, and whatever lies where a label is scanned by mistake. */
  #mixUp(unit: number | undefined, label: string): void {
    const { floor } = this.#shop;
    for (const each of [unit, floor.bearer(label)]) if (each !== undefined) floor.mixedUp.add(each);
  }

  async #later({ host, place }: Bench, text: string): Promise<void> {
    await this.#shop.world.delay(this.#draw.below(40));
    const there = this.#shop.floor.in(place);
    if (there !== undefined && this.#shop.floor.label(there) !== text) this.#mixUp(there, text);
    await host.mutter(`LANE-${place.lane} ${text}`);
  }

  /** A job was opened under a label for whatever lay in the fixture: whose board it is, the label goes on. */
  #exchangeLabels(unit: number, inFixture: number | undefined, verdict: Verdict): void {
    const { floor } = this.#shop;
    const deviceId = deviceIdOf(verdict);
    if (deviceId === undefined || inFixture === undefined) return;
    if (verdict.event === 'failed' && verdict.job_id === null) return;
    const bearer = floor.bearer(deviceId);
    if (bearer === undefined || bearer === inFixture || floor.label(inFixture) === undefined) return;
    if (bearer !== unit && inFixture !== unit) return;
    floor.exchangeLabels(inFixture, bearer);
  }

  async #report({ host }: Bench, text: string): Promise<boolean> {
    for (let tries = 0; tries < visitsPerBoard; tries++) {
      const answer = await host.tell(text);
      if (answer === 'reported') return true;
      await this.#shop.world.delay(3_000);
    }
    return false;
  }
}

function deviceIdOf(verdict: Verdict): string | undefined {
  return verdict.event === 'passed' || verdict.event === 'failed'
    ? (verdict.device_id ?? undefined)
    : undefined;
}

/** Scanning again at once would help nobody. */
function needsOthers(verdict: Verdict): boolean {
  if (verdict.event === 'died') return true;
  // somebody's scan has the lane at work
  if (verdict.event === 'refused') return verdict.message.includes('at work');
  return (
    verdict.event === 'failed' &&
    (verdict.failure_code === 'authority_unreachable' || verdict.failure_code === 'authority_refused')
  );
}

const wrongBuild: ReadonlySet<string> = new Set(['firmware_wrong', 'realm_wrong', 'root_wrong']);

/** The screen said to put it away, or the authority does not take it any more. */
function isSetAside(verdict: Verdict): boolean {
  if (verdict.event !== 'failed') return false;
  if (verdict.consequence === 'quarantine' || verdict.attempts_left === 0) return true;
  // it has to be flashed anew first
  if (wrongBuild.has(verdict.failure_code)) return true;
  return verdict.consequence === 'stop' && /set aside|quarantine|failed \d+ times/i.test(verdict.message);
}
