/** Boards as they are, read from the hardware and not asked: what may be burnt when, and what a PASS must mean. */
import { hash, X509Certificate } from 'node:crypto';
import type { LineEvent } from '@imprint/station/line-event';
import type { BoardOnFloor } from '../boards.ts';
import { sha256 } from './certificate-bytes.ts';
import { type LogModel, uidText } from './log-model.ts';
import type { Violations } from './violation.ts';

type Passed = Extract<LineEvent, { event: 'passed' }>;

export class BoardModel {
  readonly #log: LogModel;
  readonly #violations: Violations;

  constructor(log: LogModel, violations: Violations) {
    this.#log = log;
    this.#violations = violations;
  }

  /**
   * I-25: before a fuse is burnt the board proved itself with the key that it holds, in the log, and the station wrote down
   * what it is about to do. `intended` says whether it did.
   */
  burning(board: BoardOnFloor, fuse: string, intended: boolean): void {
    const { uid } = board;
    const job = this.#log.jobOfUid.get(uid);
    const isProven = job !== undefined && ['proven', 'sealed', 'done'].includes(job.state);
    this.#violations.unless(
      isProven,
      'I-25',
      () => `${fuse} of ${uid} is burnt, and the job is ${job?.state ?? 'none'}`,
    );
    this.#violations.unless(intended, 'I-25', () => `${fuse} of ${uid} is burnt, and no journal says so`);
    if (board.hostile !== undefined) return;
    const held = keyOf(board);
    const active = job && this.#log.active(job.deviceId);
    this.#violations.unless(
      held !== undefined && active?.keySha256 === held,
      'I-25',
      () => `${fuse} of ${uid} is burnt, and the board holds another key than it proved`,
    );
  }

  /** I-26, I-27: what a PASS says is so, on the board and in the log. */
  passed(event: Passed, board: BoardOnFloor | undefined): void {
    const { device_id: deviceId, state } = event;
    if (board === undefined) {
      this.#violations.add('I-27', `PASS for ${deviceId}, and no board lies there`);
      return;
    }
    const job = this.#log.jobOfUid.get(board.uid);
    if (job?.deviceId !== deviceId) {
      this.#violations.add(
        'I-27',
        `PASS for ${deviceId}, and board ${board.uid} is ${job?.deviceId ?? 'nobody'}`,
      );
      return;
    }
    const stands = this.#log.deviceState.get(deviceId);
    this.#violations.unless(
      stands !== 'returned' && stands !== 'lost',
      'I-14',
      () => `PASS for ${deviceId}, which is ${stands}`,
    );
    if (state === 'proven') {
      this.#violations.unless(
        ['proven', 'sealed', 'done'].includes(job.state),
        'I-27',
        () => `PASS for ${deviceId} as proven, and its job is ${job.state}`,
      );
      return;
    }
    this.#requireDone(deviceId, board, 'PASS');
  }

  /** A finished device is on its board exactly what the log says. */
  #requireDone(deviceId: string, board: BoardOnFloor, when: string): void {
    const completed = this.#log.completed.get(deviceId)?.data;
    if (completed === undefined) {
      this.#violations.add('I-27', `${when}: ${deviceId} is not completed in the log`);
      return;
    }
    const summary = board.device.summary();
    const { contract } = board.product.checked;
    const stored = board.device.board.memory.read('device_cert');
    const der = stored.kind === 'whole' ? new X509Certificate(Buffer.from(stored.bytes)) : undefined;
    const wanted: [string, unknown, unknown][] = [
      ['device ID', summary.device_id, deviceId],
      ['board', board.uid, uidText(completed.hardware_uid)],
      ['key', keyOf(board), completed.public_key_sha256],
      ['certificate', der && sha256(der.raw), completed.certificate_sha256],
      [
        'key of the certificate',
        der && sha256(der.publicKey.export({ format: 'der', type: 'spki' })),
        completed.public_key_sha256,
      ],
      ['debug lock', summary.debug_lock, contract.lock_policy.debug],
      ['boot flags', JSON.stringify(summary.boot_flags), JSON.stringify(contract.boot_flags)],
      ['torn items', summary.torn.join(), ''],
    ];
    for (const [what, found, must] of wanted) {
      this.#violations.unless(
        found === must,
        what === 'certificate' || what.startsWith('key') ? 'I-26' : 'I-27',
        () => `${when}: the ${what} of ${deviceId} is ${String(found)}, and must be ${String(must)}`,
      );
    }
  }

  /** What every board must be at the end of the day; `cuts`: how often power was cut while it wrote or burnt. */
  atEnd(board: BoardOnFloor, cuts: number): void {
    const summary = board.device.summary();
    const { uid } = board;
    this.#violations.unless(
      summary.needless_burns === 0,
      'I-25',
      () => `somebody burnt a fuse of ${uid} that was burnt already`,
    );
    for (const [fuse, pulses] of Object.entries(summary.fuse_pulses)) {
      this.#violations.unless(pulses <= 1 + cuts, 'I-25', () => `${fuse} of ${uid} had ${pulses} pulses`);
    }
    const job = this.#log.jobOfUid.get(uid);
    if (job?.state === 'done') {
      this.#requireDone(job.deviceId, board, 'at the end');
      return;
    }
    const isBurnt = Object.keys(summary.fuse_pulses).length > 0;
    this.#violations.unless(
      !isBurnt || job !== undefined,
      'I-24',
      () => `board ${uid} has burnt fuses, and nobody knows of it`,
    );
    this.#violations.unless(
      summary.device_id === null || job !== undefined || board.hostile !== undefined,
      'I-24',
      () => `board ${uid} bears ${summary.device_id}, and nobody knows of it`,
    );
  }
}

function keyOf({ slot }: BoardOnFloor): string | undefined {
  const held = slot.publicKey();
  return held && hash('sha256', held.spki);
}
