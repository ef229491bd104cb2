/**
 * Whether one certificate is in use at two places at once. A device that moves, or whose address is changed by a network between, leaves
 * its old connection behind: that one says nothing more. Two that hold the same key speak in turns, and go on doing so. So what tells is
 * use of one live connection, then of another from elsewhere, then of the first again, and of the other again, all within a minute.
 */
import { isIPv4 } from 'node:net';
import { limits } from '@imprint/contract/limits';

interface Use {
  connection: object;
  place: string;
  atMs: number;
}

/** A, B, A, B: three turns of the speaker. */
const turnsThatTell = 3;
const certificatesWatched = 20_000;

export class TwoPlaces {
  readonly #windowMs: number;
  /** The last speaker of each certificate, and the turns since it spoke from one place alone. */
  readonly #uses = new Map<string, { last: Use; speakers: Map<object, string>; turnsMs: number[] }>();

  constructor(windowMs: number = limits.samePlaceWindowMs) {
    this.#windowMs = windowMs;
  }

  /**
   * Counts a request on a connection; true where it shows that the certificate is in use at two places. `nowMs` goes on steadily.
   * @param address the peer's, as the socket names it
   */
  used(certificateSha256: string, connection: object, address: string, nowMs: number): boolean {
    const place = placeOf(address);
    const use: Use = { connection, place, atMs: nowMs };
    const known = this.#uses.get(certificateSha256);
    if (known === undefined || isFar(known.last, nowMs, this.#windowMs)) {
      if (this.#uses.size >= certificatesWatched) this.#uses.clear();
      this.#uses.set(certificateSha256, {
        last: use,
        speakers: new Map([[connection, place]]),
        turnsMs: [],
      });
      return false;
    }
    const { last, speakers, turnsMs } = known;
    const isTurn = last.connection !== connection && areApart(last.place, place);
    // who spoke before and speaks again has not left: a connection that is new is only where a device moved to
    if (isTurn && (speakers.has(connection) || turnsMs.length === 0)) turnsMs.push(nowMs);
    speakers.set(connection, place);
    known.last = use;
    while (turnsMs.length > 0 && nowMs - turnsMs[0]! > this.#windowMs) turnsMs.shift();
    return turnsMs.length >= turnsThatTell;
  }

  /** The connection ended. */
  left(certificateSha256: string, connection: object): void {
    const known = this.#uses.get(certificateSha256);
    if (known?.speakers.delete(connection) && known.speakers.size === 0) this.#uses.delete(certificateSha256);
  }
}

function isFar({ atMs }: Use, nowMs: number, windowMs: number): boolean {
  return nowMs - atMs > windowMs;
}

/** IPv4: the /24; IPv6: the /64, in which one host has many addresses and changes them. */
function placeOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(mapped)) return `4 ${mapped.split('.').slice(0, 3).join('.')}`;
  return `6 ${groupsOf(mapped).slice(0, 4).join(':')}`;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.replace(/^0+(?=.)/, ''));
}

/** A device may reach us by IPv4 and by IPv6 alike: places of different families say nothing of each other. */
function areApart(one: string, other: string): boolean {
  return one !== other && one[0] === other[0];
}
