/**
 * The line as one station has it: its lanes side by side, one unit each, the operator's shift, samples that are due and
 * the count of what passed. It hands a scan to the lane that it is meant for, or refuses it with a sentence.
 */
import { type DeviceId, parseDeviceId } from '@imprint/contract/device-id';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { quoteText } from '@imprint/contract/quote-text';
import type { AuthorityClient } from './authority-client.ts';
import { checkUnit, type Purpose } from './check-unit.ts';
import type { DutLink } from './dut-link.ts';
import { DutSession } from './dut-session.ts';
import type { Journal } from './journal.ts';
import type { LabelPrinter } from './label.ts';
import type { Emit } from './line-event.ts';
import { LineFailure, stopsStation } from './line-failure.ts';
import type { Outbox } from './outbox.ts';
import { type Outcome, provisionUnit } from './procedure.ts';
import { hideBadges, parseScanLine, type ScanLine } from './scan-line.ts';
import { Shift } from './shift.ts';
import type { LaneSettings } from './station-home.ts';
import type { StationSession } from './station-session.ts';
import type { Timers } from './timers.ts';
import type { Visit } from './visit.ts';
import { YieldCounter } from './yield-counter.ts';

export interface LineOptions {
  lanes: readonly LaneSettings[];
  authority: AuthorityClient;
  outbox: Outbox;
  journal: Journal;
  timers: Timers;
  labels: LabelPrinter;
  emit: Emit;
  newRequestId: () => string;
  linkTo(lane: LaneSettings): DutLink;
  openSession(): Promise<StationSession>;
}

interface Lane {
  settings: LaneSettings;
  carrier: string | null;
  position: number | null;
  /** The next unit is a sample. */
  golden: boolean;
  work: LaneWork | null;
}

interface LaneWork {
  deviceId: string | null;
  abort: AbortController;
  done: Promise<void>;
  /** Set while the lane waits for its label to be scanned back. */
  giveLabel: ((scanned: string) => void) | null;
}

export class Line {
  readonly #options: LineOptions;
  readonly #lanes: Map<number, Lane>;
  readonly #shift: Shift;
  readonly #yield = new YieldCounter();
  readonly #checked = new Set<string>();
  #session: StationSession;
  #selected: number | null = null;
  #result: ScanLine['result'] | null = null;
  #scans: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LineOptions, session: StationSession) {
    this.#options = options;
    this.#session = session;
    const lanes = options.lanes.map((settings) => ({
      settings,
      carrier: null,
      position: null,
      golden: false,
      work: null,
    }));
    this.#lanes = new Map(lanes.map((lane) => [lane.settings.lane, lane]));
    this.#shift = new Shift(options);
  }

  /** One line from the reader. Scans are taken in order; the work that they begin runs beside them. */
  scan(line: string): Promise<void> {
    this.#scans = this.#scans.then(async () => {
      if (this.#stopped) return;
      try {
        await this.#take(parseScanLine(line));
      } catch (error) {
        this.#refuse(null, line, error);
        if (stopsStation(error)) this.#halt((error as Error).message);
      }
    });
    return this.#scans;
  }

  /** Takes no more work and waits until every lane is idle; units at work stop at their next step, resumable. */
  async stop(reason: string): Promise<void> {
    this.#stopped = true;
    await this.#scans;
    const works = [...this.#lanes.values()].flatMap((lane) => lane.work ?? []);
    for (const work of works) work.abort.abort(reason);
    await Promise.all(works.map((work) => work.done));
  }

  /** Resolves when no lane is at work. */
  async idle(): Promise<void> {
    await this.#scans;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.work?.done));
  }

  get isHalted(): boolean {
    return this.#stopped;
  }

  async #take(scan: ScanLine): Promise<void> {
    if (scan.badge !== undefined) await this.#shift.badge(scan.badge);
    if (await this.#takeResult(scan)) return;
    const lane = this.#address(scan);
    if (scan.carrier !== undefined || scan.position !== undefined) {
      lane.carrier = scan.carrier ?? null;
      lane.position = scan.position ?? null;
    }
    if (scan.word === 'CANCEL') return cancel(lane);
    if (scan.word === 'GOLDEN') lane.golden = true;
    if (scan.deviceId !== undefined) return this.#device(lane, scan.deviceId);
    if (scan.word === 'NEXT') return this.#begin(lane, null);
    if (scan.lane !== undefined || scan.carrier !== undefined || scan.position !== undefined) {
      this.#options.emit({
        event: 'lane_selected',
        lane: lane.settings.lane,
        carrier: lane.carrier,
        position: lane.position,
      });
    }
  }

  /** An operation that is not ours passed or failed: the result and the unit come in one line, or one after the other. */
  async #takeResult({ result, deviceId }: ScanLine): Promise<boolean> {
    const waiting = this.#result;
    this.#result = null;
    const reported = result ?? (deviceId === undefined ? null : waiting);
    if (!reported) return false;
    this.#shift.require();
    if (deviceId === undefined) {
      this.#result = reported;
      return true;
    }
    const told = {
      device_id: await this.#checkedId(deviceId),
      ...reported,
      shift_id: this.#shift.id,
      note: null,
    };
    const { device_state } = await this.#options.outbox.send('reportOperation', {}, told);
    this.#options.emit({ event: 'reported', device_id: deviceId, ...reported, device_state });
    return true;
  }

  /** The lane that a scan is for: named in it, selected before, or the only one there is. */
  #address(scan: ScanLine): Lane {
    if (scan.lane !== undefined) this.#selected = scan.lane;
    const only = this.#lanes.size === 1 ? [...this.#lanes.keys()][0]! : null;
    const number = scan.lane ?? this.#selected ?? only;
    // A badge alone concerns no lane; any stands for all.
    const fallback = scan.badge !== undefined ? [...this.#lanes.values()][0] : undefined;
    const lane = number === null ? fallback : this.#lanes.get(number);
    if (lane) return lane;
    if (number !== null) {
      if (this.#selected === number) this.#selected = null;
      throw new ImprintError('bad_request', `this station has no lane ${number}`, {
        hint: 'Scan a barcode of one of its lanes.',
      });
    }
    throw new ImprintError('bad_request', 'it is not clear which lane this scan is for', {
      hint: 'Scan the barcode of the lane first, then the unit.',
    });
  }

  async #device(lane: Lane, scanned: string): Promise<void> {
    const { work } = lane;
    if (work?.giveLabel) return work.giveLabel(scanned);
    if (work) {
      throw new ImprintError(
        'bad_request',
        `lane ${lane.settings.lane} is at work on ${work.deviceId ?? 'a unit'}`,
        {
          hint: 'Wait for its PASS or FAIL. This scan was not taken.',
        },
      );
    }
    const elsewhere = [...this.#lanes.values()].find((other) => other.work?.deviceId === scanned);
    if (elsewhere) {
      throw new ImprintError('bad_request', `${scanned} is at work on lane ${elsewhere.settings.lane}`, {
        hint: 'Scan the label of the unit that lies in this lane.',
      });
    }
    return this.#begin(lane, await this.#checkedId(scanned));
  }

  /** The ID under the grammar of one of this station's orders; orders that came since are asked for once. */
  async #checkedId(scanned: string): Promise<DeviceId> {
    const parse = async (): Promise<DeviceId | ImprintError> => {
      const contracts = await this.#session.orderContracts();
      let refusal: ImprintError | undefined;
      for (const { contract } of contracts) {
        try {
          return parseDeviceId(scanned, contract.identity.grammar);
        } catch (error) {
          if (!isImprintError(error)) throw error;
          if (refusal?.code !== 'device_id_check_wrong') refusal = error;
        }
      }
      // Where no order is open, the authority still knows the finished units of former ones.
      return refusal ?? (scanned as DeviceId);
    };
    let parsed = await parse();
    if (parsed instanceof ImprintError && this.#isIdle) {
      await this.#renewSession();
      parsed = await parse();
    }
    if (parsed instanceof ImprintError) throw parsed;
    return parsed;
  }

  get #isIdle(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.work === null);
  }

  /** Only while nothing is at work: requests of the old session would be refused from then on. */
  async #renewSession(): Promise<void> {
    this.#session = await this.#options.openSession();
    this.#checked.clear();
  }

  async #begin(lane: Lane, deviceId: DeviceId | null): Promise<void> {
    if (lane.work)
      throw new ImprintError('bad_request', `lane ${lane.settings.lane} is at work`, {
        hint: 'Wait for its PASS or FAIL.',
      });
    this.#shift.require();
    // One that was registered since this session began is asked for once.
    if (lane.golden && !this.#sample(deviceId) && this.#isIdle) await this.#renewSession();
    const sample = this.#sample(deviceId);
    if (lane.golden && !sample) {
      lane.golden = false;
      throw new ImprintError('bad_request', `${deviceId ?? 'this unit'} is not a sample of this station`, {
        hint: 'Scan GOLDEN again, then the label of the golden or must-fail sample.',
      });
    }
    const purpose: Purpose | null = sample?.kind ?? (lane.settings.operation === 'pack' ? 'pack' : null);
    if (!sample) this.#refuseOverdue();
    lane.golden = false;
    if (this.#lanes.size > 1) this.#selected = null;
    const abort = new AbortController();
    const work: LaneWork = { deviceId, abort, giveLabel: null, done: Promise.resolve() };
    lane.work = work;
    this.#options.emit({ event: 'started', lane: lane.settings.lane, device_id: deviceId });
    const visit = this.#visit(lane, work);
    const run = purpose === null ? provisionUnit(visit) : checkUnit(visit, deviceId ?? '', purpose);
    work.done = run.then((outcome) => this.#finish(lane, outcome, sample !== undefined));
  }

  #sample(deviceId: DeviceId | null) {
    return this.#session.view.samples.find((each) => each.device_id === deviceId);
  }

  /** A station that may no longer tell good from bad takes no work. */
  #refuseOverdue(): void {
    const now = this.#session.serverTime().toISOString();
    const overdue = this.#session.view.samples.find(
      (each) => each.due_at <= now && !this.#checked.has(each.device_id),
    );
    if (!overdue) return;
    throw new ImprintError('sample_overdue', `the ${overdue.kind} sample ${overdue.device_id} is due`, {
      hint: `Lay ${overdue.device_id} into a lane and scan it. No other unit is taken before.`,
    });
  }

  #visit(lane: Lane, work: LaneWork): Visit {
    const { outbox, journal, timers, labels, emit, linkTo } = this.#options;
    const { settings, carrier, position } = lane;
    return {
      place: { lane: settings.lane, carrier, position },
      operation: settings.operation === 'seal' ? 'seal' : 'provision',
      scanned: work.deviceId,
      shiftId: this.#shift.id,
      dut: new DutSession(linkTo(settings), timers),
      station: this.#session,
      outbox,
      journal,
      timers,
      emit,
      signal: work.abort.signal,
      halt: (reason) => this.#halt(reason),
      printLabel: async (deviceId, symbology) => void (await labels.print(deviceId, symbology)),
      scanLabel: (deviceId, mode) => {
        emit({ event: 'label', lane: settings.lane, device_id: deviceId, mode });
        return new Promise((resolve, reject) => {
          const cancelled = () =>
            reject(new LineFailure('operator_cancelled', 'the label was not scanned back'));
          work.abort.signal.addEventListener('abort', cancelled, { once: true });
          work.giveLabel = (scanned) => {
            work.giveLabel = null;
            work.abort.signal.removeEventListener('abort', cancelled);
            resolve(scanned);
          };
        });
      },
    };
  }

  async #finish(lane: Lane, outcome: Outcome, isSample: boolean): Promise<void> {
    lane.work = null;
    this.#options.emit(outcome);
    if (isSample && outcome.event === 'passed') this.#checked.add(outcome.device_id);
    const counts = isSample ? undefined : this.#yield.add(outcome);
    if (counts) this.#options.emit({ event: 'yield', ...counts });
  }

  /** Fails closed: nothing more is begun, and what is at work stops at its next step. */
  #halt(reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const { work } of this.#lanes.values()) work?.abort.abort(reason);
    this.#options.emit({ event: 'stopped', reason });
  }

  #refuse(lane: number | null, line: string, error: unknown): void {
    if (!isImprintError(error)) throw error;
    const hint = error.hint ?? 'Scan again; if it stays, call the line lead.';
    const scan = hideBadges(quoteText(line.trim()));
    this.#options.emit({ event: 'refused', lane, scan, message: hideBadges(error.message), hint });
  }
}

function cancel(lane: Lane): void {
  lane.golden = false;
  lane.work?.abort.abort('the operator cancelled');
}
