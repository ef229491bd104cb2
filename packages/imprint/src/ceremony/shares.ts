/**
 * Shares of a root's passphrase: of n people any k open the keys, and fewer know nothing. The arithmetic is a library's; here stands
 * what each file says, so that shares of two roots are not taken for one another.
 */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { fromBase64, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { combine, split } from 'shamir-secret-sharing';
import { readBoundedFile } from '../read-bounded-file.ts';
import { writeSecretFile } from '../write-secret-file.ts';

export interface ShareCounts {
  /** How many open the keys, and how many there are. */
  needed: number;
  all: number;
}

const secretBytes = 32;
const maxShares = 16;
const shareLine =
  /^imprint-share-v1 ([0-9a-f]{16}) (\d{1,2}) of (\d{1,2}) needs (\d{1,2}) ([A-Za-z0-9+/=]{1,200})\n?$/;

/** `2/3`: two of three. @throws usage */
export function readShareCounts(text: string): ShareCounts {
  const [needed, all] = (/^(\d{1,2})\/(\d{1,2})$/.exec(text) ?? []).slice(1).map(Number);
  if (needed !== undefined && all !== undefined && needed >= 2 && needed <= all && all <= maxShares) {
    return { needed, all };
  }
  throw new ImprintError('usage', `--shares does not take ${text.slice(0, 40)}`, {
    hint: `Such as 2/3: two of three people open the keys. From 2 to ${maxShares}.`,
  });
}

/** The passphrase that a secret of 32 random bytes is. */
const passphraseOf = (secret: Uint8Array) => toUtf8(toBase64(secret));
/** Names the set without telling anything of a secret that nobody can guess, and tells whether shares were put together right. */
const setOf = (secret: Uint8Array) =>
  sha256Hex(toUtf8(`imprint shares v1\n${toBase64(secret)}`)).slice(0, 16);

/**
 * Makes a passphrase, writes its shares to files of their own (0600), and gives it.
 * @throws home_exists where something stands at one of the places, usage where they are not as many as the shares
 */
export async function makeShares(
  { needed, all }: ShareCounts,
  files: readonly string[],
  entropy: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  if (new Set(files.map((file) => resolve(file))).size !== all) {
    throw new ImprintError(
      'usage',
      `${all} shares go to as many files, each its own, and ${files.length} were named`,
      {
        hint: 'Give --share-file once for each share, best on a stick for each person.',
      },
    );
  }
  for (const file of files) {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) continue;
    throw new ImprintError('home_exists', `there is something at ${file} already`, {
      hint: 'Shares are written over nothing. If they are of this ceremony, which was broken off: give them with --share.',
    });
  }
  const secret = Uint8Array.from(entropy(secretBytes));
  const shares = await split(secret, all, needed);
  for (const [at, share] of shares.entries()) {
    const text = `imprint-share-v1 ${setOf(secret)} ${at + 1} of ${all} needs ${needed} ${toBase64(share)}\n`;
    writeSecretFile(files[at]!, text);
    share.fill(0);
  }
  const passphrase = passphraseOf(secret);
  secret.fill(0);
  return passphrase;
}

/**
 * The passphrase from shares of people who are there.
 * @throws ceremony_invalid for what is no share, or of another set; passphrase_wrong for too few
 */
export async function joinShares(files: readonly string[]): Promise<Uint8Array> {
  const read = files.map(readShare);
  const [first] = read;
  if (first === undefined)
    throw new ImprintError('usage', 'No share was named.', { hint: 'Give --share FILE.' });
  const stranger = read.find(({ set }) => set !== first.set);
  if (stranger !== undefined) {
    throw new ImprintError('ceremony_invalid', `${stranger.file} and ${first.file} are shares of two roots`, {
      hint: 'Bring the shares of the root whose stick this is.',
    });
  }
  const distinct = [...new Map(read.map((share) => [share.number, share])).values()];
  if (distinct.length < first.needed) {
    throw new ImprintError(
      'passphrase_wrong',
      `${first.needed} shares open the keys, and ${distinct.length} are here`,
      {
        hint: 'Give --share once for each person who is there.',
      },
    );
  }
  const secret = await combine(distinct.map(({ share }) => share));
  const isRight = secret.length === secretBytes && setOf(secret) === first.set;
  const passphrase = passphraseOf(secret);
  secret.fill(0);
  if (isRight) return passphrase;
  throw new ImprintError('ceremony_invalid', 'The shares do not make the secret: one of them was changed.', {
    hint: 'Try with the share of another person in the place of one of these.',
  });
}

function readShare(file: string) {
  const found = shareLine.exec(readBoundedFile(file, 1024));
  if (found === null) {
    throw new ImprintError('ceremony_invalid', `${file} is no share of a key`, {
      hint: 'A share is one line that imprint root create wrote.',
    });
  }
  const [, set, number, , needed, share] = found;
  return {
    file,
    set: set!,
    number: Number(number),
    needed: Number(needed),
    share: fromBase64(share!, 'ceremony_invalid'),
  };
}
