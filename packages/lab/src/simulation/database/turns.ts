/** A right that one session has at a time, and those who wait for it, the first first. */
export class Turns<Holder> {
  #holder: Holder | undefined;
  #waiting: { who: Holder; given: () => void }[] = [];

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** True where the right is there, or is the asker's already. */
  take(who: Holder): boolean {
    this.#holder ??= who;
    return this.#holder === who;
  }

  /** Calls `given` when it is there. */
  await(who: Holder, given: () => void): void {
    this.#waiting.push({ who, given });
  }

  /** Gives back what it has, or waits for no longer. */
  leave(who: Holder): void {
    this.#waiting = this.#waiting.filter((each) => each.who !== who);
    if (this.#holder !== who) return;
    const next = this.#waiting.shift();
    this.#holder = next?.who;
    next?.given();
  }
}
