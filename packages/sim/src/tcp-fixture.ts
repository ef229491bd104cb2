/** A fixture behind a TCP port, as a serial device server offers it: one client at a time, the newest. */
import { createServer, type Server, type Socket } from 'node:net';
import { Fixture, type FixtureOptions } from './fixture.ts';

export interface OpenFixture {
  readonly fixture: Fixture;
  /** What the station opens: `tcp://host:port`, or the path of a pseudo-terminal. */
  readonly port: string;
  /** Lifts the unit out and takes the port away. */
  close(): Promise<void>;
}

/** A client that reads nothing costs this many bytes and no more; what comes beyond is lost, as on a serial line. */
const unreadBytes = 4 * 1024 * 1024;

/** Opens a fixture on 127.0.0.1; port 0 takes a free one. */
export async function openTcpFixture(options: FixtureOptions & { port?: number } = {}): Promise<OpenFixture> {
  const fixture = new Fixture(options);
  let client: Socket | undefined;
  fixture.connect((bytes) => {
    if (client && client.writableLength < unreadBytes) client.write(bytes);
  });
  const server = createServer((socket) => {
    client?.destroy();
    client = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (socket === client && typeof bytes !== 'string') fixture.receive(bytes);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (socket === client) client = undefined;
    });
  });
  const port = await listen(server, options.port ?? 0);
  return {
    fixture,
    port: `tcp://127.0.0.1:${port}`,
    close: () => {
      fixture.unload();
      client?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
