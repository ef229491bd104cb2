/**
 * Runs one target: its corpus first, then drawn inputs. It trusts no parser: an error that is not one of the target's refusals, a broken
 * promise, a changed prototype, too much time or kept memory is a failure, and the first one ends the run with a short input.
 */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isImprintError } from '@imprint/contract/errors';
import type { CorpusFile } from './corpus.ts';
import { drawsOf } from './draws.ts';
import { minimized } from './minimize.ts';
import type { FuzzTarget } from './target.ts';

export interface Budget {
  seed: string;
  /** So many drawn inputs at most. */
  iterations: number;
  /** No input is begun later, by `performance.now()`. */
  untilMs?: number;
}

export interface Failure {
  /** `corpus/…` or `iteration n`. */
  origin: string;
  /** How many drawn inputs show it again; 0 where the corpus does. */
  iterations: number;
  problem: string;
  /** The shortest input that was found to show the same problem. */
  input: Uint8Array;
}

export interface TargetReport {
  target: string;
  form: FuzzTarget['form'];
  corpus: number;
  inputs: number;
  accepted: number;
  /** How many were refused, by code or reason. */
  refused: Record<string, number>;
  failure: Failure | undefined;
}

/** Processor time of this process for one input; a wait or a busy machine does not count. */
const mostCpuMs = 1_500;
/** What may be left of a whole run when its garbage is gone: caches and compiled code, but no input. */
const mostKeptBytes = 48 * 1024 * 1024;

/** `told` hears of each input before it is read, so that a watcher can name the one that never ends. */
export async function runTarget(
  target: FuzzTarget,
  corpus: readonly CorpusFile[],
  budget: Budget,
  told: (origin: string) => void = () => undefined,
): Promise<TargetReport> {
  const report: TargetReport = {
    target: target.name,
    form: target.form,
    corpus: corpus.length,
    inputs: 0,
    accepted: 0,
    refused: {},
    failure: undefined,
  };
  const heapBefore = heapBytes();
  for (const { name, input, iterations } of inputsOf(target, corpus, budget)) {
    told(`${target.name} ${name}`);
    report.inputs++;
    const verdict = await judged(target, input);
    if (verdict.kind === 'accepted') report.accepted++;
    else if (verdict.kind === 'refused') report.refused[verdict.as] = (report.refused[verdict.as] ?? 0) + 1;
    else {
      const { problem } = verdict;
      const shows = async (shorter: Uint8Array) => sameProblem(await judged(target, shorter), problem);
      report.failure = { origin: name, iterations, problem, input: await minimized(input, shows) };
      return report;
    }
  }
  const keptBytes = heapBytes() - heapBefore;
  if (keptBytes > mostKeptBytes) {
    const problem = `${keptBytes} bytes are kept after ${report.inputs} inputs`;
    report.failure = {
      origin: 'the whole run',
      iterations: report.inputs,
      problem,
      input: new Uint8Array(0),
    };
  }
  return report;
}

type Verdict = { kind: 'accepted' } | { kind: 'refused'; as: string } | { kind: 'failed'; problem: string };

/** The verdict on one input. */
export async function judged(target: FuzzTarget, input: Uint8Array): Promise<Verdict> {
  const begun = process.cpuUsage();
  let verdict: Verdict;
  try {
    const refused = await target.judge(Uint8Array.from(input));
    verdict = refused === undefined ? { kind: 'accepted' } : { kind: 'refused', as: refused };
  } catch (error) {
    verdict = isImprintError(error, ...target.refusals)
      ? { kind: 'refused', as: reasonOf(error.code, error.context.reason) }
      : { kind: 'failed', problem: problemOf(error) };
  }
  if (verdict.kind === 'failed') return verdict;
  const { user, system } = process.cpuUsage(begun);
  const cpuMs = (user + system) / 1000;
  if (cpuMs > mostCpuMs) return { kind: 'failed', problem: `one input took ${cpuMs.toFixed(0)} ms` };
  const added = Reflect.ownKeys(Object.prototype).find((key) => !prototypeKeys.has(key));
  if (added === undefined) return verdict;
  Reflect.deleteProperty(Object.prototype, added);
  return { kind: 'failed', problem: `every object has a property ${String(added)} now` };
}

const prototypeKeys = new Set(Reflect.ownKeys(Object.prototype));

function* inputsOf(target: FuzzTarget, corpus: readonly CorpusFile[], budget: Budget) {
  for (const { name, input } of corpus) yield { name, input, iterations: 0 };
  for (let iteration = 0; iteration < budget.iterations; iteration++) {
    if (budget.untilMs !== undefined && performance.now() > budget.untilMs) return;
    const input = target.draw(drawsOf(budget.seed, target.name, iteration));
    yield { name: `iteration ${iteration}`, input, iterations: iteration + 1 };
  }
}

function reasonOf(code: string, reason: unknown): string {
  return typeof reason === 'string' ? `${code}/${reason}` : code;
}

function problemOf(error: unknown): string {
  if (isImprintError(error))
    return `refused with ${error.code}, which is none of its codes: ${error.message}`;
  if (error instanceof assert.AssertionError) return error.message;
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const place = /\n\s+at .*/.exec(error.stack ?? '')?.[0].trim() ?? '';
  return `${error.name}: ${error.message} ${place}`;
}

/** Numbers in a message (offsets, sizes) change as an input gets shorter. */
function sameProblem(verdict: Verdict, problem: string): boolean {
  const shape = (text: string) => text.split('\n')[0]!.replaceAll(/\d+/g, '0').slice(0, 80);
  return verdict.kind === 'failed' && shape(verdict.problem) === shape(problem);
}

let collect: (() => void) | undefined;

function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
