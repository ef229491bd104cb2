/**
 * The people at the demo's line: one at each lane who lays a unit in, scans its label, reads PASS or FAIL and does what
 * the screen says, and one at each packing place who checks what is done.
 */
import { Boards } from './boards.ts';
import type { ChildEvent } from './child.ts';
import type { DemoLine, Fixture, Tray } from './line-setup.ts';
import type { Progress } from './progress.ts';

/** A person scans a unit again this often at most; then a supervisor would come. */
const scansPerUnit = 12;

interface Labelled {
  unit: number;
  deviceId: string;
}

/** Works until every unit of every tray has its outcome. */
export async function workOrder(line: DemoLine, progress: Progress): Promise<void> {
  const forget = line.station.onEvent((event) => watch(event, progress));
  try {
    await Promise.all(line.trays.map((tray) => workTray(line, tray, progress)));
  } finally {
    forget();
  }
}

function watch(event: ChildEvent, progress: Progress): void {
  if (event.event === 'step')
    progress.step(Number(event.lane), String(event.device_id ?? '—'), String(event.step));
  if (event.event !== 'passed' && event.event !== 'failed') return;
  progress.leave(Number(event.lane));
  progress.spent(event.durations_ms as Record<string, number>);
  if (event.event === 'failed') progress.failedAttempts++;
}

async function workTray(line: DemoLine, tray: Tray, progress: Progress): Promise<void> {
  const waiting: Labelled[] = Array.from({ length: tray.units }, (_, index) => {
    const unit = tray.firstUnit + index;
    return { unit, deviceId: line.deviceIds[unit - 1]! };
  });
  const packer = new Packer(line, tray, progress);
  const boards = new Boards(tray);
  const forget = [tray.sim.onEvent(boards.moved), line.station.onEvent(boards.stepped)];
  await Promise.all(
    tray.lanes.map(async (lane) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const done = await workUnit(line, lane, next, boards, progress);
        if (done) packer.add({ ...next, unit: boards.of(next.unit) });
      }
    }),
  );
  await packer.finish();
  for (const each of forget) each();
}

/** One unit in one lane, scanned until it passes or the screen says to set it aside; true where it is done. */
async function workUnit(
  line: DemoLine,
  place: Fixture & { lane: number },
  { unit, deviceId }: Labelled,
  boards: Boards,
  progress: Progress,
): Promise<boolean> {
  const begunSeconds = progress.seconds;
  let last: ChildEvent | undefined;
  let scans = 0;
  const end = (outcome: 'done' | 'quarantined' | 'unfinished') => {
    const reason = outcome === 'done' ? null : `${last?.step ?? 'scan'}: ${last?.message ?? 'no answer'}`;
    progress.end({ unit, deviceId, outcome, reason, seconds: progress.seconds - begunSeconds, scans });
  };
  while (scans < scansPerUnit) {
    scans++;
    boards.clear(place.lane);
    await lay(place, boards.of(unit));
    last = await line.station.ask(`LANE-${place.lane} ${deviceId}`, (event) => isVerdict(event, place.lane));
    await lift(place);
    if (last.event === 'passed' || last.job_id) boards.bind(unit, place.lane);
    // Another board was taken for this one, and nothing was opened for it: the right one is laid in.
    else if (boards.wasAnother(unit, place.lane)) continue;
    if (last.event === 'passed') {
      end('done');
      return true;
    }
    if (last.consequence === 'quarantine' || last.attempts_left === 0 || isSetAside(last)) {
      end('quarantined');
      return false;
    }
  }
  end('unfinished');
  return false;
}

/** PASS, FAIL or a refused scan of this lane: what the person at the lane waits for. */
function isVerdict(event: ChildEvent, lane: number): boolean {
  return (
    (event.event === 'passed' || event.event === 'failed' || event.event === 'refused') && event.lane === lane
  );
}

/** The authority knows this unit as set aside, from a swap on another lane. */
function isSetAside(event: ChildEvent): boolean {
  return (
    event.event === 'failed' &&
    event.consequence === 'stop' &&
    /set aside|quarantine/i.test(String(event.message))
  );
}

async function lay({ sim, fixture }: Fixture, unit: number): Promise<void> {
  // Another lane may hold this very unit for a moment, where a swap took it out of the tray: its person puts it back.
  for (;;) {
    const answer = await sim.askInTurn(
      JSON.stringify({ load: { fixture, unit } }),
      ({ event }) => event === 'loaded' || event === 'refused',
    );
    if (answer.event === 'loaded') return;
  }
}

async function lift({ sim, fixture }: Fixture): Promise<void> {
  await sim.askInTurn(JSON.stringify({ unload: { fixture } }), ({ event }) => event === 'unloaded');
}

/** Packs the units of one tray, one after another, on the other station. */
class Packer {
  readonly #line: DemoLine;
  readonly #tray: Tray;
  readonly #progress: Progress;
  #work: Promise<void> = Promise.resolve();

  constructor(line: DemoLine, tray: Tray, progress: Progress) {
    this.#line = line;
    this.#tray = tray;
    this.#progress = progress;
  }

  add(labelled: Labelled): void {
    this.#work = this.#work.then(() => this.#pack(labelled));
  }

  finish(): Promise<void> {
    return this.#work;
  }

  async #pack({ unit, deviceId }: Labelled): Promise<void> {
    const place = this.#tray.packing;
    for (let scans = 0; scans < scansPerUnit; scans++) {
      await lay(place, unit);
      const verdict = await this.#line.packing.ask(`LANE-${place.lane} ${deviceId}`, (event) =>
        isVerdict(event, place.lane),
      );
      await lift(place);
      if (verdict.event === 'passed') {
        this.#progress.packed++;
        return;
      }
    }
  }
}
