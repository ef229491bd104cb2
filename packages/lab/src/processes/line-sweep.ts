/** Strikes the processes of a line at one point after the other, and judges what the line came to in between. */
import { FaultLine, type Phase, phases, type Role } from './fault-line.ts';
import type { PartCount, Point } from './points.ts';
import { pointName } from './points.ts';
import type { Tally } from './tally.ts';

/** Judging reads the whole log and all units; so many points share one judgement. */
const pointsPerJudgement = 10;
/** Then the log is long enough, and a new line is set up. */
const unitsPerLine = 150;

/** What both processes do in each phase of their lives without a fault. */
export async function countLine(role: Role): Promise<PartCount[]> {
  const line = await FaultLine.start(`count-${role}`, phases.length);
  try {
    const parts: PartCount[] = [];
    for (const phase of phases)
      parts.push({ part: `${role}/${phase}`, counts: await line.count(role, phase) });
    return parts;
  } finally {
    await line.close();
  }
}

/** `heard` is told each point before it is tried. */
export async function sweepLine(
  points: readonly Point[],
  tally: Tally,
  heard: (name: string) => void,
): Promise<void> {
  let line: FaultLine | undefined;
  let unjudged: Point[] = [];
  const judge = async () => {
    if (line === undefined || unjudged.length === 0) return;
    try {
      await line.judge();
    } catch (error) {
      tally.violated(unjudged, error);
      await giveUp();
    }
    unjudged = [];
  };
  const giveUp = async () => {
    const broken = line;
    line = undefined;
    unjudged = [];
    await broken?.close();
  };
  for (const point of points) {
    heard(pointName(point));
    line ??= await FaultLine.start('sweep', unitsPerLine);
    const [role, phase] = point.part.split('/') as [Role, Phase];
    unjudged.push(point);
    try {
      tally.add(point, await line.strike(role, phase, point));
    } catch (error) {
      tally.add(point, 'broken');
      tally.violated([point], error);
      await giveUp();
      continue;
    }
    if (unjudged.length >= pointsPerJudgement) await judge();
    if (line !== undefined && line.line.unitsUsed >= unitsPerLine - 1) {
      await judge();
      await giveUp();
    }
  }
  await judge();
  await giveUp();
}
