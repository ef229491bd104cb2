/** Strikes the processes of a line at one point after the other, and judges what the line came to in between. */
import { FaultLine, type Phase, phasesOf, type Role } from './fault-line.ts';
import { type PartCount, type Point, pointName } from './points.ts';
import type { Tally } from './tally.ts';

/** Judging reads the whole log and all units; so many points share one judgement. */
const pointsPerJudgement = 10;
/** Then a new line is set up: a small order makes a small database, which every start reads. */
const unitsPerLine = 60;

/** A new line, for as many units as are worked on before the next is set up. */
export function newLine(): Promise<FaultLine> {
  return FaultLine.start('sweep', unitsPerLine);
}

/** What a process of the line does in each phase of its life without a fault. */
export async function countRole(line: FaultLine, role: Role): Promise<PartCount[]> {
  const parts: PartCount[] = [];
  for (const phase of phasesOf[role]) {
    parts.push({ part: `${role}/${phase}`, counts: await line.count(role, phase) });
  }
  return parts;
}

/** Works on a line that is given, then on others, and closes them all; `heard` is told each point before it is tried. */
export async function sweepLine(
  first: FaultLine | undefined,
  points: Iterable<Point>,
  tally: Tally,
  heard: (name: string) => void,
): Promise<void> {
  let line = first;
  let unjudged: Point[] = [];
  const closeLine = async () => {
    const open = line;
    line = undefined;
    unjudged = [];
    await open?.close();
  };
  const judge = async () => {
    try {
      await line?.judge();
      unjudged = [];
    } catch (error) {
      tally.violated(unjudged, error);
      await closeLine();
    }
  };
  for (const point of points) {
    heard(pointName(point));
    line ??= await newLine();
    const [role, phase] = point.part.split('/') as [Role, Phase];
    unjudged.push(point);
    try {
      tally.add(point, await line.strike(role, phase, point));
    } catch (error) {
      tally.add(point, 'broken');
      tally.violated([point], error);
      await closeLine();
    }
    if (unjudged.length >= pointsPerJudgement) await judge();
    if (line !== undefined && line.line.unitsUsed === unitsPerLine) {
      await judge();
      await closeLine();
    }
  }
  await judge();
  await closeLine();
}
