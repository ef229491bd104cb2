/** Runs factories in a process of its own, one after another, as its parent asks by messages; it tells what came of each. */
import { runFactory } from './factory.ts';
import { factoryOf } from './seeds.ts';
import { type FactorySummary, summaryOf } from './summary.ts';

export interface FactoryRequest {
  seed: string;
  units: number;
}
export type FactoryAnswer = FactorySummary;

process.on('message', async ({ seed, units }: FactoryRequest) => {
  process.send!(summaryOf(await runFactory(factoryOf(seed, units))) satisfies FactoryAnswer);
});
process.on('disconnect', () => process.exit());
