/**
 * The independent model of a factory: what the log says, what went over the wire and what the boards are, each read by code of
 * its own and held against the others after every event. It never asks the program whether it is right, save at the end.
 */
import { verifyLog } from '@imprint/authority/audit/verify';
import type { LineEvent } from '@imprint/station/line-event';
import type { Answer } from '@imprint/station/read-answer';
import type { AuthorityWatcher } from './authority-host.ts';
import type { AuthorityIdentity } from './authority-identity.ts';
import type { AuthorityProcess } from './authority-process.ts';
import type { BoardOnFloor } from './boards.ts';
import { openFailingStorage } from './disk.ts';
import type { Struck } from './faults.ts';
import { Life } from './life.ts';
import { ActsModel } from './model/acts-model.ts';
import { BoardModel } from './model/board-model.ts';
import { CaModel } from './model/ca-model.ts';
import { sha256 } from './model/certificate-bytes.ts';
import { LogModel } from './model/log-model.ts';
import { PeopleModel } from './model/people-model.ts';
import { RevocationModel } from './model/revocation-model.ts';
import { type Violation, Violations } from './model/violation.ts';
import { WireModel } from './model/wire-model.ts';
import type { Message, NetworkWatcher } from './network.ts';
import type { World } from './world.ts';

export type { Violation } from './model/violation.ts';

export class Model implements AuthorityWatcher, NetworkWatcher {
  readonly log: LogModel;
  readonly cas: CaModel;
  readonly people: PeopleModel;
  readonly acts: ActsModel;
  readonly revocation: RevocationModel;
  readonly #violations: Violations;
  readonly #wire: WireModel;
  readonly #boards: BoardModel;
  readonly #signed = new Set<string>();
  readonly #world: World;
  #file = '';
  #hasReplicas = false;
  #mayHaveMore = false;

  constructor(world: World) {
    this.#world = world;
    this.#violations = new Violations(world);
    this.log = new LogModel(world, this.#violations);
    this.cas = new CaModel(this.#violations);
    this.people = new PeopleModel(this.#violations);
    for (const model of [this.cas, this.people]) this.log.alsoRead.push((entry) => model.take(entry));
    this.acts = new ActsModel(this.log, this.#violations);
    this.revocation = new RevocationModel(world, this.log, this.cas, this.#violations);
    this.#wire = new WireModel(this.log, this.cas, this.#violations);
    this.#boards = new BoardModel(this.log, this.#violations);
  }

  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  get entries(): number {
    return this.log.entries.length;
  }

  violate(invariant: string, what: string): void {
    this.#violations.add(invariant, what);
  }

  /** `hasReplicas`: other processes may write beside the one that signs. */
  begin(file: string, identity: AuthorityIdentity, hasReplicas: boolean): void {
    this.#file = file;
    this.#hasReplicas = hasReplicas;
    const { certificates, logPublicKey } = identity.hierarchy;
    this.#wire.begin(logPublicKey);
    this.cas.begin([certificates.root, certificates.stationRoot]);
    this.log.open(file);
  }

  mayHaveCommitted(): void {
    this.#mayHaveMore = true;
  }

  /**
   * I-2: a signature has one earlier intent that is on the disk, and an intent one signature. A process that was held up may sign
   * what another one has revoked meanwhile, since its lease was over; such a certificate is never released.
   */
  signed(bytes: Uint8Array): void {
    this.#pull();
    if (this.revocation.takes(bytes)) return;
    const tbs = sha256(bytes);
    const intent = this.log.byTbs.get(tbs);
    this.#violations.unless(intent !== undefined, 'I-2', () => `TBS ${tbs} is signed without an intent`);
    this.#violations.unless(
      !this.#signed.has(tbs),
      'I-2',
      () => `the intent of ${intent?.deviceId} is signed twice`,
    );
    this.#violations.unless(
      intent === undefined ||
        intent.status === 'intended' ||
        (this.#hasReplicas && intent.status === 'revoked'),
      'I-2',
      () => `the intent of ${intent?.deviceId} is signed, and it is ${intent?.status}`,
    );
    this.#signed.add(tbs);
  }

  /** The authority's own log has a fault of the program. */
  fault(error: unknown): void {
    this.#violations.add(
      'I-10',
      `the authority's program failed: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }

  started(_process: AuthorityProcess): void {
    // what was committed before the end is there, and nothing of it has changed
    this.#pull();
  }

  answered(message: Message, answer: Answer): void {
    this.#pull();
    this.#wire.answered(message, answer);
  }

  burning(board: BoardOnFloor, fuse: string, intended: boolean): void {
    this.#pull();
    this.#boards.burning(board, fuse, intended);
  }

  passed(event: Extract<LineEvent, { event: 'passed' }>, board: BoardOnFloor | undefined): void {
    this.#pull();
    this.#boards.passed(event, board);
  }

  /** After each event. */
  check(): void {
    if (this.#mayHaveMore) this.#pull();
  }

  async checkAtEnd(boards: readonly BoardOnFloor[], struck: readonly Struck[]): Promise<void> {
    this.#pull();
    for (const board of boards) {
      const cuts = struck.filter(({ unit, fault }) => unit === board.unit && fault === 'power-during').length;
      this.#boards.atEnd(board, cuts);
    }
    for (const credential of this.log.credentials.values()) {
      this.#violations.unless(
        credential.status !== 'intended',
        'I-2',
        () => `an intent of ${credential.deviceId} is open at the end of the day`,
      );
    }
    this.acts.atEnd();
    await this.#checkStored();
  }

  /** I-15, I-16: the program's own verification and replay, on the file as it is. */
  async #checkStored(): Promise<void> {
    const storage = openFailingStorage(this.#file, new Life(this.#world), () => undefined);
    const report = await verifyLog(storage.reader, { realm: 'dev' });
    await storage.close();
    for (const finding of report.findings) {
      this.#violations.add('I-15', `${finding.table} ${finding.row}: ${finding.what}`);
    }
  }

  close(): void {
    this.log.close();
  }

  #pull(): void {
    this.#mayHaveMore = false;
    this.log.pull();
  }
}
