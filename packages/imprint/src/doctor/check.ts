/** One thing that the doctor looks at. What cannot be found out is `unknown` and never passes for well; a check that breaks spoils no other. */

export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Finding {
  verdict: Verdict;
  /** What was found, as a plain sentence without its full stop. */
  detail: string;
  /** What a person does now; null where nothing is to be done. */
  advice: string | null;
}

export interface Check<Facts> {
  name: string;
  look(facts: Facts): Finding | Promise<Finding>;
}

export interface Checked extends Finding {
  name: string;
}

export const ok = (detail: string): Finding => ({ verdict: 'ok', detail, advice: null });
export const warn = (detail: string, advice: string): Finding => ({ verdict: 'warn', detail, advice });
export const fail = (detail: string, advice: string): Finding => ({ verdict: 'fail', detail, advice });
export const unknown = (detail: string, advice: string | null = null): Finding => ({
  verdict: 'unknown',
  detail,
  advice,
});

/** All of them, one after another, in their order. */
export async function runChecks<Facts>(checks: readonly Check<Facts>[], facts: Facts): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const { name, look } of checks) checked.push({ name, ...(await findingOf(look, facts)) });
  return checked;
}

async function findingOf<Facts>(look: Check<Facts>['look'], facts: Facts): Promise<Finding> {
  try {
    return await look(facts);
  } catch (error) {
    const hint =
      error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : null;
    return unknown(`it cannot be found out: ${(error as Error).message}`, hint);
  }
}

const ranks: readonly Verdict[] = ['ok', 'unknown', 'warn', 'fail'];

/** Of several findings of one check: the worst verdict, what is not well in their order, and each advice once. */
export function together(findings: readonly Finding[], allWell: string): Finding {
  const unwell = findings.filter(({ verdict }) => verdict !== 'ok');
  if (unwell.length === 0) return ok(allWell);
  const verdict = unwell
    .map((one) => one.verdict)
    .reduce((a, b) => (ranks.indexOf(b) > ranks.indexOf(a) ? b : a));
  const advice = [...new Set(unwell.flatMap((one) => one.advice ?? []))];
  return { verdict, detail: unwell.map(({ detail }) => detail).join('; '), advice: advice.join(' ') || null };
}
