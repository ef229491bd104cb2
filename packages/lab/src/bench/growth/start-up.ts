/** How long `imprint serve` takes on a home until its listener takes a connection. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { serve } from '../bench-home.ts';

/** Seconds from the start of the process, which is stopped again. */
export async function measureStartUp(home: string): Promise<number> {
  const begun = performance.now();
  const { url, process } = await serve({ folder: home });
  try {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const seconds = (performance.now() - begun) / 1000;
    socket.destroy();
    return seconds;
  } finally {
    await process.stop();
  }
}
