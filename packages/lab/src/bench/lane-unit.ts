/**
 * A fixture with simulated units in a process of its own, as a unit has a processor of its own: started by `fork`, it opens
 * a TCP port paced at the given baud rate, lays unit after unit in, and tells what each had to do.
 */
import { openTcpFixture } from '@imprint/sim/tcp-fixture';
import { makeUnit, type UnitPlan } from '@imprint/sim/unit-plan';
import { LateTiming } from './late-timing.ts';

/** What the parent asks, and what it hears. */
export type LaneRequest =
  | { open: { plan: Omit<UnitPlan, 'commandDelayMs' | 'timing'>; baud: number } }
  | { load: { unit: number; commandDelayMs: number } }
  | { report: true };
export interface LaneAnswer {
  port: string;
  /** Of the unit that lies in the fixture: commands carried out (hello apart), and boots after the first. */
  commands: number;
  boots: number;
  /** By how much the timers of unit and wire fired late, within their grain. */
  lateMs: number;
}

/** Of the unit and of the wire, which wait independently of each other. */
const timings = { unit: new LateTiming(), wire: new LateTiming() };
let fixture: Awaited<ReturnType<typeof openTcpFixture>>;
let plan: UnitPlan;
let commandDelayMs = 0;
let commands = 0;

async function carryOut(request: LaneRequest): Promise<void> {
  if ('open' in request) {
    fixture = await openTcpFixture({ baud: request.open.baud, timing: timings.wire });
    // a unit answers a hello as soon as it hears one: it is asked again and again while a unit boots
    const delay = (name: string) => {
      if (name === 'hello') return 0;
      commands++;
      return commandDelayMs;
    };
    plan = { ...request.open.plan, commandDelayMs: delay, timing: timings.unit };
  } else if ('load' in request) {
    commands = 0;
    for (const timing of Object.values(timings)) timing.lateMs = 0;
    commandDelayMs = request.load.commandDelayMs;
    fixture.fixture.load(makeUnit(plan, request.load.unit));
  }
  const boots = fixture.fixture.unit === undefined ? 0 : fixture.fixture.unit.board.bootCount - 1;
  const lateMs = timings.unit.lateMs + timings.wire.lateMs;
  process.send!({ port: fixture.port, commands, boots, lateMs } satisfies LaneAnswer);
}

process.on('message', (request: LaneRequest) => void carryOut(request));
process.on('disconnect', () => process.exit());
