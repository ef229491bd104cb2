/** A link over raw TCP, as serial device servers offer it (`tcp://host:port`). It trusts nobody at the other end. */
import { connect, type Socket } from 'node:net';
import { ImprintError } from '@imprint/contract/errors';
import type { DutLink, DutLinkEvents } from './dut-link.ts';

const connectTimeoutMs = 5_000;

export class TcpLink implements DutLink {
  readonly port: string;
  readonly baud = null;
  readonly #host: string;
  readonly #tcpPort: number;
  #socket: Socket | undefined;

  /** @throws usage where the text is not `tcp://host:port` */
  constructor(port: string) {
    const url = URL.canParse(port) ? new URL(port) : undefined;
    if (url?.protocol !== 'tcp:' || url.hostname === '' || url.port === '' || !/^\/?$/.test(url.pathname)) {
      throw new ImprintError('usage', `${port} is not a TCP port of a fixture`, {
        hint: 'Write it as tcp://host:port.',
      });
    }
    this.port = port;
    this.#host = url.hostname.replace(/^\[|\]$/g, '');
    this.#tcpPort = Number(url.port);
  }

  async open(events: DutLinkEvents): Promise<void> {
    await this.close();
    const socket = connect({ host: this.#host, port: this.#tcpPort, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => {
        socket.destroy();
        reject(lost(this.port, reason));
      };
      socket.setTimeout(connectTimeoutMs, () => fail('nobody answered in time'));
      socket.once('error', (error) => fail(error.message));
      socket.once('connect', resolve);
    });
    socket.removeAllListeners();
    socket.setTimeout(0);
    this.#socket = socket;
    let reason = 'the other end hung up';
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('data', (bytes) => {
      if (typeof bytes !== 'string') events.bytes(bytes);
    });
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      events.closed(reason);
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (!socket) throw lost(this.port, 'it is not open');
    await new Promise<void>((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(lost(this.port, error.message)) : resolve()));
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.destroy();
    });
  }
}

function lost(port: string, reason: string): ImprintError {
  return new ImprintError('link_lost', `no link to the unit at ${port}: ${reason}`, {
    hint: 'Check the cable, the fixture and the device server, then scan again.',
    context: { port },
  });
}
