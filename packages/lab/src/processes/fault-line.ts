/**
 * A line whose authority and station meet faults of their system calls. One unit at a time is worked on as people do it:
 * they scan again, start again what has ended, and where a screen says that the disk failed, they restart that machine.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildEvent } from 'imprint/demo/child';
import { openAuthority } from 'imprint/open-authority';
import { CrashLine, type Lane } from './crash-line.ts';
import type { CrashProcess } from './crash-process.ts';
import { DiskImage, writeImage } from './disk-image.ts';
import {
  type Counts,
  type Fault,
  FaultControl,
  isDeadly,
  losesUnsynced,
  type Strike,
} from './fault-control.ts';
import { judge, type LoggedEntry } from './judgement.ts';
import { assertNoFaultOfItsOwn, assertPlain, within } from './plain-end.ts';
import { type Operation, parseTrace } from './trace.ts';

export type Role = 'serve' | 'station';
/**
 * When in a process's life the fault strikes: while it starts after a kill, with its records or for the first time, at
 * work on a unit, while it is stopped.
 */
export type Phase = 'first' | 'start' | 'work' | 'stop';
export const phasesOf: Record<Role, readonly Phase[]> = {
  serve: ['start', 'work', 'stop'],
  station: ['first', 'start', 'work', 'stop'],
};

/**
 * What came of a fault: nobody noticed; the process ended and was started again; it refused and went on by itself; it
 * refused everything until it was started again; it did not start, with a plain reason, and did at the second time; the
 * operation never came.
 */
export type Outcome = 'unnoticed' | 'ended' | 'went-on' | 'stopped' | 'not-started' | 'not-reached';

const scansPerUnit = 12;
const startPatienceMs = 30_000;
const refusalsBeforeRestart = 2;

export class FaultLine {
  readonly line: CrashLine;
  readonly #controls: Record<Role, FaultControl>;
  readonly #disks: Record<Role, DiskImage | undefined>;
  #armedAtStart: { role: Role; strike: Strike | undefined } | undefined;
  /** Of the phase that ran last. */
  #counted: Counts | undefined;
  #struck = false;
  /** A scan whose answer waits for the authority to be started again. */
  #leftScan: Promise<ChildEvent | undefined> = Promise.resolve(undefined);

  private constructor(
    line: CrashLine,
    controls: Record<Role, FaultControl>,
    disks: Record<Role, DiskImage | undefined>,
  ) {
    this.line = line;
    this.#controls = controls;
    this.#disks = disks;
  }

  /** A line at work, whose two processes were started once under the library. */
  static async start(name: string, devices: number): Promise<FaultLine> {
    const controls: Partial<Record<Role, FaultControl>> = {};
    const disks: Record<Role, DiskImage | undefined> = { serve: undefined, station: undefined };
    let made: FaultLine | undefined;
    const environment = (role: Role, home: string) => {
      const control = controls[role] ?? new FaultControl(home, `${home}-faults`);
      controls[role] = control;
      control.beginTrace();
      disks[role] = new DiskImage(home);
      if (made !== undefined) made.#armAtStart(role);
      return control.environment();
    };
    const line = await CrashLine.start({ name, devices, lanes: 1, environment });
    await line.authority.close();
    for (const role of ['serve', 'station'] as const) {
      await line[role].kill9();
      await line[role].start();
    }
    made = new FaultLine(line, controls as Record<Role, FaultControl>, disks);
    return made;
  }

  #armAtStart(role: Role): void {
    if (this.#armedAtStart?.role === role) this.#controls[role].arm(this.#armedAtStart.strike);
  }

  async close(): Promise<void> {
    await this.line.close();
    for (const control of Object.values(this.#controls)) control.close();
  }

  /** What the phase does without a fault, by class. */
  async count(role: Role, phase: Phase): Promise<Counts> {
    // no life has less to do at its end than one that has worked on a single unit
    if (role === 'serve' && phase === 'stop') await this.#restart(role, undefined);
    await this.#phase(role, phase, undefined);
    return this.#counted!;
  }

  /** One fault in one phase, and the unit at work is finished. @throws AssertionError, Error where a promise is broken */
  async strike(role: Role, phase: Phase, strike: Strike): Promise<Outcome> {
    return this.#phase(role, phase, strike);
  }

  /** Holds log, tables and all units so far against each other. */
  async judge(): Promise<LoggedEntry[]> {
    this.line.authority = await openAuthority(this.line.authorityHome);
    try {
      return await judge(this.line, this.line.unitsUsed);
    } finally {
      await this.line.authority.close();
    }
  }

  /** A life of the process from its start, after a kill or for the first time, over some units to its orderly end. */
  async record(
    role: Role,
    from: 'first' | 'start',
    units: number,
  ): Promise<{ operations: Operation[]; disk: DiskImage }> {
    const [lane] = this.line.lanes as [Lane];
    for (let done = 0; done < units; done++) {
      const unit = this.line.newUnit();
      await this.line.lay(lane, unit.unit);
      if (done === 0) {
        await this.#breakOff(role, lane, unit.id);
        if (from === 'first') removeJournal(this.line.stationHome);
        await this.#restart(role, undefined);
      }
      await this.#work(role, lane, unit.id, undefined);
      await this.line.lift(lane);
    }
    await within(this.line[role].child.stop(), `${role} stops`);
    const recording = this.#trace(role);
    await this.#restart(role, undefined);
    return recording;
  }

  /** The trace of the process that runs now, and its folder as it was when it began. */
  #trace(role: Role): { operations: Operation[]; disk: DiskImage } {
    return { operations: parseTrace(this.#controls[role].trace()), disk: this.#disks[role]! };
  }

  async #phase(role: Role, phase: Phase, strike: Strike | undefined): Promise<Outcome> {
    const unit = this.line.newUnit();
    const [lane] = this.line.lanes as [Lane];
    this.#struck = false;
    await this.line.lay(lane, unit.unit);
    try {
      if (phase === 'work') {
        this.#controls[role].arm(strike);
        return await this.#work(role, lane, unit.id, strike?.fault);
      }
      let outcome: Outcome = 'unnoticed';
      if (phase === 'first' || phase === 'start') {
        await this.#breakOff(role, lane, unit.id);
        if (phase === 'first') removeJournal(this.line.stationHome);
        outcome = await this.#startUnder(role, strike);
      } else {
        // an authority that has done nothing since its start has nothing to leave behind
        if (role === 'serve') await this.#work(role, lane, unit.id, undefined);
        this.#controls[role].arm(strike);
        outcome = await this.#stopUnder(role, strike?.fault);
      }
      const left = phase === 'stop' ? undefined : strike?.fault;
      const afterwards = await this.#work(role, lane, unit.id, left);
      return outcome === 'unnoticed' ? afterwards : outcome;
    } finally {
      await this.line.lift(lane);
    }
  }

  /** Kills the process within a unit's work, so that there is something to recover from. */
  async #breakOff(role: Role, lane: Lane, id: string): Promise<void> {
    const { station } = this.line;
    const reached = station.child.next((event) => event.event === 'step' && event.step === 'prove');
    const scan = this.line.scan(lane, id).catch(() => undefined);
    await within(reached, 'a unit comes to its proof');
    await this.line[role].kill9();
    if (role === 'station') await scan;
    else this.#leftScan = scan;
  }
  async #startUnder(role: Role, strike: Strike | undefined): Promise<Outcome> {
    const process = this.line[role];
    const control = this.#controls[role];
    this.#armedAtStart = { role, strike };
    try {
      await within(process.start(), `${role} starts, or says why not`, startPatienceMs);
      // what the station had begun before the kill goes on, and with it the fault may strike yet
      await Promise.race([this.#leftScan, process.child.ends()]);
      this.#endCount(role);
      if (strike !== undefined && !this.#struck) return 'not-reached';
      if (!(await this.#isKilled(role, strike?.fault)) && !process.child.hasEnded) return 'unnoticed';
    } catch (error) {
      if (!control.struck) throw error;
      if (strike?.fault !== undefined && !isDeadly(strike.fault)) assertPlain(process.child.errorText);
    } finally {
      this.#armedAtStart = undefined;
      this.#endCount(role);
    }
    await this.#restart(role, strike?.fault);
    return isDeadly(strike!.fault) ? 'ended' : 'not-started';
  }

  async #stopUnder(role: Role, fault: Fault | undefined): Promise<Outcome> {
    await within(this.line[role].child.stop(), `${role} stops`);
    this.#endCount(role);
    await this.#restart(role, this.#struck ? fault : undefined);
    if (fault === undefined) return 'unnoticed';
    if (!this.#struck) return 'not-reached';
    return isDeadly(fault) ? 'ended' : 'unnoticed';
  }

  /** Scans until the unit passes. */
  async #work(role: Role, lane: Lane, id: string, fault: Fault | undefined): Promise<Outcome> {
    const process = this.line[role];
    const control = this.#controls[role];
    let outcome: Outcome = 'unnoticed';
    let refusals = 0;
    let last: ChildEvent | undefined;
    for (let scans = 0; scans < scansPerUnit; scans++) {
      const answer = await this.#scan(process, lane, id);
      last = answer ?? last;
      if (answer?.event === 'passed') {
        this.#endCount(role);
        if (fault !== undefined && !this.#struck) return 'not-reached';
        if (!(await this.#isKilled(role, fault))) return outcome;
        await this.#restart(role, fault);
        return 'ended';
      }
      if (process.child.hasEnded) {
        if (!control.struck) throw new Error(`${role} ended without a fault: ${process.child.errorText}`);
        if (!isDeadly(fault)) assertNoFaultOfItsOwn(process.child.errorText);
        await this.#restart(role, fault);
        outcome = isDeadly(fault) ? 'ended' : 'stopped';
        refusals = 0;
        continue;
      }
      if (/nobody is signed in/.test(String(answer?.message))) {
        await this.line.signIn();
        continue;
      }
      if (control.struck && fault !== undefined && !isDeadly(fault)) {
        if (outcome === 'unnoticed') outcome = 'went-on';
        if (role === 'serve' && fault !== 'reset') await this.#servesAndSays();
        if (++refusals >= refusalsBeforeRestart && outcome === 'went-on') {
          await this.#restart(role, fault);
          outcome = 'stopped';
        }
      }
    }
    throw new Error(`${id} is stuck: ${JSON.stringify(last)}`);
  }

  /** Whether a fault kills the process that runs now. What is struck in its last answer is on its way there: it is awaited. */
  async #isKilled(role: Role, fault: Fault | undefined): Promise<boolean> {
    if (!isDeadly(fault) || !this.#controls[role].struck) return false;
    await within(this.line[role].child.ends(), `${role} is killed`);
    return true;
  }

  /** The answer to a scan; undefined where the process under faults ended before. */
  async #scan(process: CrashProcess, lane: Lane, id: string): Promise<ChildEvent | undefined> {
    const { child } = process;
    const scan = this.line.scan(lane, id).catch(() => undefined);
    const gone = child.ends().then(() => undefined);
    const first = await within(Promise.race([scan, gone]), `a scan of ${id} is answered`);
    if (first !== undefined || !child.hasEnded) return first;
    // The authority is gone and the station asks on: it is started while that scan waits.
    if (process === this.line.serve) this.#leftScan = scan;
    return undefined;
  }

  /** Where a write failed, reads stay possible, and the authority's own log names the failure. */
  async #servesAndSays(): Promise<void> {
    const { errorText } = this.line.serve.child;
    if (!/committing to the log failed|the database failed|did not take the changes/.test(errorText)) {
      throw new Error(`the authority says nothing of a failed write: ${errorText}`);
    }
    for (const path of ['/checkpoint', '/ca/root.pem']) {
      const answer = await fetch(new URL(path, this.line.publicUrl));
      await answer.arrayBuffer();
      if (answer.status !== 200)
        throw new Error(`${path} is answered with ${answer.status} after a failed write`);
    }
  }

  /** Starts it without a fault, on what the fault left of its folder. */
  async #restart(role: Role, fault: Fault | undefined): Promise<void> {
    this.#endCount(role);
    await this.line[role].kill9();
    if (losesUnsynced(fault)) this.#loseUnsynced(role);
    await within(this.line[role].start(), `${role} starts again`, startPatienceMs);
    await this.#leftScan;
    this.#leftScan = Promise.resolve(undefined);
  }

  #loseUnsynced(role: Role): void {
    const { operations, disk } = this.#trace(role);
    for (const operation of operations) disk.apply(operation);
    const home = role === 'serve' ? this.line.authorityHome : this.line.stationHome;
    writeImage(disk.image('synced'), home);
  }

  /** What was counted stays, until the next arming. */
  #endCount(role: Role): void {
    const control = this.#controls[role];
    if (!control.isArmed) return;
    control.disarm();
    this.#counted = control.counts();
    this.#struck = control.struck;
  }
}

/** A station whose journal is gone starts as it did for the first time. */
function removeJournal(home: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(home, `journal.sqlite${suffix}`), { force: true });
}
