import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type ConfigurationScope, configurationScope } from '@imprint/contract/audit/entry';
import {
  type ConfigurationValue,
  type DeferredType,
  valueFault,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import fc from 'fast-check';
import { makeKey } from '../signer/software.ts';
import { type Layer, resolveLayers } from './resolve.ts';
import { isInShare } from './share.ts';
import { configurationVault } from './vault.ts';

const types = new Map<string, DeferredType>([
  ['minutes', { type: 'integer', min: 1, max: 9 }],
  ['on', { type: 'boolean' }],
  ['psk', { type: 'string', max_length: 4, secret: true }],
]);
const scopes = configurationScope.options;
const vault = configurationVault(makeKey('ed25519'), (length) => new Uint8Array(randomBytes(length)));

/** What one set says, by scope: names of the contract and others, values that fit and such that do not. */
const said = fc.dictionary(
  fc.constantFrom('minutes', 'on', 'psk', 'unknown', '__proto__', 'constructor'),
  fc.oneof(fc.integer({ min: -1, max: 12 }), fc.boolean(), fc.string({ maxLength: 6 })),
  { noNullPrototype: true },
);
const sets = fc.array(fc.option(said, { nil: undefined }), { minLength: 4, maxLength: 4 });
type Sets = (Record<string, ConfigurationValue> | undefined)[];

/** As layers, in some order; the values of `psk` are sealed, each under a name of its own. */
function layersOf(given: Sets, order: readonly ConfigurationScope[] = scopes) {
  const opened = new Map<string, ConfigurationValue>();
  const layers = order.flatMap((scope): Layer[] => {
    const values = given[scopes.indexOf(scope)];
    if (values === undefined) return [];
    const { psk, ...open } = values;
    const isSet = Object.hasOwn(values, 'psk');
    if (isSet) opened.set(scope, psk!);
    return [{ scope, subject: 's', version: 1, values: open, secrets: isSet ? { psk: scope } : {} }];
  });
  return { layers, open: (_: Layer, _name: string, sha256: string) => opened.get(sha256)! };
}

/** The same said otherwise: the last scope that has a value which fits. */
function expected(given: Sets): Record<string, ConfigurationValue> {
  const result: Record<string, ConfigurationValue> = {};
  for (const values of given) {
    for (const [name, type] of types) {
      if (values === undefined || !Object.hasOwn(values, name)) continue;
      if (valueFault(type, values[name]) === undefined) result[name] = values[name]!;
    }
  }
  return result;
}

const valuesOf = (given: Sets, order?: readonly ConfigurationScope[]) => {
  const { layers, open } = layersOf(given, order);
  return Object.fromEntries(resolveLayers(layers, types, open).map(({ name, value }) => [name, value!]));
};

test('the most specific value that fits wins, name by name, in whatever order the sets are read', () => {
  fc.assert(
    fc.property(sets, fc.shuffledSubarray([...scopes], { minLength: 4 }), (given, order) => {
      assert.deepEqual(valuesOf(given, order), expected(given));
    }),
    { numRuns: 300 },
  );
});

test('the tag of a configuration changes if and only if a value does', () => {
  fc.assert(
    fc.property(sets, sets, (one, other) => {
      const tag = (given: Sets) => vault.etag('SN-1', valuesOf(given));
      const same = JSON.stringify(sorted(expected(one))) === JSON.stringify(sorted(expected(other)));
      assert.equal(tag(one) === tag(other), same);
      assert.notEqual(tag(one), vault.etag('SN-2', valuesOf(one)));
    }),
    { numRuns: 300 },
  );
});

test('I-19: without the key no secret has a value, and its name is known', () => {
  const { layers } = layersOf([{ psk: 'abcd' }, undefined, undefined, undefined]);
  assert.deepEqual(resolveLayers(layers, types), [
    { name: 'psk', from: { scope: 'product', subject: 's', version: 1 }, value: undefined, secret: true },
  ]);
});

test('a device that is in a share is in every larger one, and all are in the whole', () => {
  const ref = fc.record({
    scope: fc.constantFrom(...scopes),
    subject: fc.string(),
    version: fc.integer({ min: 1 }),
  });
  fc.assert(
    fc.property(
      ref,
      fc.string(),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 100 }),
      (version, id, one, other) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)];
        if (isInShare(version, id, small)) assert.ok(isInShare(version, id, large));
        assert.ok(isInShare(version, id, 100));
      },
    ),
    { numRuns: 200 },
  );
});

test('a share is met about, and each version begins with other devices', () => {
  const ids = Array.from({ length: 4_000 }, (_, at) => `SN-${at}`);
  const of = (version: number) =>
    ids.filter((id) => isInShare({ scope: 'product', subject: 'gateway', version }, id, 10));
  const [one, two] = [of(1), of(2)];
  for (const some of [one, two]) assert.ok(some.length > 320 && some.length < 480, `${some.length}`);
  assert.ok(one.filter((id) => two.includes(id)).length < 100);
});

const sorted = (values: Record<string, ConfigurationValue>) =>
  Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
