/**
 * New trust anchors, which come in by the word of one that the device has and in no other way: so the bundle may be fetched from anywhere,
 * over plain HTTP too.
 */
import { fromBase64, fromUtf8, toBase64 } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import type { DeviceState } from './device-state.ts';

/** The record with the newer bundle's anchors; undefined where there is none that is newer, or none is to be had now. */
export async function takeBundle(url: URL, state: DeviceState): Promise<DeviceState | undefined> {
  const text = await fetched(url);
  if (text === undefined) return undefined;
  const { realm, bundle_version: newerThan } = state;
  for (const anchor of state.anchors_b64) {
    try {
      const bundle = verifyTrustBundle(text, { root: fromBase64(anchor), realm, newerThan });
      const anchors_b64 = bundle.anchors.map(({ der }) => toBase64(der));
      return { ...state, anchors_b64, bundle_version: bundle.version };
    } catch (error) {
      if (!isImprintError(error)) throw error;
    }
  }
  return undefined;
}

async function fetched(url: URL): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(limits.deviceAnswerMs),
    });
    if (!answer.ok || answer.body === null) return undefined;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of answer.body) {
      bytes += part.length;
      if (bytes > limits.bundleBytes) return undefined;
      parts.push(part);
    }
    return fromUtf8(Buffer.concat(parts));
  } catch {
    // away, or no text: the device goes on with what it has
    return undefined;
  }
}
