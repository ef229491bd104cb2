/** A TCP wire between two parts of a line, cut where a test wants it: it sees bytes and connections, and no content of TLS. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What becomes of a piece of bytes. `cut`: it is lost with its connection. `cut-reply`: it arrives, and the connection
 * breaks where the first byte of the answer would come back. `mute`: it arrives, and nothing comes back any more.
 * `stall`: the wire stalls before it. A number: it arrives so many milliseconds later.
 */
export type Fate = 'pass' | 'cut' | 'cut-reply' | 'mute' | 'stall' | number;

/** Draws the fate of bytes from the near end (who connects), towards the far one. */
export type Judge = (bytes: Buffer) => Fate;

/** Whether bytes begin with a TLS record of data: a request, or what follows in it, never a ClientHello (RFC 8446, 5.1). */
export function isTlsData(bytes: Buffer): boolean {
  return bytes[0] === 0x17;
}

/** Whether a client has the handshake behind it: whatever it gets after this it needs for answers alone. */
export function isAfterHello(bytes: Buffer): boolean {
  return bytes[0] !== 0x16;
}

/** A port of 127.0.0.1, or the file of a socket. */
export type Target = number | string;

export class Wire {
  /** Decides over what the near end sends; everything passes until a test says otherwise. */
  judge: Judge = () => 'pass';
  /** Where the next connection leads. */
  target: () => Target;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #refusals: (() => void)[] = [];
  #plugged = true;
  /** What goes on when packets arrive again; undefined while they do. */
  #stalled: (() => void)[] | undefined;
  readonly counts = { cut: 0, 'cut-reply': 0, mute: 0, stall: 0, delayed: 0, refused: 0 };

  constructor(target: Target) {
    this.target = () => target;
    this.#server = createServer({ noDelay: true }, (near) => this.#join(near));
  }

  /** Listens on a free port of 127.0.0.1; gives it. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as { port: number }).port));
    });
  }

  /** Pulls the plug: every connection breaks, new ones are refused. */
  unplug(): void {
    this.#plugged = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  plug(): void {
    this.#plugged = true;
  }

  /** From now on packets vanish: nothing arrives on either side, no connection is refused, and none is known to have ended. */
  stall(): void {
    this.#stalled ??= [];
    for (const socket of this.#sockets) socket.pause();
  }

  /** Packets arrive again, those of before too, as TCP repeats them. */
  flow(): void {
    const waiting = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const goOn of waiting) goOn();
    for (const socket of this.#sockets) socket.resume();
  }

  get stalled(): boolean {
    return this.#stalled !== undefined;
  }

  /** Resolves when somebody has tried in vain to connect, so often from now on. */
  async refused(times: number): Promise<void> {
    for (let left = times; left > 0; left--) {
      await new Promise<void>((resolve) => this.#refusals.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.unplug();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket): void {
    if (this.#stalled) {
      near.pause();
      this.#stalled.push(() => this.#join(near));
      return;
    }
    if (!this.#plugged) {
      near.destroy();
      this.counts.refused++;
      for (const heard of this.#refusals.splice(0)) heard();
      return;
    }
    const target = this.target();
    const far = connect(
      typeof target === 'string' ? { path: target } : { host: '127.0.0.1', port: target, noDelay: true },
    );
    const both = [near, far];
    const cut = () => {
      for (const socket of both) socket.destroy();
    };
    let dropReply = false;
    let mute = false;
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    near.on('data', (bytes: Buffer) => {
      const fate = this.judge(bytes);
      if (typeof fate === 'number') {
        this.counts.delayed++;
        near.pause();
        setTimeout(() => {
          far.write(bytes);
          near.resume();
        }, fate);
        return;
      }
      if (fate !== 'pass') this.counts[fate]++;
      if (fate === 'cut') return cut();
      if (fate === 'stall') {
        this.stall();
        this.#stalled!.push(() => far.write(bytes));
        return;
      }
      dropReply ||= fate === 'cut-reply';
      mute ||= fate === 'mute';
      far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      if (dropReply) return cut();
      if (!mute) near.write(bytes);
    });
  }
}
