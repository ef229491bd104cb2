/**
 * How often one party may do something: so many at once, and so many a second after that. Kept in memory, since losing it
 * in a restart costs nothing; it assumes that whoever asks, asks as fast as it can.
 */
import { isIPv6 } from 'node:net';

export class Pace {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  readonly #spent = new Map<string, { left: number; atMs: number }>();

  constructor(pace: { burst: number; perSecond: number }, nowMs: () => number) {
    this.#burst = pace.burst;
    this.#perSecond = pace.perSecond;
    this.#nowMs = nowMs;
  }

  /** Counts one (or that share of one), where it is within the pace; false where it is not. */
  take(name: string, share = 1): boolean {
    const left = this.#left(name);
    if (left < share) return false;
    if (this.#spent.size >= maxNames && !this.#spent.has(name)) this.#spent.clear();
    this.#spent.set(name, { left: left - share, atMs: this.#nowMs() });
    return true;
  }

  /** Takes back one that turned out not to count. */
  giveBack(name: string): void {
    this.#spent.set(name, { left: Math.min(this.#burst, this.#left(name) + 1), atMs: this.#nowMs() });
  }

  #left(name: string): number {
    const spent = this.#spent.get(name);
    if (spent === undefined) return this.#burst;
    const passedMs = Math.max(0, this.#nowMs() - spent.atMs);
    return Math.min(this.#burst, spent.left + (passedMs / 1000) * this.#perSecond);
  }
}

/**
 * Of a registry's certificates and accounts there are never as many. Of networks there may be: whoever has that many begins anew with
 * all of them, so that what one of them may do is bounded by a second pace, of an account or of all.
 */
const maxNames = 10_000;

/** What is counted as one party where strangers ask: an IPv4 address, or half of an IPv6 one, since a customer of a provider has 2^64 of those. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const left = head.split(':');
  if (tail === undefined) return left.slice(0, 4).join(':');
  return [...left, '0', '0', '0', '0'].slice(0, 4).join(':');
}
