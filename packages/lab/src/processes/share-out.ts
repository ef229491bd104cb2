/**
 * Shares items out to several jobs at once: each item is given to exactly one of them, to whichever is free first. Where a
 * job fails nothing more is given out, and its error is thrown once the others have finished what they hold.
 */
export async function shareOut<T>(
  items: readonly T[],
  jobs: number,
  work: (share: Iterable<T>, job: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  function* share(): Generator<T> {
    while (next < items.length) yield items[next++]!;
  }
  const ends = await Promise.allSettled(
    Array.from({ length: jobs }, async (_, job) => {
      try {
        await work(share(), job);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
