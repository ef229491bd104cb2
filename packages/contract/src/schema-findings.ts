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
  const value = valueAt(source.value, path);
  const name = quoteText(String(path.at(-1) ?? 'the file'));

  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.flatMap((key) =>
        at(
          `unknown key ${quoteText(key)}`,
          knownKeysHint(schema, path, source.value),
          source.at([...path, key], 'key'),
        ),
      );
    case 'invalid_union': {
      const branch = likeliestBranch(issue);
      if (branch !== undefined) return branch.flatMap((inner) => findingsOf(inner, path, schema, source));
      if (value === undefined) return at(`${name} is missing`, expectation(issue));
      return at(`${name} is ${shown(value)}`, expectation(issue));
    }
    case 'invalid_type': {
      if (value === undefined) {
        return at(
          `${name} is missing`,
          `Add it: ${issue.expected} is expected.`,
          source.at(path.slice(0, -1), 'key'),
        );
      }
      const quote = issue.expected === 'string' && typeof value === 'number' ? ' Put it in quotes.' : '';
      return at(`${name} is ${shown(value)}, not ${issue.expected}`, `Give ${issue.expected} here.${quote}`);
    }
    case 'invalid_value':
      if (value === undefined) {
        return at(`${name} is missing`, expectation(issue), source.at(path.slice(0, -1), 'key'));
      }
      return /^Invalid (option|input)/.test(issue.message)
        ? at(`${name} is ${shown(value)}`, expectation(issue))
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
  // A union that is told apart by a key names that key's values; any other names its branches' expectations.
  if (issue.code === 'invalid_union') {
    const options = 'options' in issue ? issue.options : undefined;
    return options?.map(String) ?? issue.errors.flat().flatMap(alternatives);
  }
  return [];
}

function knownKeysHint(schema: z.ZodType, path: Path, root: unknown): string {
  const at = objectFor(schemaAt(schema, path, root), valueAt(root, path));
  if (at === undefined) return 'Remove it, or correct its spelling.';
  return `Known here: ${Object.keys(at.shape).join(', ')}.`;
}

/** The part of the schema that judges the value at the path. */
function schemaAt(schema: z.ZodType, path: Path, root: unknown): unknown {
  let at: unknown = schema;
  for (const [index, step] of path.entries()) {
    if (at instanceof z.ZodOptional) at = at.unwrap();
    at =
      at instanceof z.ZodArray ? at.element : objectFor(at, valueAt(root, path.slice(0, index)))?.shape[step];
  }
  return at instanceof z.ZodOptional ? at.unwrap() : at;
}

/** The object schema for a value, also where a union leaves a choice. */
function objectFor(schema: unknown, value: unknown): z.ZodObject | undefined {
  if (schema instanceof z.ZodObject) return schema;
  if (!(schema instanceof z.ZodUnion)) return undefined;
  const objects = schema.options.filter((option): option is z.ZodObject => option instanceof z.ZodObject);
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return objects[0];
  const tag = schema.def.discriminator;
  return objects.find((option) => option.shape[tag]?.safeParse(valueAt(value, [tag])).success);
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
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
