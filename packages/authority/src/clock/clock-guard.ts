/**
 * Watches the authority's clock (I-8): against the monotonic clock of this machine at every issuing, and against a named
 * source now and then. What is past the bound halts issuing for every process of the realm until people accept the clock.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { Clock } from '../surroundings.ts';

/** Another clock that is believed to be right; `now` rejects where it cannot be read. */
export interface ClockSource {
  /** Stands in alarms: a host name or URL without secrets. */
  name: string;
  now: () => Promise<Date>;
}

export interface ClockGuardOptions {
  clock: Clock;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  monotonicMs: () => number;
  source: ClockSource | null;
  boundMs: number;
}

export type ClockVerdict =
  | { verdict: 'right' }
  | { verdict: 'source-silent'; detail: string }
  | { verdict: 'wrong'; subject: string; detail: string };

export class ClockGuard {
  readonly #options: ClockGuardOptions;
  readonly #begunMs: number;
  readonly #begunMonotonicMs: number;

  constructor(options: ClockGuardOptions) {
    this.#options = options;
    this.#begunMs = options.clock().getTime();
    this.#begunMonotonicMs = options.monotonicMs();
  }

  /**
   * Cheap, for every issuing: the clock has gone on as fast as time does since this process began.
   * @throws clock_untrusted where it jumped by more than the bound
   */
  requireSteady(now: Date): void {
    const jumpMs = this.#jumpMs(now);
    if (Math.abs(jumpMs) <= this.#options.boundMs) return;
    throw new ImprintError('clock_untrusted', jumped(jumpMs), {
      hint: "Set the authority's clock, start it again, and accept the clock: imprint clock accept.",
      context: { jump_ms: Math.round(jumpMs) },
    });
  }

  /** Looks at everything there is to compare with. */
  async observe(): Promise<ClockVerdict> {
    const { clock, source, boundMs } = this.#options;
    const jumpMs = this.#jumpMs(clock());
    if (Math.abs(jumpMs) > boundMs) return { verdict: 'wrong', subject: 'monotonic', detail: jumped(jumpMs) };
    if (!source) return { verdict: 'right' };
    let theirs: Date;
    try {
      theirs = await source.now();
    } catch (error) {
      return {
        verdict: 'source-silent',
        detail: `${source.name} gives no time: ${(error as Error).message}`,
      };
    }
    const offMs = clock().getTime() - theirs.getTime();
    if (Math.abs(offMs) <= boundMs) return { verdict: 'right' };
    const detail = `the clock is ${seconds(offMs)} ${offMs > 0 ? 'ahead of' : 'behind'} ${source.name}`;
    return { verdict: 'wrong', subject: 'source', detail };
  }

  #jumpMs(now: Date): number {
    const { monotonicMs } = this.#options;
    return now.getTime() - this.#begunMs - (monotonicMs() - this.#begunMonotonicMs);
  }
}

/**
 * Inside every decision that leads to a signature: the clock is steady, and no alarm about it stands.
 * @throws clock_untrusted
 */
export async function requireTrustedClock(
  reading: Reading,
  guard: Pick<ClockGuard, 'requireSteady'>,
): Promise<void> {
  guard.requireSteady(reading.now);
  const { rows } = await findHalt(reading.tx, {});
  if (rows[0] === undefined) return;
  throw new ImprintError(
    'clock_untrusted',
    `issuing is halted since ${rows[0].halted_at}: ${rows[0].detail}`,
    {
      hint: "Set the authority's clock, then accept it: imprint clock accept.",
    },
  );
}

// no limit: SQLite plans a statement anew whenever a bound limit is set, and this runs before every signature
const findHalt = statement<object, { halted_at: string; detail: string }>((db) =>
  db.selectFrom('clock_halt').select(['halted_at', 'detail']),
);

/**
 * Lets issuing go on, as a person decides it: an alarm about the clock is over, and where the log's last entry was written by
 * a clock that was ahead, the log's time goes on from now.
 * @throws bad_request where nothing is halted; clock_untrusted where the clock jumped since this process began
 */
export function acceptClock(ledger: Ledger, by: Actor, reason: string): Promise<void> {
  return ledger.submit(async ({ tx, now }) => {
    const { rows } = await findHalt(tx, {});
    const { last_at } = await tx.selectFrom('log_head').select('last_at').executeTakeFirstOrThrow();
    if (rows[0] === undefined && Date.parse(last_at) <= now.getTime())
      throw new ImprintError('bad_request', 'issuing is not halted: there is nothing to accept');
    return { entries: [{ type: 'clock.accepted', actor: by, data: { reason } }], reply: () => undefined };
  }, 'accepted');
}

/** Raises the alarm that halts issuing, once: a clock that is halted already stays so. It bears no time of the wrong clock. */
export async function haltForClock(
  ledger: Ledger,
  processId: string,
  wrong: Extract<ClockVerdict, { verdict: 'wrong' }>,
): Promise<void> {
  await ledger.submit(async ({ tx }) => {
    const halted = await tx.selectFrom('clock_halt').select('log_index').executeTakeFirst();
    const alarm: Draft = {
      type: 'alarm.raised',
      actor: { kind: 'authority', id: processId },
      data: { kind: 'clock', subject: wrong.subject, detail: wrong.detail },
    };
    return { entries: halted ? [] : [alarm], reply: () => undefined };
  }, 'of-last-entry');
}

function jumped(ms: number): string {
  return `the clock jumped ${seconds(ms)} ${ms > 0 ? 'ahead' : 'back'} since the authority started`;
}

function seconds(ms: number): string {
  return `${Math.abs(Math.round(ms / 1000))} s`;
}
