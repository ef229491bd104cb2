/** The listener for those who watch the authority from its own machine: figures, whether it lives, whether it can issue. It is never reached from elsewhere. */

import { createListener } from '@imprint/authority/http/listener';
import type { FaultReport } from '@imprint/authority/http/problem';
import type { FastifyInstance } from 'fastify';
import type { OpenAuthority } from '../open-authority.ts';
import type { AuthorityMetrics } from './authority-metrics.ts';
import { readiness } from './readiness.ts';

/** The listener, not yet listening. */
export function createMetricsListener(
  authority: OpenAuthority,
  metrics: AuthorityMetrics,
  report: FaultReport,
): FastifyInstance {
  // nothing here has a body, and no name but the loopback ones is answered
  const listener = createListener({ hosts: [], report, bodyBytes: 1 });
  listener.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  listener.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  // that it answers is all there is to say
  listener.get('/health/live', async () => ({ live: true }));
  listener.get('/health/ready', async (_, reply) => {
    const { hinders } = await readiness(authority);
    return reply.code(hinders.length === 0 ? 200 : 503).send({ ready: hinders.length === 0, hinders });
  });
  return listener;
}
