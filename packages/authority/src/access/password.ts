/**
 * Passwords: scrypt (RFC 7914) with its parameters stored beside the hash, so that they can grow. A check costs the same whether the
 * account exists or not, and only so many run at once: each takes memory that a stranger could otherwise use up.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { fromHex, toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Entropy } from '../surroundings.ts';

export interface PasswordCost {
  /** Its binary logarithm. */
  N: number;
  r: number;
  p: number;
}

/** 32 MB, three times over: one of the settings that OWASP's password storage sheet names for scrypt. */
const present: PasswordCost = { N: 15, r: 8, p: 3 };
const hashBytes = 32;
const stored = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([0-9a-f]{32})\$([0-9a-f]{64})$/;
/** What a stranger's check is made against. Nothing has this hash. */
const nobodys = `scrypt$${present.N}$${present.r}$${present.p}$${'00'.repeat(16)}$${'00'.repeat(hashBytes)}`;

/** @throws bad_request for one that is too short or too long */
export async function hashPassword(
  password: Uint8Array,
  entropy: Entropy,
  cost: PasswordCost = present,
): Promise<string> {
  const characters = new TextDecoder().decode(password).length;
  if (characters < limits.passwordCharactersMin || password.length > limits.passwordBytes) {
    throw new ImprintError(
      'bad_request',
      `a password has ${limits.passwordCharactersMin} characters or more`,
      {
        hint: `Take a sentence of several words; at most ${limits.passwordBytes} bytes.`,
      },
    );
  }
  const salt = entropy(16);
  const hash = await derive(password, salt, cost);
  return `scrypt$${cost.N}$${cost.r}$${cost.p}$${toHex(salt)}$${toHex(hash)}`;
}

/** Whether the password is the one that was hashed; with null, for an account that has none, the work is done all the same. */
export async function isPassword(password: Uint8Array, hashed: string | null): Promise<boolean> {
  const match = stored.exec(hashed ?? nobodys);
  if (match === null) throw new ImprintError('internal', 'the hash of a password cannot be read');
  const cost = { N: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  const hash = await derive(password.subarray(0, limits.passwordBytes), fromHex(match[4]!), cost);
  const isSame = timingSafeEqual(hash, fromHex(match[5]!));
  return isSame && hashed !== null && password.length <= limits.passwordBytes;
}

let running = 0;
const waiting: (() => void)[] = [];

async function derive(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: PasswordCost,
): Promise<Uint8Array> {
  await takeTurn();
  try {
    return await new Promise((resolve, reject) => {
      const cost = { N: 2 ** N, r, p, maxmem: 2 ** N * r * 256 };
      scrypt(password, salt, hashBytes, cost, (error, key) => (error ? reject(error) : resolve(key)));
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

/** @throws rate_limited where too many wait already */
async function takeTurn(): Promise<void> {
  if (running < limits.passwordChecksAtOnce) {
    running++;
    return;
  }
  if (waiting.length >= limits.passwordChecksWaiting) {
    throw new ImprintError('rate_limited', 'too many sign-ins are being checked', {
      hint: 'Wait a moment and try again.',
    });
  }
  // whoever ends hands its turn on
  await new Promise<void>((resolve) => waiting.push(resolve));
}
