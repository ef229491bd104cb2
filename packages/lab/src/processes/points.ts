/**
 * Where faults strike: one point is one operation of one class, in one phase of one process, and one fault. A point has
 * a name with which it is tried again; a plan is drawn from counts, a stride and a seed, and leaves no class × fault out.
 */
import { ImprintError } from '@imprint/contract/errors';
import {
  type Counts,
  type Fault,
  faults,
  faultsOf,
  type OperationClass,
  operationClasses,
} from './fault-control.ts';
import { type Draw, pick } from './seeded.ts';

/** `part` is the process, or the command, and the time of its life: `station/work`, `init`. */
export interface Point {
  part: string;
  class: OperationClass;
  number: number;
  fault: Fault;
}

/** What a part does without a fault. */
export interface PartCount {
  part: string;
  counts: Counts;
}

/** Every `stride`th operation from a drawn one on, each with all the faults of its class. */
export function stridedPoints(parts: readonly PartCount[], stride: number, draw: Draw): Point[] {
  const points: Point[] = [];
  for (const { part, counts } of parts) {
    for (const name of operationClasses) {
      if (counts[name] === 0) continue;
      for (const fault of faultsOf[name]) {
        const first = 1 + Math.floor(draw() * Math.min(stride, counts[name]));
        for (let number = first; number <= counts[name]; number += stride) {
          points.push({ part, class: name, number, fault });
        }
      }
    }
  }
  return points;
}

/** The k-th of n shares that are one whole together. */
export interface Share {
  k: number;
  n: number;
}

/** The share's own points. Which it has depends on the point alone, since what is counted differs a little between runs. */
export function pointsOf({ k, n }: Share, points: readonly Point[]): Point[] {
  return points.filter(({ number, fault }) => (number + faults.indexOf(fault)) % n === k % n);
}

/** `2/3`. @throws usage */
export function parseShare(text: string): Share {
  const [, k, n] = (/^([1-9][0-9]{0,3})\/([1-9][0-9]{0,3})$/.exec(text) ?? []).map(Number);
  if (k === undefined || n === undefined || k > n) {
    throw new ImprintError('usage', `${text} is no share`, {
      hint: 'Write the share and how many there are, such as 1/3, 2/3 and 3/3.',
    });
  }
  return { k, n };
}

/** One operation for each class and fault, drawn from all parts that have such operations. */
export function onePointEach(parts: readonly PartCount[], draw: Draw): Point[] {
  const points: Point[] = [];
  for (const name of operationClasses) {
    const having = parts.filter(({ counts }) => counts[name] > 0);
    if (having.length === 0) continue;
    for (const fault of faultsOf[name]) {
      const { part, counts } = pick(draw, having);
      points.push({ part, class: name, number: 1 + Math.floor(draw() * counts[name]), fault });
    }
  }
  return points;
}

/** `station/work/sync:12/eio` */
export function pointName({ part, class: name, number, fault }: Point): string {
  return `${part}/${name}:${number}/${fault}`;
}

/** @throws usage */
export function parsePoint(text: string): Point {
  const match = /^([a-z]+(?:[/-][a-z]+)?)\/([a-z]+):([1-9][0-9]{0,6})\/([a-z-]+)$/.exec(text);
  const [, part = '', name, number, fault] = match ?? [];
  if (!isOneOf(operationClasses, name) || !isOneOf(faults, fault)) {
    throw new ImprintError('usage', `${text} is no point`, {
      hint: 'Write it as it was printed, such as station/work/sync:12/eio.',
    });
  }
  return { part, class: name, number: Number(number), fault };
}

function isOneOf<T extends string>(known: readonly T[], text: string | undefined): text is T {
  return (known as readonly (string | undefined)[]).includes(text);
}
