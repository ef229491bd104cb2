/**
 * Time and chance of one simulated factory: a queue of events that the seed decides wholly. Nothing in it waits for the
 * machine; between two events everything that the first one set off has come to rest.
 */
import { drawBelow, drawFraction, type Entropy, seededEntropy } from '@imprint/sim/entropy';
import type { Timing } from '@imprint/sim/timing';

interface Event {
  atMs: number;
  order: number;
  act: (() => void) | undefined;
}

/** The moment at which every factory begins, in the machine's calendar. */
export const beginning = Date.parse('2026-11-24T06:00:00.000Z');

export class World {
  readonly seed: string;
  #nowMs = 0;
  #order = 0;
  readonly #queue: Event[] = [];
  #events = 0;

  constructor(seed: string) {
    this.seed = seed;
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events there were. */
  get events(): number {
    return this.#events;
  }

  /** A stream of bytes of its own, whatever others draw. */
  entropy(name: string): Entropy {
    return seededEntropy(this.seed, name);
  }

  /** Acts once after that time; the call takes it back. */
  after(delayMs: number, act: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, act };
    push(this.#queue, event);
    return () => {
      event.act = undefined;
    };
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  readonly timing: Timing = { nowMs: () => this.#nowMs, delay: (ms) => this.delay(ms) };

  /**
   * Lets time go on until `finished` says so. `afterEach` is called when an event has come to rest.
   * @throws Error where nothing is left to happen, or time passes `limitMs`: somebody waits for ever
   */
  async run(finished: () => boolean, limitMs: number, afterEach: () => void): Promise<void> {
    // whatever was begun before the first event
    await rest();
    while (!finished()) {
      const event = pop(this.#queue);
      if (event === undefined) throw new Error('nothing is left to happen, and somebody still waits');
      if (event.act === undefined) continue;
      if (event.atMs > limitMs) throw new Error(`after ${limitMs / 60_000} minutes somebody still waits`);
      this.#nowMs = event.atMs;
      this.#events++;
      event.act();
      await rest();
      afterEach();
      if (this.#events % eventsPerTurn === 0) await turn();
    }
  }
}

/** Twice: a tick of the ledger begins the first time, and what it answers is heard the second time. */
async function rest(): Promise<void> {
  await settled();
  await settled();
}

/**
 * Resolves when every promise that can go on has done so: Node runs what is asked for here only when no microtask is left.
 * It costs a fraction of a turn of the event loop, and a factory takes hundreds of them a board.
 */
export function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

export interface Chance {
  below(end: number): number;
  fraction(): number;
  pick<T>(list: readonly T[]): T;
}

export function chance(entropy: Entropy): Chance {
  return {
    below: (end) => drawBelow(entropy, end),
    fraction: () => drawFraction(entropy),
    pick: (list) => list[drawBelow(entropy, list.length)]!,
  };
}

/** Lets the machine do what waits for the event loop: messages of the parent, and V8's own chores. */
const eventsPerTurn = 64;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A binary heap, the next event first. */
function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
