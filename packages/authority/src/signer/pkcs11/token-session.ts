/** A session with one token, logged in. The PIN is tried once, and never where one more wrong one would lock the token. */
import { ImprintError } from '@imprint/contract/errors';
import type { Handle, TokenInfo } from 'pkcs11js';
import { call, openModule, type Pkcs11Module } from './pkcs11-module.ts';
import { type TokenPlace, tokenName } from './token-place.ts';

export interface TokenSession {
  readonly module: Pkcs11Module;
  readonly session: Handle;
  /** Logs out and lets go of the library. */
  close(): void;
}

/**
 * @param changes whether keys will be made: a session that only signs cannot change the token
 * @param sparing whether the PIN is given only where the last one that was given was right
 * @throws tool_missing, hsm_token_missing, hsm_ambiguous, key_locked, unavailable
 */
export function openTokenSession(
  place: TokenPlace,
  pin: Uint8Array,
  changes: boolean,
  sparing = false,
): TokenSession {
  const module = openModule(place.module);
  try {
    const { functions, constants } = module;
    const { slot, info } = findToken(module, place);
    refuseLastTry(module, place, info);
    if (sparing) refuseAfterWrongPin(module, place, info);
    const flags = constants.CKF_SERIAL_SESSION | (changes ? constants.CKF_RW_SESSION : 0);
    const session = call('C_OpenSession', () => functions.C_OpenSession(slot, flags));
    call('C_Login', () => functions.C_Login(session, constants.CKU_USER, Buffer.from(pin).toString('utf8')));
    return { module, session, close: () => module.close() };
  } catch (error) {
    module.close();
    throw error;
  }
}

interface FoundToken {
  slot: Handle;
  info: TokenInfo;
}

function findToken(module: Pkcs11Module, place: TokenPlace): FoundToken {
  const { functions, constants } = module;
  const present: FoundToken[] = [];
  for (const slot of call('C_GetSlotList', () => functions.C_GetSlotList(true))) {
    const info = call('C_GetTokenInfo', () => functions.C_GetTokenInfo(slot));
    if ((info.flags & constants.CKF_TOKEN_INITIALIZED) !== 0) present.push({ slot, info });
  }
  const named = present.filter(
    ({ info }) =>
      unpadded(info.label) === place.token &&
      (place.serial === undefined || unpadded(info.serialNumber) === place.serial),
  );
  const [found, second] = named;
  if (found === undefined) {
    const others = present.map(({ info }) => unpadded(info.label)).slice(0, 8);
    throw new ImprintError(
      'hsm_token_missing',
      `${tokenName(place)} is not there; ${others.length === 0 ? 'the library sees no token at all' : `the library sees ${others.join(', ')}`}`,
      { hint: 'Look with pkcs11-tool --list-token-slots, and correct the label or serial of the token.' },
    );
  }
  if (second !== undefined) {
    const serials = named.map(({ info }) => unpadded(info.serialNumber)).join(', ');
    throw new ImprintError('hsm_ambiguous', `${named.length} tokens have the label ${place.token}`, {
      hint: `Name one of them by its serial: ${serials}.`,
    });
  }
  return found;
}

/** @throws key_locked */
function refuseLastTry({ constants }: Pkcs11Module, place: TokenPlace, { flags }: TokenInfo): void {
  if ((flags & constants.CKF_USER_PIN_LOCKED) !== 0) {
    throw new ImprintError('key_locked', `The PIN of ${tokenName(place)} is locked.`, {
      hint: 'Have the security officer of the token set the PIN anew, then start again.',
    });
  }
  if ((flags & constants.CKF_USER_PIN_FINAL_TRY) === 0) return;
  throw new ImprintError(
    'key_locked',
    `Of the PIN of ${tokenName(place)} one try is left, and it is not used up by a program.`,
    {
      hint: "Log in with the vendor's own tool and the right PIN, which resets the count; then start again.",
    },
  );
}

/** Whoever looks again and again would use up one try after another. @throws key_locked */
function refuseAfterWrongPin({ constants }: Pkcs11Module, place: TokenPlace, { flags }: TokenInfo): void {
  if ((flags & constants.CKF_USER_PIN_COUNT_LOW) === 0) return;
  throw new ImprintError(
    'key_locked',
    `A wrong PIN was given to ${tokenName(place)} since the last right one, and none is tried only to look.`,
    {
      hint: 'Correct the file of the PIN, then log in once: imprint hsm check KEY.token.json --pin-file FILE, which resets the count.',
    },
  );
}

/** Labels and serials come padded with blanks, from some libraries with zero bytes. */
function unpadded(text: string): string {
  return text.replace(/[ \0]+$/, '');
}
