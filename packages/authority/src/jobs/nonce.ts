/** Single-use nonces of 32 random bytes, bound to what they are for, to an attempt and to a time of minutes. */
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Selectable, Transaction } from 'kysely';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { NonceTable, Tables } from '../storage/tables.ts';
import type { LineCore } from './line-core.ts';

export interface GivenNonce {
  nonce: string;
  expires_at: string;
}

export interface NonceUse {
  purpose: NonceTable['purpose'];
  /** The job or check. */
  subject: string;
  attempt: number;
}

/** Draws a nonce; the caller stores it with {@link storeNonce} in the transaction that answers with it. */
export function drawNonce(core: LineCore, now: Date): GivenNonce {
  return {
    nonce: toHex(core.entropy(32)),
    expires_at: new Date(now.getTime() + limits.nonceLifeMs).toISOString(),
  };
}

export async function storeNonce(tx: Transaction<Tables>, given: GivenNonce, use: NonceUse): Promise<void> {
  await insertNonce(tx, { ...given, ...use });
}

/**
 * Checks a nonce inside the decision that uses it up with {@link spendNonce}.
 * @throws nonce_invalid where it is unknown, for something else, spent or too old
 */
export async function requireNonce(reading: Reading, nonce: string, use: NonceUse): Promise<void> {
  const [row] = (await selectNonce(reading.tx, { nonce })).rows;
  const fits =
    row !== undefined &&
    row.purpose === use.purpose &&
    row.subject === use.subject &&
    row.attempt === use.attempt;
  if (!fits) throw refused('was not given for this');
  if (row.used_at !== null) throw refused('was used before');
  if (row.expires_at <= reading.at) throw refused(`ran out at ${row.expires_at}`);
}

export async function spendNonce(tx: Transaction<Tables>, nonce: string, at: string): Promise<void> {
  await markUsed(tx, { nonce, at });
}

const insertNonce = statement<GivenNonce & NonceUse>((db, arg) =>
  db.insertInto('nonce').values({
    nonce: arg('nonce'),
    expires_at: arg('expires_at'),
    purpose: arg('purpose'),
    subject: arg('subject'),
    attempt: arg('attempt'),
    used_at: null,
  }),
);

const selectNonce = statement<{ nonce: string }, Selectable<NonceTable>>((db, arg) =>
  db.selectFrom('nonce').selectAll().where('nonce', '=', arg('nonce')),
);

const markUsed = statement<{ nonce: string; at: string }>((db, arg) =>
  db
    .updateTable('nonce')
    .set({ used_at: arg('at') })
    .where('nonce', '=', arg('nonce')),
);

function refused(why: string): ImprintError {
  return new ImprintError('nonce_invalid', `the nonce ${why}`, {
    hint: 'Ask for a new one and let the unit sign again.',
  });
}
