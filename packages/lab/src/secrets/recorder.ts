/**
 * Loaded into every process of a run before its program (`node --import`): writes down its arguments and environment as
 * other programs see them, whether it would write dumps of its memory, and every byte through its pipes and sockets, as
 * the program has them: what goes over TLS, before it is encrypted. The program itself knows nothing of it.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { isMainThread, threadId } from 'node:worker_threads';

/** Names the folder; each process gets a folder of its own in it, named after its ID. */
export const recordingVariable = 'IMPRINT_RECORDING';
/** On this signal the program dies of a fault that nobody catches, with all its secrets in memory. */
export const faultSignal = 'SIGUSR2';

export interface ProcessFacts {
  argv: string[];
  /** Node's own switches, from the command line and the environment. */
  nodeOptions: string[];
  /** True where Node would write a diagnostic report by itself. */
  writesReports: boolean;
}

const folder = process.env[recordingVariable];
if (folder !== undefined) {
  const own = join(folder, String(process.pid));
  if (isMainThread) record(own);
  // each thread has sockets of its own
  recordSockets(own);
}

function record(own: string): void {
  mkdirSync(own, { recursive: true });
  const { reportOnFatalError, reportOnSignal, reportOnUncaughtException } = process.report;
  const facts: ProcessFacts = {
    argv: process.argv.slice(2),
    nodeOptions: [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')],
    writesReports: reportOnFatalError || reportOnSignal || reportOnUncaughtException,
  };
  writeFileSync(join(own, 'facts.json'), JSON.stringify(facts));
  writeFileSync(join(own, 'arguments'), readFileSync('/proc/self/cmdline'));
  writeFileSync(join(own, 'environment'), readFileSync('/proc/self/environ'));
  process.on(faultSignal, () => {
    throw new Error('a provoked fault');
  });
}

function recordSockets(own: string): void {
  const names = new WeakMap<Socket, string>();
  const keep = (
    socket: Socket,
    direction: 'in' | 'out',
    bytes: Uint8Array | string,
    encoding?: BufferEncoding,
  ) => {
    let name = names.get(socket);
    if (name === undefined) {
      count++;
      name = `${kindOf(socket)}-${count}`;
      names.set(socket, name);
    }
    appendFileSync(
      join(own, `${name}-${direction}`),
      typeof bytes === 'string' ? Buffer.from(bytes, encoding) : bytes,
    );
  };
  // no two threads give the same name
  let count = threadId * 1_000_000;
  const prototype = Socket.prototype;
  const { push, _write: write, _writev: writeAll } = prototype;
  prototype.push = function (this: Socket, chunk: Uint8Array | string | null, encoding?: BufferEncoding) {
    if (chunk !== null) keep(this, 'in', chunk, encoding);
    return push.call(this, chunk, encoding);
  };
  prototype._write = function (this: Socket, chunk, encoding, done) {
    keep(this, 'out', chunk, encoding);
    return write.call(this, chunk, encoding, done);
  };
  prototype._writev = function (this: Socket, chunks, done) {
    for (const { chunk, encoding } of chunks) keep(this, 'out', chunk, encoding);
    return writeAll!.call(this, chunks, done);
  };
}

/** `stdin`, `stdout`, `stderr`, `tls`, `tcp`, or `pipe` to a child. */
function kindOf(socket: Socket): string {
  const { fd } = socket as Socket & { fd?: number };
  if (fd !== undefined && fd <= 2) return ['stdin', 'stdout', 'stderr'][fd]!;
  if (socket instanceof TLSSocket) return 'tls';
  return socket.localPort === undefined ? 'pipe' : 'tcp';
}
