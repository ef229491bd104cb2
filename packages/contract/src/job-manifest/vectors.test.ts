/** The vectors that docs/specs/manifest.md publishes: whoever implements the format anew has the same to meet. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  manifestFromContract,
  parsePinnedManifest,
  pinManifest,
  planSteps,
  type Step,
  type StepName,
} from '../job-manifest.ts';
import { parseProvisioningContract } from '../provisioning-contract.ts';
import { pathFault } from './relative-path.ts';

interface Vectors {
  pinned: { contract_text_of: string; text: string; sha256: string };
  plans: { steps: StepName[]; ordered: StepName[]; moved: StepName[] }[];
  paths: { accepted: string[]; refused: string[] };
}

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const vectors: Vectors = read('vectors.json');

test('the manifest that the contract of the vectors makes is pinned by the published bytes and hash', () => {
  const { contract, sha256 } = parseProvisioningContract(
    read(vectors.pinned.contract_text_of).contract.text,
    'v',
  );
  const manifest = manifestFromContract(contract, sha256, {
    deviceId: 'SN-00012345',
    hwRev: 'A1',
    sku: 'vector-a',
  });
  assert.deepEqual(pinManifest(manifest), { text: vectors.pinned.text, sha256: vectors.pinned.sha256 });
  assert.deepEqual(parsePinnedManifest(vectors.pinned.text, vectors.pinned.sha256), manifest);
});

for (const { steps, ordered, moved } of vectors.plans) {
  test(`I-25: ${steps.join(', ')} is done as ${ordered.join(', ')}`, () => {
    const manifest = parsePinnedManifest(vectors.pinned.text, vectors.pinned.sha256);
    const provision_steps = steps.map((name) => ({ name }) as Step);
    const plan = planSteps({ ...manifest, provision_steps });
    assert.deepEqual(
      plan.ordered.map((step) => step.name),
      ordered,
    );
    assert.deepEqual(plan.moved, moved);
  });
}

test('paths are accepted and refused as published', () => {
  for (const path of vectors.paths.accepted) assert.equal(pathFault(path), undefined, path);
  for (const path of vectors.paths.refused) assert.notEqual(pathFault(path), undefined, JSON.stringify(path));
});
