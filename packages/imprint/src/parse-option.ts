/** Options of the command line that are more than text: each refusal names the option and what it takes. */
import { ImprintError } from '@imprint/contract/errors';

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** @throws usage */
export function wholeNumber(option: string, text: string, low: number, high: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= low && value <= high) return value;
  throw new ImprintError('usage', `${option} takes a whole number from ${low} to ${high}, not ${text}`, {
    hint: 'Correct it and run the command again.',
  });
}

/**
 * An instant as entries write it, from a day (its beginning, UTC) or an ISO 8601 time with its zone.
 * @throws usage
 */
export function instantOf(option: string, text: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const time = isDay || isTime ? new Date(text) : new Date(Number.NaN);
  // the 31st of June would quietly become the 1st of July
  if (!Number.isNaN(time.getTime()) && (!isDay || time.toISOString().startsWith(text)))
    return time.toISOString();
  throw new ImprintError('usage', `${option} takes a day or a time with its zone, not ${text}`, {
    hint: 'Such as 2026-12-31 or 2026-12-31T18:00Z.',
  });
}
