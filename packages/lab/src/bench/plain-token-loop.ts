/** What nobody who signs with a token by PKCS#11 passes: one process that does nothing else, and waits for each call. */
import { createHash } from 'node:crypto';
import { findTokenKey } from '@imprint/authority/signer/pkcs11/token-key';
import type { TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { openTokenSession } from '@imprint/authority/signer/pkcs11/token-session';

export interface PlainLoop {
  reference: TokenReference;
  pin: Uint8Array;
  warmUp: number;
  count: number;
}

process.once('message', ({ reference, pin, warmUp, count }: PlainLoop) => {
  const opened = openTokenSession(reference, pin, false);
  const { privateKey } = findTokenKey(opened, reference);
  const { functions, constants } = opened.module;
  const mechanism = { mechanism: constants.CKM_ECDSA };
  const digest = createHash('sha256').update('certificate').digest();
  const signature = Buffer.alloc(64);
  const sign = (times: number) => {
    for (let time = 0; time < times; time++) {
      functions.C_SignInit(opened.session, mechanism, privateKey);
      functions.C_Sign(opened.session, digest, signature);
    }
  };
  sign(warmUp);
  const begun = performance.now();
  sign(count);
  const rate = (count * 1000) / (performance.now() - begun);
  opened.close();
  process.send!(rate, undefined, undefined, () => process.exit());
});
