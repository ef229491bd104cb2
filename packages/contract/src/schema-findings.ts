/** Turns what a zod schema refuses into findings that name the key at fault, its place, and what belongs there. */

import { z } from 'zod';
import type { Finding } from './finding.ts';
import { quoteText } from './quote-text.ts';
import type { YamlSource } from './strict-yaml.ts';

type Issue = z.core.$ZodIssue;
type Path = (string | number)[];

/** The value that the schema makes of the source, or the findings, never both. */
export function checkAgainstSchema<Schema extends z.ZodType>(
  schema: Schema,
  source: YamlSource,
): { value: z.infer<Schema> } | { findings: Finding[] } {
  const result = schema.safeParse(source.value, { reportInput: true });
  if (result.success) return { value: result.data };
  return { findings: result.error.issues.flatMap((issue) => findingsOf(issue, [], schema, source)) };
}

function findingsOf(issue: Issue, parent: Path, schema: z.ZodType, source: YamlSource): Finding[] {
  const path: Path = [
    ...parent,
    ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
  ];
  const at = (message: string, hint: string, place = source.at(path)): Finding[] => [
    { ...place, message, hint },
  ];
  const name = quoteText(String(path.at(-1) ?? 'the file'));

  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.flatMap((key) =>
        at(`unknown key ${quoteText(key)}`, knownKeysHint(schema, path), source.at([...path, key], 'key')),
      );
    case 'invalid_union': {
      const branch = likeliestBranch(issue);
      if (branch !== undefined) return branch.flatMap((inner) => findingsOf(inner, path, schema, source));
      return at(`${name} is ${shown(issue.input)}`, expectation(issue));
    }
    case 'invalid_type': {
      if (isMissing(path, source.value)) {
        return at(
          `${name} is missing`,
          `Add it: ${issue.expected} is expected.`,
          source.at(path.slice(0, -1), 'key'),
        );
      }
      const quote =
        issue.expected === 'string' && typeof issue.input === 'number' ? ' Put it in quotes.' : '';
      return at(
        `${name} is ${shown(issue.input)}, not ${issue.expected}`,
        `Give ${issue.expected} here.${quote}`,
      );
    }
    case 'invalid_value':
      if (isMissing(path, source.value)) {
        return at(`${name} is missing`, expectation(issue), source.at(path.slice(0, -1), 'key'));
      }
      return /^Invalid (option|input)/.test(issue.message)
        ? at(`${name} is ${shown(issue.input)}`, expectation(issue))
        : at(`${name}: ${issue.message}`, expectation(issue));
    case 'invalid_key':
      return at(
        `the name ${name} is refused: ${issue.issues[0]?.message ?? ''}`,
        'Rename it.',
        source.at(path, 'key'),
      );
    default:
      return at(`${name}: ${lowerFirst(issue.message)}`, 'Mend the value at this place.');
  }
}

/** Of a union's branches the one that the writer most likely meant: it accepts the value's type and complains least. */
function likeliestBranch(issue: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  return issue.errors
    .filter((branch) => branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'))
    .sort((a, b) => weight(a) - weight(b))[0];
}

function weight(branch: Issue[]): number {
  return branch.reduce((sum, inner) => sum + (inner.code === 'unrecognized_keys' ? inner.keys.length : 1), 0);
}

function expectation(issue: Issue): string {
  return `Expected: ${alternatives(issue).join(', ')}.`;
}

function alternatives(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_type') return [issue.expected];
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(alternatives);
  return [];
}

function knownKeysHint(schema: z.ZodType, path: Path): string {
  let at: unknown = schema;
  for (const step of path) at = stepInto(at, step);
  const shape = at instanceof z.ZodUnion ? stepInto(at, undefined) : at;
  if (!(shape instanceof z.ZodObject)) return 'Remove it, or correct its spelling.';
  return `Known here: ${Object.keys(shape.shape).join(', ')}.`;
}

function stepInto(schema: unknown, step: string | number | undefined): unknown {
  if (schema instanceof z.ZodOptional) return stepInto(schema.unwrap(), step);
  if (schema instanceof z.ZodUnion) {
    const object = schema.options.find((option) => option instanceof z.ZodObject);
    return step === undefined ? object : stepInto(object, step);
  }
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodObject) return schema.shape[String(step)];
  return undefined;
}

function isMissing(path: Path, root: unknown): boolean {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return true;
    value = (value as Record<string, unknown>)[step];
  }
  return false;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quoteText(value);
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'empty';
  return typeof value === 'object' ? 'a mapping' : String(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
