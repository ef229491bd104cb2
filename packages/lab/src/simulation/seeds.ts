/**
 * What a seed's name decides beside its chance: how many authorities the factory has, and with which cell of the catalogue its plan
 * begins, so that seed after seed meets all.
 */
import type { FactoryOptions } from './factory.ts';

/** `lab-1`, `lab-2` and so on. */
export function seedNames(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `lab-${first + at}`);
}

/** Of so many factories, one has several authorities on one database: two and three in turn. */
const replicasEvery = 4;

export function factoryOf(seed: string, units: number): FactoryOptions {
  const number = Number(/(\d{1,9})$/.exec(seed)?.[1] ?? 0);
  const before = Math.floor(number / replicasEvery);
  if (number % replicasEvery === 0) {
    return { seed, units, replicas: 2 + (before % 2), firstCell: before * units };
  }
  // some boards have no fault, so a factory does not get as far as its boards are many
  return { seed, units, firstCell: (number - before) * Math.floor(units / 2) };
}
