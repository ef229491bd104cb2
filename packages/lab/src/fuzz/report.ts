/** What a run of the fuzzing tells people: a line a target, and of a failure all that it takes to see it again. */
import type { Failure, TargetReport } from './run-target.ts';
import { textOf } from './text-input.ts';

const mostShown = 2_000;

export function targetText(report: TargetReport, seed: string): string {
  const refusals = Object.entries(report.refused)
    .sort(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${reason} ${count}`);
  const head = `${report.target.padEnd(22)} ${count(report.inputs, 'input')}, ${report.accepted} accepted, ${count(
    report.inputs - report.accepted - (report.failure === undefined ? 0 : 1),
    'refused',
  )}`;
  const lines = [head, ...wrapped(refusals)];
  if (report.failure !== undefined) lines.push(...failureLines(report, report.failure, seed));
  return `${lines.join('\n')}\n`;
}

function failureLines(report: TargetReport, failure: Failure, seed: string): string[] {
  const again =
    failure.iterations === 0
      ? `npm run lab -- fuzz --target ${report.target} --iterations 0`
      : `npm run lab -- fuzz --target ${report.target} --seed ${seed} --iterations ${failure.iterations}`;
  return [
    `  FAILED at ${failure.origin}: ${failure.problem}`,
    ...shown(failure.input, report.form).map((line) => `    ${line}`),
    `  See it again: ${again}`,
    `  Keep it: put these bytes into a file under packages/lab/src/fuzz/corpus/${report.target}/`,
  ];
}

function shown(input: Uint8Array, form: TargetReport['form']): string[] {
  const base64 = Buffer.from(input).toString('base64');
  if (form === 'text')
    return [JSON.stringify(textOf(input)).slice(0, mostShown), `base64 ${base64.slice(0, mostShown)}`];
  return [`hex ${Buffer.from(input).toString('hex').slice(0, mostShown)}`];
}

export function reportJson(reports: readonly TargetReport[], seed: string): string {
  const targets = reports.map(({ failure, form: _form, ...report }) => ({
    ...report,
    failure: failure && {
      ...failure,
      input_b64: Buffer.from(failure.input).toString('base64'),
      input: undefined,
    },
  }));
  return JSON.stringify({ seed, failed: reports.some(({ failure }) => failure !== undefined), targets });
}

function count(number: number, what: string): string {
  return `${number} ${what}${what === 'input' && number !== 1 ? 's' : ''}`;
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 96) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last}, ${word}`;
  }
  return lines;
}
