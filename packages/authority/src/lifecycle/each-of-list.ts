/**
 * A list of things of which each has a decision of its own: what is refused disturbs no other, a few go at a time so that the line
 * does not wait, and the list is named to whoever approves it by the hash of its lines.
 */
import { hash } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';

/**
 * Runs `work` for every row and gives what came of each, in the order of the rows. `onOutcomes` is called after each tick with what is
 * durable.
 * @throws what a row's work throws, after the others of its tick: the list is sent again then
 */
export async function eachOfList<Row, Outcome>(
  rows: readonly Row[],
  work: (row: Row) => Promise<Outcome>,
  onOutcomes: (outcomes: readonly Outcome[]) => void,
): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (let at = 0; at < rows.length; at += limits.transitionsAtOnce) {
    // one decision each, so that one that is refused takes no other with it; the ledger makes one tick of them
    const settled = await Promise.allSettled(rows.slice(at, at + limits.transitionsAtOnce).map(work));
    const outcomes = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    all.push(...outcomes);
    onOutcomes(outcomes);
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
  return all;
}

/**
 * How many lines a list has, and the SHA-256 (hex) over them, sorted, each with a newline.
 * @throws bad_request for none, too many, or one that stands twice
 */
export function listMark(lines: readonly string[]): { count: number; sha256: string } {
  const sorted = [...lines].sort();
  const twice = sorted.find((line, at) => line === sorted[at - 1]);
  if (twice !== undefined) {
    throw new ImprintError('bad_request', `${twice} stands twice in the list`, {
      hint: 'Name each once.',
    });
  }
  if (sorted.length === 0 || sorted.length > limits.transitionsPerList) {
    throw new ImprintError('bad_request', `a list has 1 to ${limits.transitionsPerList} lines`, {
      hint: 'Cut a longer one into several.',
    });
  }
  return { count: sorted.length, sha256: hash('sha256', sorted.map((line) => `${line}\n`).join(''), 'hex') };
}

/** @throws count_wrong where people counted another number */
export function requireAsCounted(count: number | null, listed: number): void {
  if (count === null || count === listed) return;
  throw new ImprintError('count_wrong', `${count} were counted, and the list has ${listed}`, {
    hint: 'Count again, and look for what is in the box and not in the list, or the reverse.',
    context: { counted: count, listed },
  });
}
