/**
 * Loads a vendor's PKCS#11 library. It runs in a process that does nothing else: what a foreign library does to its
 * process, by a fault or by intent, never happens to the one that decides.
 */
import { createRequire } from 'node:module';
import { ImprintError } from '@imprint/contract/errors';
import type { PKCS11 } from 'pkcs11js';

export interface Pkcs11Module {
  readonly constants: typeof import('pkcs11js');
  /** PKCS#11's functions. Each is called through {@link call}. */
  readonly functions: PKCS11;
  close(): void;
}

/** @throws tool_missing where pkcs11js was not compiled, or the library is not there or is none */
export function openModule(path: string): Pkcs11Module {
  const constants = loadPkcs11js();
  const functions = new constants.PKCS11();
  try {
    functions.load(path);
  } catch (cause) {
    throw new ImprintError(
      'tool_missing',
      `The PKCS#11 library ${path} cannot be loaded: ${(cause as Error).message}`,
      {
        hint: "Install the HSM's library, and name its absolute path as `module`. SoftHSM's is /usr/lib/softhsm/libsofthsm2.so (package softhsm2).",
        cause,
      },
    );
  }
  const module: Pkcs11Module = {
    constants,
    functions,
    close: () => {
      try {
        functions.C_Finalize();
      } catch {
        // the process ends next, and the library with it
      }
    },
  };
  // without this flag a library may take itself to be alone in a process with one thread, and Node's has several
  call('C_Initialize', () => functions.C_Initialize({ flags: constants.CKF_OS_LOCKING_OK }));
  return module;
}

function loadPkcs11js(): typeof import('pkcs11js') {
  try {
    return createRequire(import.meta.url)('pkcs11js');
  } catch (cause) {
    throw new ImprintError('tool_missing', 'pkcs11js, which speaks to HSMs, was not compiled.', {
      hint: 'Install a C++ compiler (package g++), then run: npm run setup -- --with-hsm',
      cause,
    });
  }
}

/**
 * Calls one function. What it says no to is told by PKCS#11's own names, and by nothing that it was called with.
 * @throws key_locked, hsm_token_missing, hsm_token_full, key_unsupported, or unavailable for all else
 */
export function call<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ImprintError) throw error;
    // pkcs11js gives its own class of errors for most functions, and plain ones with the same text for some
    const said = /\bCKR_[A-Z0-9_]+/.exec((error as Error).message)?.[0] ?? 'a failure without a name';
    const [code, what, hint] = meanings[said] ?? lost;
    throw new ImprintError(code, `${what} (${name} gave ${said}).`, { hint });
  }
}

type Meaning = readonly [
  'key_locked' | 'hsm_token_missing' | 'hsm_token_full' | 'key_unsupported' | 'unavailable',
  string,
  string,
];

const wrongPin: Meaning = [
  'key_locked',
  'The PIN is wrong',
  'Correct the PIN, then start again. It was tried once and is not tried again by itself: a token locks after some wrong ones.',
];
const lockedPin: Meaning = [
  'key_locked',
  "The token's PIN is locked",
  'Have the security officer of the token set the PIN anew, then start again.',
];
const gone: Meaning = [
  'hsm_token_missing',
  'The token is not there',
  'Look with pkcs11-tool --list-token-slots whether it is there and initialised.',
];
const full: Meaning = [
  'hsm_token_full',
  'The token has no room for another key; those that are in it are as they were',
  'Remove keys from the token that nobody uses, or take another token.',
];
const unfit: Meaning = [
  'key_unsupported',
  'The token cannot do this with keys of this type',
  'Make a P-256 or P-384 key: the token has to offer CKM_EC_KEY_PAIR_GEN and CKM_ECDSA.',
];
const lost: Meaning = [
  'unavailable',
  'The HSM did not do what it was asked',
  'Look at the HSM and at the way to it. It is opened again by itself when something is to be signed.',
];

const meanings: Record<string, Meaning> = {
  CKR_PIN_INCORRECT: wrongPin,
  CKR_PIN_INVALID: wrongPin,
  CKR_PIN_LEN_RANGE: wrongPin,
  CKR_PIN_EXPIRED: lockedPin,
  CKR_PIN_LOCKED: lockedPin,
  CKR_USER_PIN_NOT_INITIALIZED: lockedPin,
  CKR_TOKEN_NOT_PRESENT: gone,
  CKR_TOKEN_NOT_RECOGNIZED: gone,
  CKR_DEVICE_MEMORY: full,
  CKR_MECHANISM_INVALID: unfit,
  CKR_MECHANISM_PARAM_INVALID: unfit,
  CKR_CURVE_NOT_SUPPORTED: unfit,
  CKR_DOMAIN_PARAMS_INVALID: unfit,
};
