/** How the management listener answers: JSON that nothing keeps, and a session's secret that no script reads. */
import { sessionCookie } from '@imprint/contract/api/management';
import { limits } from '@imprint/contract/limits';
import type { FastifyReply } from 'fastify';

export function answer(reply: FastifyReply, json: string): FastifyReply {
  return reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .type('application/json')
    .send(json);
}

/** No script reads it, no other site's request bears it, and it ends when the session does. */
export function setSession(reply: FastifyReply, secret: string | null): void {
  const age = secret === null ? 0 : limits.sessionLifeMs / 1000;
  reply.header(
    'set-cookie',
    `${sessionCookie}=${secret ?? ''}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${age}`,
  );
}
