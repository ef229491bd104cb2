import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ImprintError } from '@imprint/contract/errors';
import { Fixture } from '@imprint/sim/fixture';
import type { SimulatedUnit } from '@imprint/sim/simulated-unit';
import type { AuthorityDoubleOptions } from './authority.double.ts';
import { Bench, FixtureLink, gatewayIds, hurriedTimers, sensorText } from './bench.double.ts';
import { SpoolLabelPrinter } from './label.ts';
import { Line } from './line.ts';
import type { LineEvent } from './line-event.ts';
import { recover } from './recover.ts';
import type { LaneSettings } from './station-home.ts';

const [id1, id2, id3] = gatewayIds as [string, string, string];

/** A line of lanes over a bench: each lane has a fixture, the authority is the bench's. */
class LineBench {
  readonly bench: Bench;
  readonly fixtures = new Map<number, Fixture>();
  readonly events: LineEvent[] = [];
  line!: Line;
  readonly #lanes: LaneSettings[];

  constructor(
    lanes: number,
    options: Partial<AuthorityDoubleOptions> = {},
    operations: LaneSettings['operation'][] = [],
  ) {
    this.bench = new Bench(options);
    this.#lanes = Array.from({ length: lanes }, (_, at) => ({
      lane: at + 1,
      port: `fixture-${at + 1}`,
      operation: operations[at] ?? 'provision',
    }));
    for (const { lane } of this.#lanes) this.fixtures.set(lane, new Fixture());
  }

  async start(): Promise<this> {
    const { bench } = this;
    const session = await bench.session();
    this.line = new Line(
      {
        lanes: this.#lanes,
        authority: bench.authority,
        outbox: bench.outbox(),
        journal: bench.journal,
        timers: hurriedTimers,
        labels: new SpoolLabelPrinter(join(bench.folder, 'labels')),
        emit: (event) => this.events.push(event),
        newRequestId: () => randomBytes(16).toString('hex'),
        linkTo: ({ lane }) => new FixtureLink(this.fixtures.get(lane)!),
        openSession: async () => {
          await bench.renew();
          return bench.session();
        },
      },
      session,
    );
    return this;
  }

  load(lane: number, unit: SimulatedUnit = this.bench.newUnit()): SimulatedUnit {
    this.fixtures.get(lane)!.load(unit);
    return unit;
  }

  async scan(...lines: string[]): Promise<void> {
    for (const line of lines) await this.line.scan(line);
  }

  /** Waits for an event of this kind; the work is real, so it comes. */
  async until<K extends LineEvent['event']>(kind: K): Promise<Extract<LineEvent, { event: K }>> {
    for (;;) {
      const found = this.events.find((event) => event.event === kind);
      if (found) return found as Extract<LineEvent, { event: K }>;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  of<K extends LineEvent['event']>(kind: K): Extract<LineEvent, { event: K }>[] {
    return this.events.filter((event) => event.event === kind) as Extract<LineEvent, { event: K }>[];
  }

  [Symbol.dispose](): void {
    for (const fixture of this.fixtures.values()) fixture.unload();
    this.bench[Symbol.dispose]();
  }
}

describe('a line of several lanes', { timeout: 60_000 }, () => {
  it('works on a unit in each lane at once', async () => {
    using line = await new LineBench(3).start();
    for (const lane of [1, 2, 3]) line.load(lane);
    await line.scan('OP-1001', `LANE-1 ${id1}`, 'LANE-2', id2, `LANE-3 ${id3}`);
    await line.line.idle();
    assert.deepEqual(
      line
        .of('passed')
        .map((event) => [event.lane, event.device_id])
        .sort(),
      [
        [1, id1],
        [2, id2],
        [3, id3],
      ],
    );
    assert.deepEqual(line.of('yield').at(-1), {
      event: 'yield',
      first_pass: 3,
      retested: 0,
      failed: 0,
      quarantined: 0,
    });
  });

  it('takes no unit before a badge was scanned, nor after it was scanned again', async () => {
    using line = await new LineBench(1).start();
    line.load(1);
    await line.scan(id1);
    assert.match(line.of('refused')[0]!.hint, /badge/);
    await line.scan('OP-1001', 'OP-1001', id1);
    assert.deepEqual(
      line.of('shift').map((event) => event.open),
      [true, false],
    );
    assert.equal(line.of('started').length, 0);
    assert.ok(!JSON.stringify(line.events).includes('OP-1001'), 'I-19: the badge is in no event');
  });

  it('I-19: a badge that was scanned badly stands in no event', async () => {
    using line = await new LineBench(1).start();
    const scans = [
      'op-4711',
      'LANE-1OP-4711',
      'CARRIER-OP-4711',
      'OP-4711 OP-4711',
      'OP-4711!',
      'PASS-OP-4711',
    ];
    await line.scan(...scans, 'GW-OP-4711', `${id1}OP-4711`, 'OP-4711 op-4711');
    assert.equal(line.of('refused').length, scans.length + 3);
    assert.ok(!JSON.stringify(line.events).includes('4711'));
  });

  it('an open shift survives a restart of the station', async () => {
    using line = await new LineBench(1).start();
    await line.scan('OP-1001');
    await line.bench.restart();
    await line.start();
    line.load(1);
    await line.scan(id1);
    await line.line.idle();
    assert.equal(line.of('passed').length, 1);
  });

  it('refuses a scan without a lane, a lane that is not there, a lane at work and an ID at work elsewhere', async () => {
    using line = await new LineBench(2).start();
    line.load(1);
    line.load(2);
    await line.scan('OP-1001', id1, 'LANE-9', `LANE-1 ${id1}`, `LANE-1 ${id2}`, `LANE-2 ${id1}`);
    assert.deepEqual(
      line.of('refused').map((event) => event.message),
      [
        'it is not clear which lane this scan is for',
        'this station has no lane 9',
        `lane 1 is at work on ${id1}`,
        `${id1} is at work on lane 1`,
      ],
    );
    await line.line.idle();
    assert.equal(line.of('passed').length, 1);
  });

  it('a scanned lane counts for one unit, so that a second scan cannot slip into it', async () => {
    using line = await new LineBench(2).start();
    line.load(1);
    await line.scan('OP-1001', 'LANE-1', id1);
    await line.line.idle();
    await line.scan(id2);
    assert.match(line.of('refused')[0]!.message, /which lane/);
  });

  it('refuses a wrong check character and an unknown grammar before the authority hears of it', async () => {
    using line = await new LineBench(1).start();
    await line.scan('OP-1001', 'GW-M1260000018', 'SN-00012345');
    assert.deepEqual(
      line.of('refused').map((event) => event.scan),
      ['"GW-M1260000018"', '"SN-00012345"'],
    );
    assert.match(line.of('refused')[0]!.message, /check character/);
    assert.ok(!line.bench.authority.calls.some((call) => call.route === 'openJob'));
  });

  it('counts a unit that passed after a failure as retested', async () => {
    using line = await new LineBench(1).start();
    const unit = line.load(1);
    await line.scan('OP-1001', id1, 'CANCEL');
    await line.line.idle();
    assert.equal(line.of('failed')[0]!.failure_code, 'operator_cancelled');
    line.load(1, unit);
    await line.scan(id1);
    await line.line.idle();
    assert.deepEqual(line.of('yield').at(-1), {
      event: 'yield',
      first_pass: 0,
      retested: 1,
      failed: 1,
      quarantined: 0,
    });
  });

  it('carrier and position go into the attempt', async () => {
    using line = await new LineBench(1).start();
    line.load(1);
    await line.scan('OP-1001', 'CARRIER-A7 POS-2', id1);
    await line.line.idle();
    const opened = line.bench.authority.calls.find((call) => call.route === 'openJob');
    assert.deepEqual(opened?.request.where, { lane: 1, carrier: 'A7', position: 2 });
  });

  it('prints the label at the end and waits until it is scanned back', async () => {
    const deviceIds = ['SEA2222222K'];
    using line = await new LineBench(2, { contractText: sensorText, deviceIds }, [
      'provision',
      'seal',
    ]).start();
    const unit = line.load(1);
    await line.scan('OP-1001', 'LANE-1 NEXT');
    await line.line.idle();
    line.load(2, unit);
    await line.scan('LANE-2 NEXT');
    assert.deepEqual(await line.until('label'), {
      event: 'label',
      lane: 2,
      device_id: 'SEA2222222K',
      mode: 'at-end',
    });
    assert.match(
      readFileSync(join(line.bench.folder, 'labels', 'SEA2222222K.txt'), 'utf8'),
      /^(datamatrix|qr|code128)\nSEA2222222K\n$/,
    );
    await line.scan('LANE-2 SEA2222222K');
    await line.line.idle();
    assert.deepEqual(
      line.of('passed').map((event) => event.state),
      ['proven', 'done'],
    );
  });

  it('stops at the next step when it is told to, with every unit resumable', async () => {
    using line = await new LineBench(1).start();
    const unit = line.load(1);
    await line.scan('OP-1001', id1);
    await line.line.stop('the station was stopped');
    const [failed] = line.of('failed');
    assert.equal(failed?.failure_code, 'operator_cancelled');
    await line.bench.restart();
    await line.start();
    line.load(1, unit);
    await line.scan(id1);
    await line.line.idle();
    assert.equal(line.of('passed').length, 1);
  });

  it('fails closed: a disk that takes nothing more stops every lane', async () => {
    using line = await new LineBench(2).start();
    line.load(1);
    await line.scan('OP-1001');
    const full = () => {
      throw new ImprintError('storage_failed', 'no space left on device', { context: { journal: true } });
    };
    line.bench.journal.recordStep = full;
    await line.scan(`LANE-1 ${id1}`);
    await line.line.idle();
    assert.equal(line.of('failed')[0]!.failure_code, 'station_failed');
    assert.equal(line.of('stopped').length, 1);
    await line.scan(`LANE-2 ${id2}`);
    assert.equal(line.of('started').length, 1, 'no unit is taken any more');
  });
});

describe('a station that the authority no longer knows', () => {
  it('I-11: stops at the first refusal and takes no unit any more', async () => {
    for (const code of ['station_revoked', 'station_session_taken'] as const) {
      using line = await new LineBench(1).start();
      line.load(1);
      await line.scan('OP-1001');
      const call = line.bench.authority.call.bind(line.bench.authority);
      line.bench.authority.call = async (route, params, request) => {
        if (route === 'reportWritten') throw new ImprintError(code, 'not any more');
        return call(route, params, request);
      };
      await line.scan(id1);
      await line.line.idle();
      assert.equal(line.of('failed')[0]?.failure_code, 'authority_refused');
      assert.equal(line.of('stopped').length, 1);
      await line.scan(id2);
      assert.equal(line.of('started').length, 1);
    }
  });

  it('I-11: stops as well where what is refused is no unit but the result of an operation', async () => {
    using line = await new LineBench(1).start();
    await line.scan('OP-1001');
    line.bench.authority.call = async () => {
      throw new ImprintError('station_session_taken', 'another session began after this one');
    };
    await line.scan(`PASS-calibration ${id1}`);
    assert.match(line.of('refused')[0]!.message, /another session/);
    assert.equal(line.of('stopped').length, 1);
    await line.scan(`PASS-calibration ${id1}`);
    assert.equal(line.of('refused').length, 1, 'nothing is taken any more');
  });
});

describe('samples', { timeout: 60_000 }, () => {
  const past = '2020-01-01T00:00:00.000Z';

  it('a station whose golden sample is due takes no other unit until it proved itself', async () => {
    const samples = [{ device_id: id1, kind: 'golden' as const, due_at: past }];
    using line = await new LineBench(1, { samples }).start();
    const golden = line.bench.newUnit();
    assert.equal((await line.bench.run(golden, id1)).event, 'passed', 'the sample is made on another day');
    line.load(1);
    await line.scan('OP-1001', id2);
    assert.match(line.of('refused')[0]!.message, /golden sample .* is due/);
    line.load(1, golden);
    await line.scan('GOLDEN', id1);
    await line.line.idle();
    assert.equal(line.of('passed')[0]!.state, 'checked');
    assert.equal(line.bench.authority.checks.at(-1)?.outcome, 'pass');
    line.load(1);
    await line.scan(id2);
    await line.line.idle();
    assert.equal(line.of('passed')[1]!.state, 'done');
    assert.equal(line.of('yield').length, 1, 'a sample is no yield');
  });

  it('a must-fail sample passes its check where it is found out, and fails it where it passes', async () => {
    const samples = [{ device_id: id1, kind: 'must-fail' as const, due_at: past }];
    for (const isGood of [true, false]) {
      using line = await new LineBench(1, { samples }).start();
      const sample = line.bench.newUnit();
      await line.bench.run(sample, id1);
      if (!isGood) sample.board.keySlot.generate('ec-p256');
      line.load(1, sample);
      await line.scan('OP-1001', id1);
      await line.line.idle();
      assert.equal(line.of(isGood ? 'failed' : 'passed').length, 1, JSON.stringify(line.events.at(-1)));
      assert.equal(line.bench.authority.checks.at(-1)?.outcome, isGood ? 'pass' : 'fail');
    }
  });

  it('at packing a unit whose key was put in its place by somebody else is found', async () => {
    using line = await new LineBench(1, {}, ['pack']).start();
    const honest = line.bench.newUnit();
    const forged = line.bench.newUnit();
    await line.bench.run(honest, id1);
    await line.bench.run(forged, id2);
    forged.board.keySlot.generate('ec-p256');
    line.load(1, honest);
    await line.scan('OP-1001', id1);
    await line.line.idle();
    line.load(1, forged);
    await line.scan(id2);
    await line.line.idle();
    assert.deepEqual(
      line.of('passed').map((event) => event.device_id),
      [id1],
    );
    assert.equal(line.of('failed')[0]?.device_id, id2);
  });

  it('at packing a unit with an open debug port passes by its exception, and not without one', async () => {
    using line = await new LineBench(1, {}, ['pack']).start();
    const { authority } = line.bench;
    authority.excepted.add(id1).add(id2);
    const [trial, other] = [line.bench.newUnit(), line.bench.newUnit()];
    await line.bench.run(trial, id1);
    await line.bench.run(other, id2);
    authority.excepted.delete(id2);
    line.load(1, trial);
    await line.scan('OP-1001', id1);
    await line.line.idle();
    line.load(1, other);
    await line.scan(id2);
    await line.line.idle();
    assert.deepEqual(
      line.of('passed').map((event) => event.device_id),
      [id1],
    );
    assert.equal(line.of('failed')[0]?.failure_code, 'debug_lock_wrong');
  });
});

describe('a station that starts again', () => {
  it('I-24: ends the attempts that were broken off, so that their leases are free, and forgets them', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    const visit = await bench.visit(id1);
    bench.fixture.load(unit);
    const { openJob } = await import('./steps/open.ts');
    const { identify } = await import('./steps/identify.ts');
    const { job } = await openJob(visit, await identify(visit), () => undefined);
    assert.equal(bench.authority.jobs.get(job.job_id)?.active, true);
    await bench.restart();
    const recovered = await recover(bench.journal, bench.outbox(), () => new Date(), 30);
    assert.deepEqual(recovered.endedAttempts, [id1]);
    assert.equal(bench.authority.jobs.get(job.job_id)?.active, false);
    assert.equal(bench.authority.ended.at(-1)?.failure_code, 'station_failed');
    assert.deepEqual(bench.journal.openAttempts(), []);
  });

  it('I-24: a lost journal costs nothing: the unit goes on from what it holds', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    bench.authority.loss = (route) => (route === 'submitProof' ? 'request' : undefined);
    assert.equal((await bench.run(unit, id1)).event, 'failed');
    bench.journal.close();
    rmSync(join(bench.folder, 'journal.sqlite'));
    bench.authority.loss = () => undefined;
    await bench.restart();
    const outcome = await bench.run(unit, id1);
    assert.equal(outcome.event, 'passed', JSON.stringify(outcome));
    assert.equal(bench.authority.issued.length, 1);
  });
});
