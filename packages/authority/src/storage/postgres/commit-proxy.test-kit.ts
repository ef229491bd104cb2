/** A network between an authority and its database that is cut at the next commit, on whichever side of it a test asks for. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Where the connection ends: `before` the commit reached the server; `after`, when its answer was on its way back; or
 * `late`: for the authority at once, while the commit is on its way still and arrives when `arrive` is called.
 */
export type Cut = 'before' | 'after' | 'late';

/** The message as pg sends it: a simple query. */
const commit = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1');

export class CommitProxy {
  /** How the next commit goes wrong. */
  next: Cut | undefined;
  /** Lets a commit arrive that was on its way. */
  arrive: () => void = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string) {
    this.#server = createServer((client) => this.#join(client, connect(target)));
  }

  /** Forwards to the socket `target`. */
  static async start(target: string): Promise<CommitProxy> {
    const proxy = new CommitProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  url(database: string): string {
    return `postgres://imprint@127.0.0.1:${(this.#server.address() as AddressInfo).port}/${database}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, server: Socket): void {
    let answerIsLost = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (sent: Buffer) => {
      const cut = sent.includes(commit) ? this.next : undefined;
      if (cut === undefined) return server.write(sent);
      this.next = undefined;
      if (cut === 'before') return server.destroy();
      if (cut === 'after') {
        answerIsLost = true;
        return server.write(sent);
      }
      this.arrive = () => server.write(sent);
      answerIsLost = true;
      return client.destroy();
    });
    server.on('data', (answer) => {
      if (!answerIsLost) return client.write(answer);
      server.destroy();
      return client.destroy();
    });
    server.on('close', () => client.destroy());
    client.on('close', () => {
      if (!answerIsLost) server.destroy();
    });
  }
}
