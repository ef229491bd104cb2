/** Calls from one thread to another, by the name of the function: what one turn of the event loop asks for goes as one message. */
import type { MessagePort, Worker } from 'node:worker_threads';
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import { type BirpcReturn, createBirpc } from 'birpc';

/** A worker's own port, or the worker itself. */
export type ThreadPort = MessagePort | Worker;

/** An error as plain data: a clone of one would lose its class and its code. */
interface PlainError {
  message: string;
  stack: string | undefined;
  imprint?: { code: ErrorCode; hint: string | undefined; context: Record<string, unknown> };
}

/**
 * Calls the functions at the other end of `port`, and answers its calls with `local`. A call rejects with the error that the
 * function threw: an {@link ImprintError} as one with the same code, any other with its message and stack. Calls wait for as
 * long as the other thread takes.
 */
export function callsBetweenThreads<Remote extends object, Local extends object>(
  port: ThreadPort,
  local: Local,
): BirpcReturn<Remote, Local> {
  let batch: unknown[] = [];
  const send = () => {
    port.postMessage(batch, []);
    batch = [];
  };
  return createBirpc<Remote, Local>(local, {
    post: (message) => {
      // after all that became ready at the same time
      if (batch.push(message) === 1) process.nextTick(send);
    },
    on: (receive) => {
      port.on('message', (messages: unknown[]) => {
        for (const message of messages) receive(message);
      });
    },
    serialize: (message) => (message.e === undefined ? message : { ...message, e: plainError(message.e) }),
    deserialize: (message) => (message.e === undefined ? message : { ...message, e: errorOf(message.e) }),
    timeout: -1,
  });
}

function plainError(error: unknown): PlainError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!isImprintError(error)) return { message, stack };
  return { message, stack, imprint: { code: error.code, hint: error.hint, context: error.context } };
}

function errorOf({ message, stack, imprint }: PlainError): Error {
  const error = imprint
    ? new ImprintError(imprint.code, message, {
        ...(imprint.hint === undefined ? {} : { hint: imprint.hint }),
        context: imprint.context,
      })
    : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
