/** The JSON Schema for editors is what the zod schema gives, and it agrees with the parser about the examples. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { contractJsonSchema, type ProvisioningContract } from '../provisioning-contract.ts';

const shipped = new URL('../../schema/provisioning-contract.schema.json', import.meta.url);
const examples = new URL('../../../../examples/contracts/', import.meta.url);

test('the shipped JSON Schema is the one of this version: run scripts/write-schema.ts after a change', () => {
  assert.deepEqual(JSON.parse(readFileSync(shipped, 'utf8')), contractJsonSchema());
});

test('the examples name the shipped schema in their first line, at the right place', () => {
  for (const name of ['gateway.yaml', 'sensor.yaml']) {
    const [first] = readFileSync(new URL(name, examples), 'utf8').split('\n');
    const reference = /^# yaml-language-server: \$schema=(.+)$/.exec(first!)![1]!;
    assert.equal(new URL(reference, new URL(name, examples)).href, shipped.href);
  }
});

test('a validator of JSON Schema accepts the examples and refuses an unknown key', () => {
  const validate = new Ajv2020({ strict: false }).compile<ProvisioningContract>(contractJsonSchema());
  for (const name of ['gateway.yaml', 'sensor.yaml']) {
    const value: ProvisioningContract = parse(readFileSync(new URL(name, examples), 'utf8'));
    assert.ok(validate(value), JSON.stringify(validate.errors));
    assert.ok(!validate({ ...value, extra: 1 }));
    assert.ok(
      !validate({
        ...value,
        credential: {
          ...value.credential,
          storage: { class: 'injected-by-pc', slot: 0, access: 'sign-only' },
        },
      }),
    );
  }
});
