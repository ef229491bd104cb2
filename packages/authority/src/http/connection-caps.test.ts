import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { makeTestRealm, pem } from '../trust/hierarchy.test-kit.ts';
import { capConnections } from './connection-caps.ts';
import { makeStation } from './listeners.test-kit.ts';

async function opened(caps = { perStranger: 2, perCertificate: 2, silenceMs: 60_000 }) {
  const realm = await makeTestRealm('dev', new Date(Date.now() - 3_600_000));
  const { certificates, keys } = realm.hierarchy;
  const ca = pem(certificates.stationCa) + pem(certificates.stationRoot);
  const server = createServer({
    key: keys.server.export({ format: 'pem', type: 'pkcs8' }),
    cert: pem(certificates.server) + ca,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  capConnections(server, caps);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const station = await makeStation(realm, 'st-1', new Date());
  const identity = {
    cert: pem(station.certificate),
    key: station.key.export({ format: 'pem', type: 'pkcs8' }),
  };
  const sockets: TLSSocket[] = [];
  /** True where the server has taken the connection and holds it. */
  const dial = async (options: object = {}) => {
    const before = await heldBy(server);
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options });
    sockets.push(socket);
    const end = new Promise<false>((resolve) => {
      socket.on('error', () => resolve(false)).on('close', () => resolve(false));
    });
    const taken = once(server, 'secureConnection').then(async () => (await heldBy(server)) > before);
    return Promise.race([end, taken]);
  };
  return {
    dial,
    identity,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Connections that are not destroyed, once what closes has closed. */
async function heldBy(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
}

describe('the connections of a listener', () => {
  it('are few for strangers, and a station is let in beside them', async () => {
    const at = await opened();
    assert.deepEqual([await at.dial(), await at.dial(), await at.dial()], [true, true, false]);
    at.sockets[0]!.destroy();
    await once(at.sockets[0]!, 'close').catch(() => undefined);
    assert.equal(await at.dial(at.identity), true);
    await at.close();
  });

  it('end for a stranger who says nothing', async () => {
    const at = await opened({ perStranger: 2, perCertificate: 2, silenceMs: 20 });
    await at.dial();
    const socket = at.sockets[0]!;
    if (!socket.closed) await once(socket, 'close');
    assert.equal(socket.closed, true);
    await at.close();
  });

  it('are counted by certificate once one was shown', async () => {
    const at = await opened();
    const taken = [];
    for (let connection = 0; connection < 3; connection++) taken.push(await at.dial(at.identity));
    assert.deepEqual(taken, [true, true, false]);
    await at.close();
  });
});
