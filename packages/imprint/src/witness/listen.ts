/** The witness's door over plain HTTP: `POST /add-checkpoint`, under the caps that all listeners of Imprint have. It trusts nobody who comes. */
import { createListener } from '@imprint/authority/http/listener';
import type { FaultReport } from '@imprint/authority/http/problem';
import { ImprintError } from '@imprint/contract/errors';
import type { FastifyInstance } from 'fastify';
import { addCheckpointBytes, answerAddCheckpoint } from './add-checkpoint.ts';
import type { Witness } from './witness.ts';

/** The listener, not yet listening. `onForked` as in {@link answerAddCheckpoint}. */
export function createWitnessListener(options: {
  witness: Witness;
  hosts: readonly string[];
  onForked: (note: string) => void;
  report: FaultReport;
}): FastifyInstance {
  const { hosts, report } = options;
  const listener = createListener({ hosts, report, bodyBytes: addCheckpointBytes });
  listener.removeAllContentTypeParsers();
  // C2SP names no content type, and clients send any
  listener.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => {
    try {
      done(null, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body as Buffer));
    } catch {
      done(new ImprintError('bad_request', 'The body is not UTF-8 text.'));
    }
  });
  listener.post('/add-checkpoint', async (request, reply) => {
    const body = typeof request.body === 'string' ? request.body : '';
    const answer = await answerAddCheckpoint(body, options.witness, options.onForked);
    return reply.code(answer.status).type(answer.type).send(answer.body);
  });
  return listener;
}
