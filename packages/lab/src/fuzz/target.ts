/** What is fuzzed: one parser with a way to draw inputs for it and a judgement that knows what must hold of every verdict. */
import type { ErrorCode } from '@imprint/contract/errors';
import type { Draw } from '../processes/seeded.ts';

export interface FuzzTarget {
  /** Names it on the command line, in the corpus and in the seed. */
  readonly name: string;
  /** How a failing input is shown. */
  readonly form: 'bytes' | 'text';
  /** The codes with which it may refuse; an error of any other is a failure. */
  readonly refusals: readonly ErrorCode[];
  /** An input that the draws decide: something valid, most of the time broken somewhere. */
  draw(draw: Draw): Uint8Array;
  /**
   * Reads the input. It gives nothing where it is accepted, or how it was refused; an `ImprintError` is a refusal too.
   * Whatever else it throws is a failure, also where an accepted value breaks a promise.
   */
  judge(input: Uint8Array): Refused | undefined | Promise<Refused | undefined>;
  /** What it holds open. */
  close?(): Promise<void>;
}

/** A word for the report: an error's code, or the reason of a verdict that is no error. */
export type Refused = string;

/** A target is made when it is run: some take a database, others keys. */
export type MakeTarget = () => FuzzTarget | Promise<FuzzTarget>;
