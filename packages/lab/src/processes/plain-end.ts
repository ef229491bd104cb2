/** Every wait ends in a fixed time, and every program that gives up says why in words that people can act on. */
import { setTimeout as delay } from 'node:timers/promises';

const patienceMs = 60_000;

/** What is said to people names its code and is no fault of the program. */
export function assertPlain(errorText: string): void {
  assertNoFaultOfItsOwn(errorText);
  if (!/error \w+: /.test(errorText)) throw new Error('it ended without a reason');
}

/** No stack trace: the program knew what it met. */
export function assertNoFaultOfItsOwn(errorText: string): void {
  if (/error internal|\n\s+at /.test(errorText))
    throw new Error(`it ended by a fault of its own: ${errorText}`);
}

/** @throws Error where it takes longer: it hangs */
export async function within<T>(work: Promise<T>, what: string, ms = patienceMs): Promise<T> {
  const over = new AbortController();
  const late = delay(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it hangs: in ${ms / 1_000} s it is not so that ${what}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
