/**
 * The lives of devices, from the log alone: who moves them where, what a return ends (I-14), and that a second life is a second job
 * with another key on the same board (I-7).
 */
import type { LoggedEntry, LoggedJob, LogModel } from './log-model.ts';
import type { Violations } from './violation.ts';

export class LifeModel {
  readonly #log: Pick<LogModel, 'active' | 'deviceState' | 'jobs'>;
  readonly #violations: Violations;
  readonly #jobOfKey = new Map<string, string>();

  constructor(log: Pick<LogModel, 'active' | 'deviceState' | 'jobs'>, violations: Violations) {
    this.#log = log;
    this.#violations = violations;
  }

  /** A device has one job, and another one only when it came back and was accepted, on the board that it was. */
  opened(deviceId: string, uid: string): void {
    const isRefurbished = this.#log.deviceState.get(deviceId) === 'refurbished';
    const isFormer = (job: LoggedJob) => isRefurbished && job.uid === uid && job.state === 'done';
    for (const job of this.#log.jobs.values()) {
      if (job.deviceId !== deviceId || isFormer(job)) continue;
      this.#violations.add('I-7', `${deviceId} is given to a second board, or to a second job`);
    }
  }

  intended({ data }: Pick<LoggedEntry, 'data'>): void {
    const { device_id: deviceId, public_key_sha256: keySha256, job_id: jobId } = data;
    const before = this.#jobOfKey.get(keySha256);
    this.#violations.unless(
      before === undefined || before === jobId,
      'I-7',
      () => `the key that ${deviceId} had in job ${before} is certified in job ${jobId}`,
    );
    this.#jobOfKey.set(keySha256, jobId);
    const state = this.#log.deviceState.get(deviceId);
    this.#violations.unless(
      state !== 'returned',
      'I-14',
      () => `${deviceId} came back, and is certified before anybody accepted it`,
    );
  }

  transitioned({ actor, data }: Pick<LoggedEntry, 'actor' | 'data'>): void {
    const { device_id: deviceId, from, to } = data;
    const states = this.#log.deviceState;
    this.#violations.unless(
      states.get(deviceId) === from,
      'I-15',
      () => `${deviceId} goes from ${from}, and is ${states.get(deviceId)}`,
    );
    this.#violations.unless(
      actor.kind === 'person' || ['manufactured', 'quarantined'].includes(to),
      'I-21',
      () => `${deviceId} becomes ${to}, and no person was there`,
    );
    this.#violations.unless(
      to !== 'returned' || this.#log.active(deviceId) === undefined,
      'I-14',
      () => `${deviceId} came back, and its certificate is live`,
    );
    states.set(deviceId, to);
  }
}
