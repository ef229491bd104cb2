/**
 * The way of one unit through a visit, from the scan to PASS or FAIL. It decides from what it reads on the unit and what the
 * authority says, never from memory, so it goes on from wherever an earlier attempt stopped; nothing is called passed
 * before the authority acknowledged it.
 */
import { isImprintError } from '@imprint/contract/errors';
import { allowedLocks, sealsInVisit } from './contract-facts.ts';
import { isJournalFailure } from './journal.ts';
import type { LineEvent } from './line-event.ts';
import { LineFailure, lineFailureOf, type StepName } from './line-failure.ts';
import { whatToDo } from './operator-ui/advice.ts';
import { rememberLogSize } from './station-session.ts';
import { attestAndComplete, powerCycle, selftest } from './steps/attest.ts';
import { checkReceipt } from './steps/check-receipt.ts';
import { identify, identifyAgain } from './steps/identify.ts';
import { ensureKey } from './steps/key.ts';
import { confirmLabel, printAtOpening } from './steps/label.ts';
import { openJob } from './steps/open.ts';
import { prove } from './steps/prove.ts';
import { seal } from './steps/seal.ts';
import { writeIdentity } from './steps/write.ts';
import type { IdentifiedUnit, Visit, Work } from './visit.ts';

/** How often a visit goes on after its unit was reset or its link lost; after that the attempt fails, and may be repeated. */
const interruptionsPerVisit = 8;

export type Outcome = Extract<LineEvent, { event: 'passed' | 'failed' }>;

/** Brings one unit as far as this visit goes. Never throws: whatever goes wrong is the outcome, reported to the authority. */
export async function provisionUnit(visit: Visit): Promise<Outcome> {
  const course = new Course(visit);
  try {
    const unit = await course.persist(() => course.step('identify', () => identify(visit)));
    const work = await course.step('open', () => openJob(visit, unit, course.opened));
    if (work.job.state === 'done') return await confirmDone(course, work);
    await course.step('open', () => printAtOpening(work));
    await course.persist(() => walk(course, work));
    return await course.end(work);
  } catch (error) {
    return course.fail(error);
  } finally {
    await visit.dut.close();
  }
}

/** Every step from the key on; each looks first and does only what is missing, so the walk may begin anew at any time. */
async function walk(course: Course, work: Work): Promise<void> {
  await course.step('key', () => ensureKey(work));
  await course.step('write', () => writeIdentity(work));
  // Once the authority counts it as sealed it was proven before, and what is attested below binds all that a proof binds.
  if (work.job.state !== 'sealed') await course.step('prove', () => prove(work));
  if (!sealsInVisit(work.contract, work.visit.operation)) return;
  await course.step('seal', () => seal(work));
  await course.step('attest', () => powerCycle(work));
  await course.step('selftest', () => selftest(work));
  await course.step('label', () => confirmLabel(work));
  await course.step('complete', async () => {
    const { receipt } = await attestAndComplete(work, () => course.durations());
    believe(work, receipt, true);
  });
  work.job = { ...work.job, state: 'done' };
}

/** The authority's acknowledgement counts where its log signed for it. */
function believe({ visit, job }: Work, receipt: string, isFresh: boolean): void {
  const publicKeySha256 = job.certificate!.public_key_sha256;
  const logSize = checkReceipt(receipt, visit.station, {
    jobId: job.job_id,
    deviceId: job.device_id,
    publicKeySha256,
    isFresh,
  });
  rememberLogSize(visit.journal, logSize);
}

/** A finished unit scanned again: the same answer, and nothing is written. */
async function confirmDone(course: Course, work: Work): Promise<Outcome> {
  const { status } = work.unit;
  const { job, contract } = work;
  const holds =
    status.device_id === job.device_id &&
    status.key?.public_key_sha256 === job.certificate?.public_key_sha256;
  if (!holds || !allowedLocks(contract, job).includes(status.debug_lock)) {
    throw new LineFailure(
      'certificate_wrong',
      `${job.device_id} is finished, and this unit does not hold what was issued for it`,
    );
  }
  believe(work, job.receipt ?? '', false);
  return course.pass(work, 'done', true);
}

/** Where a visit stands: its step, its times and its job, and how it ends. */
class Course {
  readonly #visit: Visit;
  readonly #spentMs = new Map<StepName, number>();
  #step: StepName = 'identify';
  #shown: StepName | undefined;
  #unit: IdentifiedUnit | undefined;
  #work: Work | undefined;
  #interruptions = 0;

  constructor(visit: Visit) {
    this.#visit = visit;
  }

  readonly opened = (work: Work): void => {
    this.#work = work;
  };

  async step<Result>(name: StepName, run: () => Promise<Result>): Promise<Result> {
    const { timers, emit, signal, journal, place } = this.#visit;
    if (signal.aborted) {
      throw new LineFailure(
        'operator_cancelled',
        typeof signal.reason === 'string' ? signal.reason : 'the operator cancelled',
      );
    }
    this.#step = name;
    if (this.#work) journal.recordStep(this.#work.job.job_id, this.#work.job.attempt, name);
    if (name !== this.#shown)
      emit({ event: 'step', lane: place.lane, device_id: this.#deviceId, step: name });
    this.#shown = name;
    const begunMs = timers.nowMs();
    try {
      const result = await run();
      if (name === 'identify') this.#unit = result as IdentifiedUnit;
      return result;
    } finally {
      this.#spentMs.set(name, (this.#spentMs.get(name) ?? 0) + timers.nowMs() - begunMs);
    }
  }

  /** Runs until it ends by itself: a reset or lost link between is answered by identifying anew and beginning again. */
  async persist<Result>(run: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await run();
      } catch (error) {
        if (!isInterruption(error) || this.#interruptions >= interruptionsPerVisit) throw error;
        // No unit has answered yet: the fixture is empty or has no power, and the person there is told so at once.
        if (!this.#unit && isImprintError(error, 'dut_silent')) throw error;
        this.#interruptions++;
        const { emit, place } = this.#visit;
        emit({
          event: 'resumed',
          lane: place.lane,
          device_id: this.#deviceId,
          step: this.#step,
          reason: (error as Error).message,
        });
        if (this.#unit) await this.#identifyAgain(this.#unit);
      }
    }
  }

  async #identifyAgain(before: IdentifiedUnit): Promise<void> {
    const unit = await identifyAgain(this.#visit, before);
    this.#unit = unit;
    if (this.#work) this.#work.unit = unit;
  }

  get #deviceId(): string | null {
    return this.#work?.job.device_id ?? this.#visit.scanned;
  }

  durations(): Record<string, number> {
    return Object.fromEntries([...this.#spentMs].map(([name, ms]) => [name, Math.round(ms)]));
  }

  /** The visit's last word to the authority where it is over before the job is done. */
  async end(work: Work): Promise<Outcome> {
    if (work.job.state === 'done') return this.pass(work, 'done', false);
    const { job } = work;
    const body = {
      attempt: job.attempt,
      outcome: 'passed' as const,
      step: null,
      failure_code: null,
      reason: null,
      durations_ms: this.durations(),
    };
    await this.#visit.outbox.send('endAttempt', { job_id: job.job_id }, body);
    return this.pass(work, 'proven', false);
  }

  pass({ job }: Work, state: 'done' | 'proven', already: boolean): Outcome {
    const { journal, place } = this.#visit;
    journal.recordEnd(job.job_id, job.attempt, 'passed', null);
    return {
      event: 'passed',
      lane: place.lane,
      device_id: job.device_id,
      job_id: job.job_id,
      attempt: job.attempt,
      state,
      already,
      durations_ms: this.durations(),
    };
  }

  async fail(error: unknown): Promise<Outcome> {
    const failure = lineFailureOf(error, this.#step);
    const attemptsLeft = await this.#report(failure);
    if (failure.stopsStation) this.#visit.halt(failure.message);
    return {
      event: 'failed',
      lane: this.#visit.place.lane,
      device_id: this.#deviceId,
      job_id: this.#work?.job.job_id ?? null,
      step: this.#step,
      failure_code: failure.code,
      consequence: failure.consequence,
      message: failure.message,
      hint: whatToDo(failure, attemptsLeft),
      attempts_left: attemptsLeft,
      durations_ms: this.durations(),
    };
  }

  /** Tells the authority. What cannot be told now stays in the outbox; what the journal cannot take is not sent. */
  async #report(failure: LineFailure): Promise<number | null> {
    const job = this.#work?.job;
    if (!job || failure.stopsStation) return null;
    const { outbox, journal } = this.#visit;
    const at = { job_id: job.job_id };
    const reason = failure.message.slice(0, 400);
    try {
      if (failure.consequence === 'quarantine') {
        const told = { attempt: job.attempt, step: this.#step, failure_code: failure.code, reason };
        await outbox.send('quarantineJob', at, { ...told, other_unit: failure.otherUnit });
        journal.recordEnd(job.job_id, job.attempt, 'quarantined', failure.code);
        return 0;
      }
      const { attempts_left } = await outbox.send('endAttempt', at, {
        attempt: job.attempt,
        outcome: 'failed',
        step: this.#step,
        failure_code: failure.code,
        reason,
        durations_ms: this.durations(),
      });
      journal.recordEnd(job.job_id, job.attempt, 'failed', failure.code);
      return attempts_left;
    } catch (error) {
      // The report is in the outbox and goes out again; the attempt is over all the same.
      if (!isJournalFailure(error))
        endQuietly(() => journal.recordEnd(job.job_id, job.attempt, 'failed', failure.code));
      return null;
    }
  }
}

function isInterruption(error: unknown): boolean {
  return isImprintError(error, 'dut_reset', 'link_lost', 'dut_silent', 'dut_garbled');
}

/** The outcome is failed already; a journal that fails here is found by the next thing that is written to it. */
function endQuietly(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isJournalFailure(error)) throw error;
  }
}
