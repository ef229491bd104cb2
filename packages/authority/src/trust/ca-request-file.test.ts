/** Requests that their key has signed just so: what they ask for has to make sense all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { type CaRequest, furtherCa } from './ca-request.ts';
import { readCaRequest, writeCaRequest } from './ca-request-file.ts';

const signer = softwareSigner(makeKey('ec-p256'));
const origin = {
  ...{ realm: 'prod' as const, organization: 'Example', log_id: '0'.repeat(64) },
  made_at: '2026-01-01T00:00:00.000Z',
};
const asked = (caId: string, change: Partial<CaRequest> = {}) =>
  writeCaRequest(
    origin,
    { ...furtherCa(caId, anyScope), public_key_sha256: sha256Hex(signer.spki), ...change },
    signer,
  );
const refuses = async (text: Promise<string>, message: RegExp) => {
  const request = await text;
  assert.throws(() => readCaRequest(request), { code: 'ceremony_invalid' satisfies ErrorCode, message });
};

test('a request says what its key has signed', async () => {
  const request = readCaRequest(await asked('device-2027'));
  assert.deepEqual([request.kind, request.subject], ['device', 'Device Issuing CA 2027']);
  assert.equal(request.public_key_sha256, sha256Hex(signer.spki));
});

test('name, kind and subject go together, whatever its key has signed', async () => {
  await refuses(asked('device-2027', { subject: 'Device Root' }), /do not go together/);
  await refuses(asked('device-2027', { subject: 'Station CA 2027' }), /do not go together/);
  await refuses(asked('device-2027', { kind: 'station' }), /do not go together/);
  await refuses(asked('device-2027', { ca_id: 'device-2028' }), /do not go together/);
  await refuses(asked('device-2027', { ca_id: 'device-root' }), /no name of a CA/);
});

test('a station CA is bound to no product', async () => {
  const scope = { ...anyScope, product: 'gateway' };
  await refuses(asked('station-2027', { scope }), /bound to no product/);
});
