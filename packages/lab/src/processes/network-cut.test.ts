/** The network between a station and its authority: cut before a request, after it, before its answer, and at the last word. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CrashLine, type Lane } from './crash-line.ts';
import { judge, ofType, readLog } from './judgement.ts';
import { seeded } from './seeded.ts';
import { isAfterHello, isTlsData } from './wire.ts';

const seed = 20260111;
const lanes = 4;
const unitsInStorm = 20;
const shares = { cut: 0.08, 'cut-reply': 0.12, delay: 0.1 };
const mostDelayMs = 40;

describe(`a network that is cut (seed ${seed})`, { timeout: 120_000 }, () => {
  let line: CrashLine;
  before(async () => {
    line = await CrashLine.start({ name: 'network', devices: unitsInStorm + 4, lanes });
  });
  after(() => line.close());

  it('I-22, I-29: requests and answers that are lost and repeated come to one certificate and one record a unit', async () => {
    const draw = seeded(seed);
    line.network.judge = (bytes) => {
      if (!isTlsData(bytes)) return 'pass';
      const drawn = draw();
      if (drawn < shares.cut) return 'cut';
      if (drawn < shares.cut + shares['cut-reply']) return 'cut-reply';
      return drawn < shares.cut + shares['cut-reply'] + shares.delay ? draw() * mostDelayMs : 'pass';
    };
    const people = line.lanes.map(async (lane) => {
      while (line.unitsUsed < unitsInStorm) {
        const unit = line.newUnit();
        const verdict = await line.work(lane, unit);
        assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
      }
    });
    await Promise.all(people);
    line.network.judge = () => 'pass';
    const { counts } = line.network;
    for (const kind of ['cut', 'cut-reply', 'delayed'] as const)
      assert.ok(counts[kind] >= 5, `${kind} struck`);
    const entries = await readLog(line);
    for (const type of [
      'job.opened',
      'attempt.started',
      'credential.intended',
      'credential.issued',
      'job.completed',
    ] as const) {
      assert.equal(ofType(entries, type).length, line.unitsUsed, type);
    }
  });

  /** Lays a new unit into the first lane; `strike` is called when it is about to attest, with all but the last word said. */
  async function untilAttest(
    strike: () => void,
  ): Promise<{ lane: Lane; id: string; scan: Promise<unknown> }> {
    const [lane] = line.lanes as [Lane];
    const { unit, id } = line.newUnit();
    await line.lay(lane, unit);
    const reached = Promise.withResolvers<void>();
    lane.wire.judge = (bytes) => {
      if (bytes.includes('"cmd":"attest"')) {
        strike();
        reached.resolve();
      }
      return 'pass';
    };
    const scan = line.scan(lane, id);
    await reached.promise;
    return { lane, id, scan };
  }

  const passed = (id: string) =>
    line.events.some((event) => event.event === 'passed' && event.device_id === id);
  const isCompleted = async (id: string) =>
    ofType(await readLog(line), 'job.completed').some(({ data }) => data.device_id === id);

  it('I-27: with the last request unsent, no PASS is shown until the authority has it', async () => {
    const { id, scan } = await untilAttest(() => line.network.unplug());
    await line.network.refused(2);
    assert.equal(await isCompleted(id), false);
    assert.equal(passed(id), false);
    line.network.plug();
    await scan;
    assert.equal(passed(id), true);
    assert.equal(await isCompleted(id), true);
  });

  it('I-27: with the last answer unheard, no PASS is shown although the authority has it', async () => {
    const { lane, id, scan } = await untilAttest(() => {
      line.network.judge = (bytes) => (isAfterHello(bytes) ? 'mute' : 'pass');
    });
    await line.until(() => isCompleted(id));
    line.network.unplug();
    await line.network.refused(2);
    assert.equal(passed(id), false);
    line.network.judge = () => 'pass';
    line.network.plug();
    await scan;
    assert.equal(passed(id), true);
    await line.lift(lane);
  });

  it('I-2, I-7, I-15, I-23, I-26: log, tables and units agree', async () => {
    for (const lane of line.lanes) await line.lift(lane);
    await judge(line, line.unitsUsed);
  });
});
