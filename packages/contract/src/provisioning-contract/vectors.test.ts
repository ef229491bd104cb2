/** The vectors that docs/specs/contract.md publishes: whoever implements the format anew has the same to meet. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatDeviceId, parseDeviceId } from '../device-id.ts';
import { type ErrorCode, ImprintError, isImprintError } from '../errors.ts';
import { storageMapSha256 } from '../factory-config.ts';
import { type DeviceIdGrammar, parseProvisioningContract } from '../provisioning-contract.ts';

interface Vectors {
  device_ids: {
    name: string;
    grammar: DeviceIdGrammar;
    formatted: { site?: string; year?: number; serial: number; id: string }[];
    accepted?: string[];
    refused: { text: string; code: ErrorCode }[];
    accepted_although_swapped?: { right: string; swapped: string }[];
  }[];
  contract: { text: string; sha256: string; storage_map_sha256: string; warnings: string[] };
  refused: { replace: string; by: string; line: number; column: number }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8'));

for (const {
  name,
  grammar,
  formatted,
  accepted,
  refused,
  accepted_although_swapped: swaps,
} of vectors.device_ids) {
  test(`device IDs: ${name}`, () => {
    for (const { id, ...parts } of formatted) {
      assert.equal(formatDeviceId(parts, grammar), id);
      assert.equal(parseDeviceId(id, grammar), id);
    }
    for (const text of accepted ?? []) assert.equal(parseDeviceId(text, grammar), text);
    for (const { right, swapped } of swaps ?? []) {
      assert.notEqual(right, swapped);
      for (const text of [right, swapped]) assert.equal(parseDeviceId(text, grammar), text);
    }
    for (const { text, code } of refused) {
      assert.throws(
        () => parseDeviceId(text, grammar),
        (error) => isImprintError(error, code),
        text,
      );
    }
  });
}

test('the contract of the vectors has the hashes and warnings that are published', () => {
  const { contract, sha256, warnings } = parseProvisioningContract(vectors.contract.text, 'vector.yaml');
  assert.equal(sha256, vectors.contract.sha256);
  assert.equal(storageMapSha256(contract), vectors.contract.storage_map_sha256);
  assert.deepEqual(
    warnings.map((warning) => warning.message),
    vectors.contract.warnings,
  );
});

for (const { replace, by, line, column } of vectors.refused) {
  test(`the contract of the vectors with ${JSON.stringify(by)} is refused at ${line}:${column}`, () => {
    assert.ok(vectors.contract.text.includes(replace));
    assert.throws(
      () =>
        parseProvisioningContract(
          vectors.contract.text.replace(replace, () => by),
          'vector.yaml',
        ),
      (error) => error instanceof ImprintError && error.message.startsWith(`vector.yaml:${line}:${column}: `),
    );
  });
}
