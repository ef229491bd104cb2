/**
 * A signer whose key is in a token: processes of their own sign, so that no call into a library ever holds the event loop.
 * It trusts neither the library nor that the token stays: the caller verifies each signature (custody `elsewhere`), and what
 * is not answered in time rejects.
 */
import { createPublicKey, hash, verify } from 'node:crypto';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { derInteger, derSequence } from '@imprint/contract/x509/der-writer';
import { encodePublicKey } from '@imprint/contract/x509/public-key';
import { digestOf } from '../key-type.ts';
import type { Signer } from '../signer.ts';
import { SigningChild } from './child-process.ts';
import { fieldBytes, type TokenKeyType } from './messages.ts';
import { tokenName } from './token-place.ts';
import type { TokenReference } from './token-reference.ts';

export interface TokenSignerOptions {
  /** The PIN, UTF-8; asked for at each opening, and overwritten after it. */
  readPin(): Promise<Uint8Array>;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
  /** Gives no PIN where a wrong one was given since the last right one: for whoever only looks, again and again. */
  sparing?: boolean;
  /** Defaults: those of `limits`. */
  signingTimeoutMs?: number;
  openTimeoutMs?: number;
  reopenMs?: number;
}

export interface TokenSigner extends Signer {
  readonly keyType: TokenKeyType;
  requireReady(): void;
  /** Lets go of the token; what still waits rejects with `unavailable`. */
  close(): Promise<void>;
  /** The processes that are there now. */
  readonly processIds: readonly number[];
}

/**
 * Opens the token in so many processes as the reference says, asserts I-12 in each, and has the first one sign a message of ours,
 * which tells a private key that stands beside another's public half.
 * @throws tool_missing, hsm_token_missing, hsm_key_missing, hsm_ambiguous, hsm_key_exposed, key_unsupported, key_locked (the
 * PIN is wrong, or the key is another; the PIN was tried once), unavailable; what `readPin` throws
 */
export async function openTokenSigner(
  reference: TokenReference,
  options: TokenSignerOptions,
): Promise<TokenSigner> {
  const begunMs = options.monotonicMs();
  const first = await openSeat(reference, options);
  const pool = new TokenPool(reference, options, first, begunMs);
  try {
    await pool.openAll();
    await requirePair(pool);
    return pool;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** No certificate and no other structure that anybody reads begins like this. */
const ownMessage = Buffer.from('imprint: the key of this token signs for the public key beside it\n');

async function requirePair(signer: Signer): Promise<void> {
  const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' });
  if (verify(digestOf(signer.keyType), ownMessage, key, await signer.sign(ownMessage))) return;
  throw new ImprintError('key_locked', "The token's private key is not that of the public key beside it.", {
    hint: 'Name another key: whoever made these two gave one ID to halves that do not belong together.',
  });
}

/** One process with its session. */
interface Seat {
  child: SigningChild;
  keyType: TokenKeyType;
  spki: Uint8Array;
  /** Messages that it has not answered yet. */
  asked: number;
  /** What a signature took it last; unknown before the first. */
  msPerDigest: number;
  answeredAtMs: number;
}

async function openSeat(reference: TokenReference, options: TokenSignerOptions): Promise<Seat> {
  const pin = await options.readPin();
  const child = new SigningChild();
  try {
    const request = { kind: 'open', reference, pin, sparing: options.sparing } as const;
    const reply = await child.ask(request, options.openTimeoutMs ?? limits.tokenOpenTimeoutMs);
    if (reply.kind !== 'opened') throw outOfStep();
    const { keyType } = reply;
    const { spki } = encodePublicKey(keyType, reply.point);
    return { child, keyType, spki, asked: 0, msPerDigest: Number.POSITIVE_INFINITY, answeredAtMs: 0 };
  } catch (error) {
    await child.close();
    throw error;
  } finally {
    pin.fill(0);
  }
}

/** A process has the next message at hand when it has answered one. */
const askedAtOnce = 2;
/** How long one message should keep a process: short beside what a station waits, long beside what a message costs. */
const messageMs = 20;

interface Waiting {
  digest: Uint8Array;
  resolve(signature: Uint8Array): void;
  reject(error: ImprintError): void;
}

class TokenPool implements TokenSigner {
  readonly custody = 'elsewhere';
  readonly keyType: TokenKeyType;
  readonly spki: Uint8Array;
  readonly #reference: TokenReference;
  readonly #options: TokenSignerOptions;
  readonly #size: number;
  #seats: Seat[];
  #queue: Waiting[] = [];
  #pumpIsDue = false;
  #openedAtMs: number;
  #opening: Promise<void> | undefined;
  /** Why it signs no more, ever. */
  #over: ImprintError | undefined;
  /** Why no session is opened any more, though those that are there go on: a PIN or key that only people can put right. */
  #locked: ImprintError | undefined;
  /** Why the last opening came to nothing. */
  #failure: unknown;

  constructor(reference: TokenReference, options: TokenSignerOptions, first: Seat, begunMs: number) {
    this.keyType = first.keyType;
    this.spki = first.spki;
    this.#reference = reference;
    this.#options = options;
    this.#size = reference.processes ?? 1;
    this.#seats = [first];
    this.#openedAtMs = begunMs;
  }

  get processIds(): number[] {
    return this.#alive().flatMap(({ child }) => child.pid ?? []);
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#reopenIfDue();
      const refusal = this.#refusal();
      if (refusal !== undefined) return reject(refusal);
      const digest = hash(digestOf(this.keyType)!, message, 'buffer');
      this.#queue.push({ digest, resolve, reject });
      this.#pumpSoon();
    });
  }

  requireReady(): void {
    this.#reopenIfDue();
    if (this.#over !== undefined) throw this.#over;
    if (this.#alive().length > 0) return;
    // an opening may come to nothing: whoever would be hurt by that asks again when it is over
    throw this.#locked ?? this.#lost();
  }

  async close(): Promise<void> {
    this.#over ??= new ImprintError('unavailable', 'The signing key is closed.');
    this.#rejectWaiting(this.#over);
    await this.#opening;
    await Promise.all(this.#seats.map(({ child }) => child.close()));
  }

  /** One after another: a wrong PIN is tried once, by however many processes. @throws as {@link openTokenSigner} */
  async openAll(): Promise<void> {
    this.#seats = this.#alive();
    while (this.#seats.length < this.#size) {
      const seat = await openSeat(this.#reference, this.#options);
      // also where it was closed meanwhile: closing waits for this, and then closes each
      this.#seats.push(seat);
      if (this.#over !== undefined) return;
      if (!equalBytes(seat.spki, this.spki)) {
        await seat.child.close();
        throw new ImprintError('key_locked', `Another key answers to the name in ${this.#name} now.`, {
          hint: 'Put the key of the CA certificate back, then start again.',
        });
      }
    }
  }

  #reopenIfDue(): void {
    const now = this.#options.monotonicMs();
    const waits = now - this.#openedAtMs < (this.#options.reopenMs ?? limits.tokenReopenMs);
    const isWhole = this.#alive().length === this.#size;
    const isOver = this.#over !== undefined || this.#locked !== undefined;
    if (isWhole || waits || isOver || this.#opening !== undefined) return;
    this.#openedAtMs = now;
    this.#opening = this.openAll()
      .then(
        () => {
          this.#failure = undefined;
        },
        (error) => {
          this.#failure = error;
          if (isImprintError(error, 'key_locked')) this.#locked = error;
        },
      )
      .finally(() => {
        this.#opening = undefined;
        this.#pump();
      });
  }

  /** Why nothing can be asked of it now. */
  #refusal(): ImprintError | undefined {
    if (this.#over !== undefined) return this.#over;
    if (this.#alive().length === 0 && this.#opening === undefined) return this.#locked ?? this.#lost();
    if (this.#queue.length < limits.digestsWaiting) return undefined;
    return new ImprintError('unavailable', `${limits.digestsWaiting} signatures wait for the HSM already.`, {
      hint: 'Ask again in some seconds.',
    });
  }

  /** At the end of this turn: whatever else it wants signed travels in the same message. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    setImmediate(() => {
      this.#pumpIsDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const free = this.#alive().filter(({ asked }) => asked < askedAtOnce);
      if (free.length === 0) break;
      const seat = free.reduce((least, each) => (each.asked < least.asked ? each : least));
      const places = free.reduce((sum, { asked }) => sum + askedAtOnce - asked, 0);
      const most = Math.min(limits.digestsPerMessage, Math.max(1, Math.floor(messageMs / seat.msPerDigest)));
      this.#ask(seat, this.#queue.splice(0, Math.min(most, Math.ceil(this.#queue.length / places))));
    }
    if (this.#queue.length === 0) return;
    const refusal = this.#refusal();
    if (refusal !== undefined) this.#rejectWaiting(refusal);
  }

  #ask(seat: Seat, some: Waiting[]): void {
    const { signingTimeoutMs = limits.signingTimeoutMs, monotonicMs } = this.#options;
    const askedAtMs = monotonicMs();
    seat.asked++;
    seat.child
      .ask({ kind: 'sign', digests: Buffer.concat(some.map(({ digest }) => digest)) }, signingTimeoutMs)
      .then((reply) => {
        if (reply.kind !== 'signed') throw outOfStep();
        const each = 2 * fieldBytes[this.keyType];
        const signed = Math.min(some.length, Math.floor(reply.signatures.length / each));
        for (let at = 0; at < signed; at++) {
          some[at]!.resolve(encode(reply.signatures.subarray(at * each, (at + 1) * each)));
        }
        const now = monotonicMs();
        seat.msPerDigest = (now - Math.max(askedAtMs, seat.answeredAtMs)) / some.length;
        seat.answeredAtMs = now;
        for (const { reject } of some.slice(signed)) reject(this.#lost(reply.refusal?.message));
      })
      .catch((error) => {
        for (const { reject } of some) reject(this.#lost((error as Error).message));
      })
      .finally(() => {
        seat.asked--;
        this.#pump();
      });
  }

  #alive(): Seat[] {
    return this.#seats.filter(({ child }) => child.isAlive);
  }

  #rejectWaiting(error: ImprintError): void {
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }

  get #name(): string {
    return tokenName(this.#reference);
  }

  #lost(why: string | undefined = (this.#failure as Error | undefined)?.message): ImprintError {
    return new ImprintError(
      'unavailable',
      `The signing key in ${this.#name} is out of reach${why === undefined ? '' : `: ${why}`}`,
      {
        hint: 'Look at the HSM. It is opened again by itself when something is to be signed; ask again then.',
      },
    );
  }
}

/** RFC 3279 section 2.2.3: ECDSA-Sig-Value of r and s, which PKCS#11 gives one after another. */
function encode(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return derSequence(derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half)));
}

function outOfStep(): ImprintError {
  return new ImprintError('unavailable', 'The process that signs answered what it was not asked.');
}
