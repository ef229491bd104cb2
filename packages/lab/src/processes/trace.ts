/**
 * Reads what the library of faults has written down: each operation in the order in which it took effect. It trusts the
 * library's numbers and nothing of the program's; a trace that was cut off ends with its last whole operation.
 */

/** Files are named by inode, as the program may rename them; paths lie below the traced folder. */
export type Operation =
  | { kind: 'write'; inode: number; offset: number; bytes: Buffer }
  | { kind: 'truncate'; inode: number; size: number }
  /** What was written to this file or folder so far is on the disk. */
  | { kind: 'sync'; inode: number }
  /** The sync failed: what was written since the last one is not on the disk and never will be. */
  | { kind: 'lost'; inode: number }
  | { kind: 'create' | 'mkdir'; inode: number; path: string }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'unlink'; path: string }
  /** Bytes left over a socket; what they say is encrypted. */
  | { kind: 'send'; length: number }
  /** Nothing was done, and the program was told so. */
  | { kind: 'failed' };

export function parseTrace(trace: Buffer): Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at < trace.length; ) {
    const end = trace.indexOf(0x0a, at);
    if (end < 0) break;
    const line = trace.toString('utf8', at, end);
    at = end + 1;
    const [kind, first = '', ...rest] = line.split(' ');
    const tail = rest.join(' ');
    if (kind === 'write') {
      const [offset, length] = rest.map(Number) as [number, number];
      if (at + length + 1 > trace.length) break;
      operations.push({ kind, inode: Number(first), offset, bytes: trace.subarray(at, at + length) });
      at += length + 1;
    } else operations.push(operationOf(kind!, first, tail, line));
  }
  return operations;
}

function operationOf(kind: string, first: string, tail: string, line: string): Operation {
  switch (kind) {
    case 'truncate':
      return { kind, inode: Number(first), size: Number(tail) };
    case 'sync':
    case 'lost':
      return { kind, inode: Number(first) };
    case 'create':
    case 'mkdir':
      return { kind, inode: Number(first), path: tail };
    case 'rename': {
      const [from, to] = line.slice('rename '.length).split('\t') as [string, string];
      return { kind, from, to };
    }
    case 'unlink':
      return { kind, path: line.slice('unlink '.length) };
    case 'send':
      return { kind, length: Number(first) };
    case 'failed':
      return { kind };
    default:
      throw new RangeError(`a trace has no operation ${JSON.stringify(line)}`);
  }
}
