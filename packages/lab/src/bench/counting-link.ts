/** A link that counts the bytes that had to go over it: a line that is sent once more counts once. */
import type { DutLink, DutLinkEvents } from '@imprint/station/dut-link';

export class CountingLink implements DutLink {
  bytes = 0;
  readonly #inner: DutLink;
  #lastSent = '';

  constructor(inner: DutLink) {
    this.#inner = inner;
  }

  get port(): string {
    return this.#inner.port;
  }

  get baud(): number | null {
    return this.#inner.baud;
  }

  open(events: DutLinkEvents): Promise<void> {
    return this.#inner.open({
      bytes: (bytes) => {
        this.bytes += bytes.length;
        events.bytes(bytes);
      },
      closed: events.closed,
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    const sent = Buffer.from(bytes).toString('latin1');
    if (sent !== this.#lastSent) this.bytes += bytes.length;
    this.#lastSent = sent;
    return this.#inner.write(bytes);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
