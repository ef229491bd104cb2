/**
 * How many connections one party may hold of a TLS listener: strangers few and not silently, a certificate some more. It
 * assumes that a stranger or a stolen station tries to take them all, so that no other station gets one.
 */
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { limits } from '@imprint/contract/limits';

export interface ConnectionCaps {
  perStranger: number;
  perCertificate: number;
  /** How long a stranger's connection may stay silent. */
  silenceMs: number;
}

const defaults: ConnectionCaps = {
  perStranger: limits.connectionsPerStranger,
  perCertificate: limits.connectionsPerStation,
  silenceMs: limits.headersTimeoutMs,
};

/** Counts a connection under its address until it has shown a certificate, then under that; what is over the cap is closed. */
export function capConnections(server: HttpServer, caps: ConnectionCaps = defaults): void {
  const strangers = new Count();
  const certificates = new Count();
  /** Address and port of each connection that counts as a stranger's. */
  const counted = new Map<string, string>();
  const forget = (name: string) => {
    const address = counted.get(name);
    if (address === undefined) return;
    counted.delete(name);
    strangers.less(address);
  };

  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const name = nameOf(socket);
    if (strangers.more(address) > caps.perStranger) {
      strangers.less(address);
      socket.destroy();
      return;
    }
    counted.set(name, address);
    socket.once('close', () => forget(name));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (!socket.authorized) {
      socket.setTimeout(caps.silenceMs, () => socket.destroy());
      return;
    }
    forget(nameOf(socket));
    const certificate = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
    if (certificates.more(certificate) > caps.perCertificate) {
      certificates.less(certificate);
      socket.destroy();
      return;
    }
    socket.once('close', () => certificates.less(certificate));
  });
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

class Count {
  readonly #of = new Map<string, number>();

  more(name: string): number {
    const count = (this.#of.get(name) ?? 0) + 1;
    this.#of.set(name, count);
    return count;
  }

  less(name: string): void {
    const count = (this.#of.get(name) ?? 0) - 1;
    if (count > 0) this.#of.set(name, count);
    else this.#of.delete(name);
  }
}
