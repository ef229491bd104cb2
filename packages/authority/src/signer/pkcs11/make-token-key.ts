/** Makes a key pair inside a token, so that nobody ever had the private half. What stands in the token already stays as it is. */
import { ImprintError } from '@imprint/contract/errors';
import type { KeyToMake } from './messages.ts';
import { call } from './pkcs11-module.ts';
import { curveParameters, findObjects, requireKept } from './token-key.ts';
import { tokenName } from './token-place.ts';
import { openTokenSession } from './token-session.ts';

/**
 * Runs in a process of its own. The key is held against I-12 before anybody hears of it.
 * @throws tool_missing, hsm_token_missing, hsm_ambiguous (the label is taken), hsm_token_full, hsm_key_exposed, key_locked,
 * key_unsupported, unavailable
 */
export function makeTokenKey({ place, keyType, label, keyId }: KeyToMake, pin: Uint8Array): void {
  const opened = openTokenSession(place, pin, true);
  try {
    const { functions, constants } = opened.module;
    const named = { type: constants.CKA_LABEL, value: label };
    for (const kind of [constants.CKO_PRIVATE_KEY, constants.CKO_PUBLIC_KEY]) {
      if (findObjects(opened, kind, [named]).length === 0) continue;
      throw new ImprintError('hsm_ambiguous', `A key with the label ${label} is in ${tokenName(place)}.`, {
        hint: 'Choose another --label. No key of a token is ever replaced.',
      });
    }
    const both = [
      { type: constants.CKA_TOKEN, value: true },
      named,
      { type: constants.CKA_ID, value: Buffer.from(keyId) },
    ];
    const publicHalf = [
      ...both,
      { type: constants.CKA_VERIFY, value: true },
      { type: constants.CKA_EC_PARAMS, value: Buffer.from(curveParameters[keyType]) },
    ];
    const privateHalf = [
      ...both,
      { type: constants.CKA_PRIVATE, value: true },
      { type: constants.CKA_SENSITIVE, value: true },
      { type: constants.CKA_EXTRACTABLE, value: false },
      { type: constants.CKA_SIGN, value: true },
      // some tokens let a key do everything that it is not told not to
      ...[constants.CKA_DECRYPT, constants.CKA_UNWRAP, constants.CKA_DERIVE, constants.CKA_SIGN_RECOVER].map(
        (type) => ({ type, value: false }),
      ),
    ];
    const mechanism = { mechanism: constants.CKM_EC_KEY_PAIR_GEN };
    const { privateKey } = call('C_GenerateKeyPair', () =>
      functions.C_GenerateKeyPair(opened.session, mechanism, publicHalf, privateHalf),
    );
    requireKept(opened, privateKey, `The new key in ${tokenName(place)}`);
  } finally {
    opened.close();
  }
}
