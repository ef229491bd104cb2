/**
 * Finds the key that a reference names and asserts what an HSM is there for (I-12): it was made in the token, it is
 * sensitive, and it never could leave. What the token does not say counts as no.
 */
import { equalBytes, fromHex, toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { DerReader } from '@imprint/contract/x509/der';
import type { Handle, Template } from 'pkcs11js';
import { fieldBytes, type TokenKeyType } from './messages.ts';
import { call } from './pkcs11-module.ts';
import { tokenName } from './token-place.ts';
import type { TokenReference } from './token-reference.ts';
import type { TokenSession } from './token-session.ts';

export interface TokenKey {
  privateKey: Handle;
  keyType: TokenKeyType;
  /** The uncompressed point of the public half that stands beside it in the token; whether it is on its curve is not looked at. */
  point: Uint8Array;
}

/** @throws hsm_key_missing, hsm_ambiguous, hsm_key_exposed, key_unsupported, unavailable */
export function findTokenKey(opened: TokenSession, reference: TokenReference): TokenKey {
  const { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKA_ID, CKA_LABEL } = opened.module.constants;
  const name =
    reference.key_id === undefined
      ? { type: CKA_LABEL, value: reference.key_label! }
      : { type: CKA_ID, value: Buffer.from(fromHex(reference.key_id)) };
  const said =
    reference.key_id === undefined ? `the label ${reference.key_label}` : `the ID ${reference.key_id}`;
  const place = tokenName(reference);
  const privateKey = sole(
    findObjects(opened, CKO_PRIVATE_KEY, [name]),
    `private key with ${said} in ${place}`,
  );
  requireKept(opened, privateKey, `The key with ${said} in ${place}`);
  const id = attribute(opened, privateKey, CKA_ID);
  // keys that were made without an ID are paired by their label
  const pair = id === undefined || id.length === 0 ? name : { type: CKA_ID, value: id };
  const publicKey = sole(
    findObjects(opened, CKO_PUBLIC_KEY, [pair]),
    `public key beside the private key with ${said} in ${place}`,
  );
  return { privateKey, ...publicHalf(opened, publicKey) };
}

/** Handles of the objects of a class that have these attributes: at most two, which is enough to tell that there are several. */
export function findObjects({ module, session }: TokenSession, kind: number, template: Template): Handle[] {
  const { functions, constants } = module;
  const wanted = [{ type: constants.CKA_CLASS, value: kind }, ...template];
  call('C_FindObjectsInit', () => functions.C_FindObjectsInit(session, wanted));
  const found = call('C_FindObjects', () => functions.C_FindObjects(session, 2));
  call('C_FindObjectsFinal', () => functions.C_FindObjectsFinal(session));
  return found;
}

function sole([found, second]: Handle[], what: string): Handle {
  if (found === undefined) {
    throw new ImprintError('hsm_key_missing', `There is no ${what}.`, {
      hint: 'Look with pkcs11-tool --list-objects --login, and correct key_id or key_label; or make one with imprint hsm generate-key.',
    });
  }
  if (second !== undefined) {
    throw new ImprintError('hsm_ambiguous', `There is more than one ${what}.`, {
      hint: 'Give each key an ID of its own, and name the key by its key_id.',
    });
  }
  return found;
}

/** @throws hsm_key_exposed, key_unsupported */
export function requireKept(opened: TokenSession, privateKey: Handle, what: string): void {
  const { constants } = opened.module;
  const is = (type: number) => attribute(opened, privateKey, type)?.[0];
  const wrong = [
    is(constants.CKA_LOCAL) === 1 ? undefined : 'was not made in it',
    is(constants.CKA_SENSITIVE) === 1 ? undefined : 'can be read out of it',
    is(constants.CKA_EXTRACTABLE) === 0 ? undefined : 'can be taken out of it',
    is(constants.CKA_ALWAYS_SENSITIVE) === 1 ? undefined : 'could once be read out of it',
    is(constants.CKA_NEVER_EXTRACTABLE) === 1 ? undefined : 'could once be taken out of it',
  ].filter((each) => each !== undefined);
  if (wrong.length > 0) {
    throw new ImprintError('hsm_key_exposed', `${what} ${wrong.join(', and ')}.`, {
      hint: 'Make a new key inside the token with imprint hsm generate-key. What was outside once is no key of a CA.',
    });
  }
  if (is(constants.CKA_SIGN) !== 1 || is(constants.CKA_ALWAYS_AUTHENTICATE) === 1) {
    throw new ImprintError(
      'key_unsupported',
      `${what} does not sign, or asks for its PIN at each signature.`,
      {
        hint: 'Make the key with the usage of signing, and without CKA_ALWAYS_AUTHENTICATE.',
      },
    );
  }
}

/** Undefined where the token does not know or does not tell it: libraries answer that with several codes. */
function attribute({ module, session }: TokenSession, object: Handle, type: number): Buffer | undefined {
  try {
    return module.functions.C_GetAttributeValue(session, object, [{ type }])[0]?.value as Buffer | undefined;
  } catch {
    return undefined;
  }
}

/** Named curves as CKA_EC_PARAMS has them: DER of the object identifier. */
export const curveParameters: Record<TokenKeyType, Uint8Array> = {
  'ec-p256': fromHex('06082a8648ce3d030107'),
  'ec-p384': fromHex('06052b81040022'),
};

const maxPointBytes = 256;

function publicHalf(opened: TokenSession, publicKey: Handle): Pick<TokenKey, 'keyType' | 'point'> {
  const { CKA_EC_PARAMS, CKA_EC_POINT } = opened.module.constants;
  const parameters = attribute(opened, publicKey, CKA_EC_PARAMS) ?? new Uint8Array(0);
  const point = attribute(opened, publicKey, CKA_EC_POINT) ?? new Uint8Array(0);
  for (const keyType of ['ec-p256', 'ec-p384'] as const) {
    if (!equalBytes(parameters, curveParameters[keyType])) continue;
    return { keyType, point: plainPoint(point, keyType) };
  }
  throw new ImprintError('key_unsupported', "The token's key is on neither P-256 nor P-384.", {
    hint: 'Make one with imprint hsm generate-key.',
    context: { parameters: toHex(parameters.subarray(0, 32)) },
  });
}

/** PKCS#11 2.40 section 2.3.3 wraps the point in an OCTET STRING; some libraries hand out the point itself. */
function plainPoint(point: Uint8Array, keyType: TokenKeyType): Uint8Array {
  if (point.length === 1 + 2 * fieldBytes[keyType]) return Uint8Array.from(point);
  try {
    const reader = DerReader.over(Uint8Array.from(point), maxPointBytes);
    const plain = reader.octetString();
    reader.end();
    return plain;
  } catch (cause) {
    throw new ImprintError('key_unsupported', 'The token tells no point of its public key.', {
      hint: 'Make one with imprint hsm generate-key.',
      cause,
    });
  }
}
