/**
 * All that a device has to remember, in one record that is written whole: whom it trusts, its certificates with the names of their keys,
 * and what it has asked for. So whatever interrupts it, it starts with the old credentials or the new ones, and never with none.
 */
import { deviceIdText, instant, realmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';

const credential = z.strictObject({
  /** Of its key in the slot. */
  key: z.string().min(1).max(128),
  /** DER: the certificate, then what stands between it and the root. */
  chain_b64: z.array(z.base64()).min(1).max(limits.chainCertificates),
});

const state = z.strictObject({
  v: z.literal(1),
  realm: realmName,
  device_id: deviceIdText,
  /** DER of the roots, the one from the line first. Another one comes in only by a bundle that one of these has signed. */
  anchors_b64: z.array(z.base64()).min(1).max(4),
  /** Version of the newest bundle that was taken; 0 before the first. */
  bundle_version: z.int().min(0),
  idevid: z.nullable(credential),
  ldevid: z.nullable(credential),
  /** What stood in the place of the newest credential, for as long as that one was not used yet. */
  former: z.nullable(z.strictObject({ profile: z.enum(['idevid', 'ldevid']), credential })),
  /** A key for which a certificate is asked. */
  asked: z.nullable(
    z.strictObject({ profile: z.enum(['idevid', 'ldevid']), key: z.string().min(1).max(128) }),
  ),
  /** The configuration that is applied, as the authority named it. */
  configuration: z.nullable(z.strictObject({ etag: z.string().min(1).max(128) })),
  /** No time before this one is believed. */
  clock_floor: instant,
});

export type DeviceState = z.infer<typeof state>;
export type StoredCredential = z.infer<typeof credential>;
export type DeviceProfile = 'idevid' | 'ldevid';

/** The port to where the record is kept. */
export interface StateStore {
  /** Undefined where there is none. @throws storage_failed */
  read(): Promise<string | undefined>;
  /** Whole or not at all, and durable when it resolves. @throws storage_failed */
  write(text: string): Promise<void>;
}

/** @throws home_missing where the device was never provisioned; file_invalid where the record is not one; storage_failed */
export async function readState(store: StateStore): Promise<DeviceState> {
  const text = await store.read();
  if (text === undefined) {
    throw new ImprintError('home_missing', 'this device has no identity yet', {
      hint: 'It gets one on the line.',
    });
  }
  const parsed = state.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new ImprintError(
    'file_invalid',
    `the device's record is wrong at ${issue.path.join('.') || 'its start'}: ${issue.message}`,
    {
      hint: 'Nothing is done with it. Return the device: only the line makes its record.',
    },
  );
}

export function writeState(store: StateStore, next: DeviceState): Promise<void> {
  return store.write(`${JSON.stringify(state.parse(next))}\n`);
}

function parseJson(text: string): unknown {
  if (text.length > limits.dutMessageBytes * 4) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
