/** What a seed's name decides beside its chance: with which cell of the catalogue its plan begins, so that seed after seed meets all. */
import type { FactoryOptions } from './factory.ts';

/** `lab-1`, `lab-2` and so on. */
export function seedNames(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `lab-${first + at}`);
}

export function factoryOf(seed: string, units: number): FactoryOptions {
  const number = Number(/(\d{1,9})$/.exec(seed)?.[1] ?? 0);
  // some boards have no fault, so a factory does not get as far as its boards are many
  return { seed, units, firstCell: number * Math.floor(units / 2) };
}
