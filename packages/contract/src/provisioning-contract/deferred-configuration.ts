/**
 * What is delivered after activation: each name with its type, its bounds and whether it is secret. A value is checked by this and
 * nothing else, when people publish it and again before a device gets it.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';

/** Names that become keys of a configuration and C identifiers. */
export const configurationName = z
  .string()
  .max(48)
  .regex(/^[a-z][a-z0-9_]*$/, 'a name is lower-case letters, digits and underscores, a letter first');

/** Whether it is to be kept out of every log, list and answer but the device's own. Left out: it is no secret. */
const secret = z.optional(z.boolean());

const deferredType = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('string'),
      /** In UTF-8 bytes: what the device has room for. */
      max_length: z.int().min(1).max(limits.configurationTextBytes),
      secret,
    }),
    z.strictObject({
      type: z.literal('integer'),
      min: z.int(),
      max: z.int(),
      secret,
    }),
    z.strictObject({ type: z.literal('boolean') }),
  ])
  .refine((one) => one.type !== 'integer' || one.min <= one.max, {
    error: 'min is larger than max',
    path: ['min'],
  });
export type DeferredType = z.infer<typeof deferredType>;

export const deferredConfiguration = z.strictObject({
  version: z.int().min(1),
  /** Texts that nobody has said more about: each counts as a secret. */
  names: z.optional(
    z
      .array(configurationName)
      .max(limits.configurationNames)
      .refine((items) => new Set(items).size === items.length, 'a name stands twice'),
  ),
  values: z.optional(z.record(configurationName, deferredType)),
});
export type DeferredConfiguration = z.infer<typeof deferredConfiguration>;

/** A text, a whole number or a boolean, as a device gets it. */
export const configurationValue = z.union([z.string(), z.int(), z.boolean()]);
export type ConfigurationValue = z.infer<typeof configurationValue>;

const untold: DeferredType = { type: 'string', max_length: limits.configurationTextBytes, secret: true };

/** Every name that is delivered after activation, with what it takes. */
export function deferredTypes({ names = [], values = {} }: DeferredConfiguration): Map<string, DeferredType> {
  return new Map([...names.map((name): [string, DeferredType] => [name, untold]), ...Object.entries(values)]);
}

export function isSecretType(type: DeferredType): boolean {
  return type.type !== 'boolean' && type.secret === true;
}

/** Why the value is none of this type, as the end of a sentence that begins with its name; undefined where it is one. Never repeats the value. */
export function valueFault(type: DeferredType, value: unknown): string | undefined {
  switch (type.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'is true or false';
    case 'integer': {
      const fits = Number.isSafeInteger(value) && Number(value) >= type.min && Number(value) <= type.max;
      return fits ? undefined : `is a whole number from ${type.min} to ${type.max}`;
    }
    case 'string': {
      if (typeof value !== 'string' || !value.isWellFormed()) return 'is a text';
      if (value.includes('\0')) return 'has no NUL in it';
      const bytes = new TextEncoder().encode(value).length;
      return bytes <= type.max_length ? undefined : `takes at most ${type.max_length} bytes, not ${bytes}`;
    }
  }
}

/** What the type takes, for people: `string of at most 32 bytes, secret`. */
export function typeText(type: DeferredType): string {
  switch (type.type) {
    case 'boolean':
      return 'boolean';
    case 'integer':
      return `integer from ${type.min} to ${type.max}${secretText(type)}`;
    case 'string':
      return `string of at most ${type.max_length} bytes${secretText(type)}`;
  }
}

const secretText = (type: DeferredType) => (isSecretType(type) ? ', secret' : '');
