/**
 * Makes OpenSSL's verifications in this process happen at once instead of on libuv's pool, whose threads finish in an order
 * that no seed decides. Imported for that effect before anything else; the arithmetic and its verdict are the same.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const { verify } = crypto;

type Callback = (error: Error | null, valid: boolean) => void;

crypto.verify = ((algorithm, data, key, signature, callback?: Callback) => {
  if (callback === undefined) return verify(algorithm, data, key, signature);
  let answer: [Error | null, boolean];
  try {
    answer = [null, verify(algorithm, data, key, signature)];
  } catch (error) {
    answer = [error as Error, false];
  }
  queueMicrotask(() => callback(...answer));
}) as typeof verify;
syncBuiltinESMExports();
