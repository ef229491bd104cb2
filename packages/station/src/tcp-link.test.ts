import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { dutLinkSuite, type Wire } from './dut-link.suite.ts';
import { TcpLink } from './tcp-link.ts';

dutLinkSuite('TCP', async (): Promise<Wire> => {
  let server: Server;
  let sockets: Socket[] = [];
  let arrived = Promise.withResolvers<Socket>();
  const listen = async (port: number) => {
    server = createServer((socket) => {
      sockets.push(socket);
      arrived.resolve(socket);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  };
  const hangUp = async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    arrived = Promise.withResolvers<Socket>();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  const port = await listen(0);
  const link = new TcpLink(`tcp://127.0.0.1:${port}`);
  return {
    link,
    far: async () => {
      const socket = await arrived.promise;
      return {
        write: (bytes) => void socket.write(bytes),
        read: async (count) => {
          const pieces: Buffer[] = [];
          let total = 0;
          while (total < count) {
            const piece = socket.read() as Buffer | null;
            if (piece) {
              pieces.push(piece);
              total += piece.length;
            } else await once(socket, 'readable');
          }
          return new Uint8Array(Buffer.concat(pieces));
        },
      };
    },
    cut: hangUp,
    mend: async () => void (await listen(port)),
    remove: async () => {
      await link.close();
      await hangUp();
    },
  };
});

it('refuses a text that is no tcp://host:port', () => {
  for (const text of ['tcp://', 'tcp://host', 'tcp://host:1/path', 'http://host:1', 'tcp:host']) {
    assert.throws(
      () => new TcpLink(text),
      (error) => isImprintError(error, 'usage'),
      text,
    );
  }
});
