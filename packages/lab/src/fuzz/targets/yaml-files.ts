/** Provisioning contracts and job manifests: whatever is wrong with a file is told with its place, and what is accepted is plain and complete. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import {
  lintManifest,
  parseJobManifest,
  parsePinnedManifest,
  pinManifest,
  planSteps,
} from '@imprint/contract/job-manifest';
import { manifestFromContract } from '@imprint/contract/job-manifest/from-contract';
import { limits } from '@imprint/contract/limits';
import {
  parseProvisioningContract,
  renderCHeader,
  renderContract,
} from '@imprint/contract/provisioning-contract';
import { changed, type Draw, pick } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateText } from '../mutate-text.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

const example = (path: string) =>
  readFileSync(new URL(`../../../../../examples/${path}`, import.meta.url), 'utf8');
const contracts = [example('contracts/gateway.yaml'), example('contracts/sensor.yaml')];
const manifests = [example('manifests/article.yaml')];
const gateway = parseProvisioningContract(contracts[0]!, 'gateway.yaml');
const file = 'fuzz.yaml';

export function contractTarget(): FuzzTarget {
  return {
    name: 'contract',
    form: 'text',
    refusals: ['contract_invalid'],
    draw: (draw) => drawFile(draw, contracts),
    judge: (input) =>
      withPlaces(input, (text) => {
        const { contract, sha256, warnings } = parseProvisioningContract(text, file);
        assertPlain(contract);
        for (const warning of warnings) assertPlace(text, warning);
        assert.match(renderContract(contract, sha256), /^# /);
        const header = renderCHeader(contract, sha256, { realm: 'dev', rootSha256: '0'.repeat(64) });
        assert.match(header, /^[\x20-\x7e\n]+$/, 'a C header holds what a compiler may read otherwise');
        const unit = {
          deviceId: 'SN-00012345',
          hwRev: contract.hardware_revisions[0]!,
          sku: contract.skus[0]!,
        };
        const manifest = manifestFromContract(contract, sha256, unit);
        assert.deepEqual(planSteps(manifest).moved, [], 'the plan of a contract is out of order');
        const pinned = pinManifest(manifest);
        assert.deepEqual(
          parsePinnedManifest(pinned.text, pinned.sha256),
          manifest,
          'a pinned manifest changed',
        );
      }),
  };
}

export function manifestTarget(): FuzzTarget {
  return {
    name: 'manifest',
    form: 'text',
    refusals: ['manifest_invalid'],
    draw: (draw) => drawFile(draw, manifests),
    judge: (input) =>
      withPlaces(input, (text) => {
        const { manifest, source } = parseJobManifest(text, file);
        assertPlain(manifest);
        const { errors, warnings } = lintManifest(manifest, source, gateway);
        for (const finding of [...errors, ...warnings]) assertPlace(text, finding);
        for (const path of [manifest.security.certs.device_cert, ...manifest.security.certs.chain]) {
          assert.doesNotMatch(
            path,
            /(^|[/\\])\.\.([/\\]|$)|^[/\\]|\0|^[A-Za-z]:/,
            'a path leads out of the folder',
          );
        }
        const { text: pinnedText, sha256 } = pinManifest(manifest);
        assert.deepEqual(parsePinnedManifest(pinnedText, sha256), manifest, 'a pinned manifest changed');
      }),
  };
}

/** A refusal names at least one place, and every place is in the file. */
function withPlaces(input: Uint8Array, read: (text: string) => void): undefined {
  const text = textOf(input);
  try {
    read(text);
    assert.ok(bytesOf(text).length <= limits.yamlBytes, 'a file over the cap was accepted');
  } catch (error) {
    if (error instanceof ImprintError) {
      const findings = error.context.findings;
      assert.ok(Array.isArray(findings) && findings.length > 0, `a refusal names no place: ${error.message}`);
      for (const finding of findings) assertPlace(text, finding);
    }
    throw error;
  }
}

function assertPlace(
  text: string,
  { line, column, message, hint }: ReturnType<typeof lintManifest>['errors'][number],
) {
  // the parser counts line feeds, and the place after the last character is where something is missing
  const lines = text.split('\n');
  assert.ok(
    line >= 1 && line <= lines.length + 1,
    `line ${line} of ${lines.length} is not in the file: ${message}`,
  );
  assert.ok(
    column >= 1 && column <= (lines[line - 1] ?? '').length + 2,
    `column ${column} is not in line ${line}: ${message}`,
  );
  assert.doesNotMatch(
    message + hint,
    /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/,
    'a finding holds a character that moves the cursor',
  );
}

function drawFile(draw: Draw, samples: readonly string[]): Uint8Array {
  const text = pick(draw, samples);
  if (draw() < 0.02) return bytesOf(text);
  const broken = bytesOf(changed(draw, 4, text, (one) => mutateText(draw, one, samples)));
  return draw() < 0.1 ? mutateBytes(draw, broken) : broken;
}
