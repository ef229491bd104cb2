/** The two steps of signing in at the company's provider, as a browser takes them: away with a sealed cookie, and back with it. */
import type { FastifyInstance } from 'fastify';
import type { OidcSignIn } from '../access/oidc-sign-in.ts';
import { type AccessCore, openSession } from '../access/sign-in.ts';
import { answer, setSession } from './management-answer.ts';
import { cookieOf } from './management-gate.ts';

export const oidcBeginPath = '/v1/session/oidc';
export const oidcCallbackPath = '/v1/session/oidc/callback';
const flowCookie = '__Host-imprint-oidc';

export function addOidcRoutes(listener: FastifyInstance, core: AccessCore, oidc: OidcSignIn): void {
  // Lax: the browser comes back from another site, and has to bring it
  const cookie = (value: string, age: number) =>
    `${flowCookie}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${age}`;

  listener.get(oidcBeginPath, async (_, reply) => {
    const { url, flow, maxAgeSeconds } = await oidc.begin();
    return reply
      .header('set-cookie', cookie(flow, maxAgeSeconds))
      .header('cache-control', 'no-store')
      .redirect(url, 303);
  });
  listener.get(oidcCallbackPath, async (request, reply) => {
    const flow = cookieOf(request.headers, flowCookie) ?? '';
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    const who = await oidc.finish(query, flow, request.socket.remoteAddress ?? '');
    const { secret, expires_at } = await openSession(core, who);
    setSession(reply, secret);
    reply.header('set-cookie', cookie('', 0));
    return answer(reply, JSON.stringify({ account_id: who.actor.id, expires_at }));
  });
}
