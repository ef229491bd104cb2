/** What is carried between authority, ceremony and devices: nothing that was changed is taken for what its keys have signed. */
import assert from 'node:assert/strict';
import { readCaRequest } from '@imprint/authority/trust/ca-request-file';
import { nextLine, readTranscript } from '@imprint/authority/trust/transcript';
import { toBase64, toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { sha256Hex } from '@imprint/contract/hash';
import { bundleBytes, verifyTrustBundle, writeTrustBundle } from '@imprint/contract/trust-bundle';
import { derBitString, derExplicit, derInteger, derSequence } from '@imprint/contract/x509/der-writer';
import { caSubject, encodeName } from '@imprint/contract/x509/name';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import { changed, type Draw } from '../draws.ts';
import { mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';
import { issuingSample, rootSample, signed, unitKeys } from '../x509-samples.ts';

const key = unitKeys[0]!;
const root = signed(rootSample);

const requestOf = (() => {
  const info = derSequence(
    derInteger(0),
    encodeName(caSubject('Example Works', 'prod', 'Device Issuing CA 2027')),
    key.spki,
    derExplicit(0),
  );
  const unsigned = {
    ...{ format: 'imprint-ca-request-v1', realm: 'prod', organization: 'Example Works' },
    ...{ log_id: 'ab'.repeat(32), made_at: '2026-06-01T12:00:00.000Z', ca_id: 'device-2027' },
    ...{ kind: 'device', subject: 'Device Issuing CA 2027', crl_partitions: 64, replaces: null },
    scope: { product: 'gateway', site: 'berlin', year: 2027 },
    csr_b64: toBase64(derSequence(info, signatureAlgorithm[key.type], derBitString(key.sign(info)))),
  };
  return (of: object = unsigned) => {
    const bytes = toUtf8(`imprint ca request v1\n${canonicalJson(of)}`);
    return { ...of, signature_b64: toBase64(key.sign(bytes)) };
  };
})();

/** Requests of CAs: one that is accepted is signed by its key as it stands. */
export function caRequestTarget(): FuzzTarget {
  return {
    name: 'ca-request',
    form: 'text',
    refusals: ['ceremony_invalid'],
    draw: (draw) => bytesOf(drawOf(draw, requestOf(), (value) => requestOf(withoutSignature(value)))),
    judge: (input) => {
      const text = textOf(input);
      const parsed = readCaRequest(text);
      assert.equal(parsed.fingerprint, sha256Hex(input));
      assert.ok(parsed.ca_id.startsWith(`${parsed.kind}-`));
      return undefined;
    },
  };
}

const bundleOf = (parts: object = {}) => {
  const content = {
    ...{ format: 'imprint-trust-bundle-v1' as const, realm: 'dev' as const, version: 2 },
    issued_at: '2026-06-01T12:00:00.000Z',
    anchors_b64: [toBase64(root)],
    intermediates_b64: [toBase64(signed(issuingSample))],
    ...parts,
  };
  const signature = rootSample.signer.sign(bundleBytes(content));
  return writeTrustBundle(content, [{ rootSha256: sha256Hex(root), signature }]);
};
const goodBundle = bundleOf();

/** Bundles of trust anchors: what the pinned root did not sign is never taken, and each has one spelling. */
export function trustBundleTarget(): FuzzTarget {
  return {
    name: 'trust-bundle',
    form: 'text',
    refusals: ['bundle_invalid', 'realm_mismatch', 'certificate_refused'],
    draw: (draw) =>
      bytesOf(drawOf(draw, JSON.parse(goodBundle), (value) => JSON.parse(bundleOf(withoutSignature(value))))),
    judge: (input) => {
      const text = textOf(input);
      const found = verifyTrustBundle(text, { root, realm: 'dev' });
      assert.ok(found.anchors.some(({ sha256 }) => sha256 === sha256Hex(root)));
      assert.equal(`${canonicalJson(JSON.parse(text))}`, text.replace(/\n$/, ''));
      return undefined;
    },
  };
}

const act = {
  ...{ at: '2026-06-01T12:00:00.000Z', realm: 'prod' as const, organization: 'Example Works' },
  ...{ people: ['A', 'B'] as [string, string], subject: '', number: null, in: [], out: [] },
};
const transcript = (() => {
  const first = nextLine(readTranscript(''), { ...act, act: 'root.begun' });
  const second = first + nextLine(readTranscript(first), { ...act, act: 'root.created' });
  const signedLine = { ...act, act: 'ca.signed' as const, subject: 'device-issuing' };
  const out = [{ file: 'issued/device-issuing.pem', sha256: 'cd'.repeat(32) }];
  return second + nextLine(readTranscript(second), { ...signedLine, out });
})();

/** Transcripts: what is read is written again as it was, so that its head is the hash of what stands there. */
export function transcriptTarget(): FuzzTarget {
  return {
    name: 'transcript',
    form: 'text',
    refusals: ['ceremony_invalid'],
    draw: (draw) => {
      const which = draw();
      if (which < 0.4) return bytesOf(changed(draw, 3, transcript, (text) => mutateText(draw, text)));
      const lines = transcript.split('\n').slice(0, -1);
      const at = Math.floor(draw() * lines.length);
      lines[at] = mutateJson(draw, JSON.parse(lines[at]!), canonicalJson);
      return bytesOf(`${lines.join('\n')}\n`);
    },
    judge: (input) => {
      const text = textOf(input);
      const { lines, head } = readTranscript(text);
      assertPlain(lines);
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      assert.equal(
        lines.map((line) => `${canonicalJson(line)}\n`).join(''),
        whole,
        'a transcript has two spellings',
      );
      const last = whole.split('\n').at(-2);
      assert.equal(head, last === undefined ? '0'.repeat(64) : sha256Hex(toUtf8(last)));
      return undefined;
    },
  };
}

/** A good one changed as text or along its structure, and one that was changed and then signed anew, where it can be. */
function drawOf(draw: Draw, good: object, again: (value: never) => object): string {
  const which = draw();
  const text = `${canonicalJson(good)}\n`;
  if (which < 0.05) return text;
  if (which < 0.3) return changed(draw, 3, text, (one) => mutateText(draw, one));
  const mutated = mutateJson(draw, good, canonicalJson);
  if (which < 0.6) return mutated;
  try {
    return canonicalJson(again(JSON.parse(mutated) as never));
  } catch {
    return mutated;
  }
}

function withoutSignature(value: object): object {
  const { signature_b64: _, signatures: _s, ...rest } = value as Record<string, unknown>;
  return rest;
}
