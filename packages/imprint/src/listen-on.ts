/** Takes the address on which a command listens, or says in plain words why it cannot be had. */
import { ImprintError } from '@imprint/contract/errors';
import type { FastifyInstance } from 'fastify';

/** Listens, and gives the URL. `option` is what changes the port. @throws unavailable where it cannot be had */
export async function listenOn(
  listener: FastifyInstance,
  host: string,
  port: string | number,
  option: string,
): Promise<string> {
  try {
    return await listener.listen({ host, port: Number(port) });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    const words: Record<string, string> = {
      EADDRINUSE: 'another program listens there',
      EACCES: 'this user may not listen there',
      EADDRNOTAVAIL: 'this machine has no such address',
    };
    if (why === undefined || !(why in words)) throw cause;
    throw new ImprintError('unavailable', `${host}:${port} cannot be had: ${words[why]}`, {
      hint: `End that program, or name another port with ${option} (0 takes a free one).`,
      cause,
    });
  }
}
