/**
 * Who may begin a TLS handshake, where a fleet comes at once: so many at a time, the addresses in turn, and nobody before their first
 * bytes are here. It assumes that one address opens as many connections as it can, and that strangers open them and say nothing.
 */
import type { Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { limits } from '@imprint/contract/limits';

export interface HandshakeCaps {
  atOnce: number;
  /** Of these, what one address may have. */
  atOncePerAddress: number;
  waiting: number;
  waitMs: number;
}

const defaults: HandshakeCaps = {
  atOnce: limits.handshakesAtOnce,
  atOncePerAddress: limits.handshakesAtOnce / 2,
  waiting: limits.handshakesWaiting,
  waitMs: limits.handshakeWaitMs,
};

/** Puts the queue before a server's handshakes. What waits too long, or is too much, is closed. */
export function queueHandshakes(server: TlsServer, caps: HandshakeCaps = defaults): void {
  const begin = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const queue = new FairQueue(caps);
  const running = new Map<string, () => void>();

  const startNext = () => {
    for (let socket = queue.next(); socket !== undefined; socket = queue.next()) start(socket);
  };
  const start = (socket: Socket) => {
    const name = nameOf(socket);
    const address = socket.remoteAddress ?? '';
    const done = () => {
      if (running.get(name) !== done) return;
      running.delete(name);
      queue.done(address);
      startNext();
    };
    running.set(name, done);
    socket.once('close', done);
    for (const listener of begin) listener.call(server, socket);
  };

  server.on('connection', (socket: Socket) => {
    // it may end, or reset, while it waits
    const ignore = () => undefined;
    const leave = () => queue.drop(socket);
    const late = setTimeout(() => socket.destroy(), caps.waitMs);
    socket.on('error', ignore);
    socket.once('close', () => {
      clearTimeout(late);
      leave();
    });
    queue.onStart(socket, () => {
      clearTimeout(late);
      socket.off('error', ignore);
    });
    const wait = () => {
      for (const pushedOut of queue.push(socket)) pushedOut.destroy();
      startNext();
    };
    if (socket.readableLength > 0) wait();
    else socket.once('readable', wait);
  });
  const ends = (socket: Socket) => running.get(nameOf(socket))?.();
  server.on('secureConnection', (socket: TLSSocket) => ends(socket));
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => ends(socket));
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** Sockets by address, taken in turns. */
class FairQueue {
  readonly #caps: HandshakeCaps;
  /** In the order of whose turn it is. */
  readonly #waiting = new Map<string, Socket[]>();
  readonly #running = new Map<string, number>();
  readonly #starts = new WeakMap<Socket, () => void>();
  #count = 0;
  #atOnce = 0;

  constructor(caps: HandshakeCaps) {
    this.#caps = caps;
  }

  onStart(socket: Socket, act: () => void): void {
    this.#starts.set(socket, act);
  }

  /** Those that have to go for it: the newest of whoever has most. */
  push(socket: Socket): Socket[] {
    const address = socket.remoteAddress ?? '';
    const own = this.#waiting.get(address);
    if (own === undefined) this.#waiting.set(address, [socket]);
    else own.push(socket);
    this.#count++;
    if (this.#count <= this.#caps.waiting) return [];
    const [, longest] = [...this.#waiting].reduce((one, other) =>
      other[1].length > one[1].length ? other : one,
    );
    return [longest.at(-1)!];
  }

  next(): Socket | undefined {
    if (this.#atOnce >= this.#caps.atOnce) return undefined;
    for (const [address, sockets] of this.#waiting) {
      const running = this.#running.get(address) ?? 0;
      if (running >= this.#caps.atOncePerAddress) continue;
      const socket = sockets.shift()!;
      this.#count--;
      // behind all the others
      this.#waiting.delete(address);
      if (sockets.length > 0) this.#waiting.set(address, sockets);
      this.#running.set(address, running + 1);
      this.#atOnce++;
      this.#starts.get(socket)?.();
      return socket;
    }
    return undefined;
  }

  done(address: string): void {
    const running = (this.#running.get(address) ?? 1) - 1;
    if (running > 0) this.#running.set(address, running);
    else this.#running.delete(address);
    this.#atOnce--;
  }

  drop(socket: Socket): void {
    for (const [address, sockets] of this.#waiting) {
      const at = sockets.indexOf(socket);
      if (at < 0) continue;
      sockets.splice(at, 1);
      this.#count--;
      if (sockets.length === 0) this.#waiting.delete(address);
      return;
    }
  }
}
