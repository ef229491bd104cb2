/**
 * Keys of other realms (I-20): the file in which a realm tells which ones it has certified, and their refusal here. A board from the
 * bench that comes to the line with its key is a board whose key was in other hands.
 */
import { type Actor, type RealmName, realmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { ExcludedKeyTable, Tables } from '../storage/tables.ts';

export interface RealmKeys {
  realm: RealmName;
  /** Of the log that certified them. */
  logId: string;
  /** SHA-256 of the public keys (SubjectPublicKeyInfo, DER), hex. */
  keys: string[];
}

/** How many entries one decision appends, so that nobody waits long behind it. */
const entriesPerDecision = 5;

/** Every key that this authority was ever asked to certify: of devices and of stations. */
export async function ownKeys(db: Kysely<Tables>): Promise<string[]> {
  const devices = await db.selectFrom('public_key').select('public_key_sha256').execute();
  const stations = await db
    .selectFrom('station')
    .select('public_key_sha256')
    .where('public_key_sha256', 'is not', null)
    .execute();
  return [...new Set([...devices, ...stations].map(({ public_key_sha256 }) => public_key_sha256!))].sort();
}

/** One line that says whose they are, then a hash a line. */
export function writeRealmKeys({ realm, logId, keys }: RealmKeys): string {
  return [`imprint-realm-keys-v1 ${realm} ${logId}`, ...keys, ''].join('\n');
}

/** @throws file_invalid with the line */
export function readRealmKeys(text: string): RealmKeys {
  const [head = '', ...lines] = text.split(/\r?\n/);
  const found = /^imprint-realm-keys-v1 ([a-z]+) ([0-9a-f]{64})$/.exec(head);
  const realm = realmName.safeParse(found?.[1]);
  if (!realm.success) throw invalid(1, 'it does not say whose keys they are');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > limits.keysPerFile) throw invalid(limits.keysPerFile + 2, 'it names too many keys');
  const wrong = lines.findIndex((line) => !/^[0-9a-f]{64}$/.test(line));
  if (wrong >= 0) throw invalid(wrong + 2, 'it is no SHA-256 in lower-case hex');
  return { realm: realm.data, logId: found![2]!, keys: lines };
}

export interface Excluded {
  /** How many were not known as another realm's before. */
  added: number;
  /** Keys that this authority has certified already, with whose they are here. */
  certifiedHere: { public_key_sha256: string; device_id: string }[];
}

/**
 * Excludes the keys for ever. For each that was certified here already an alarm is raised: that unit is in two realms.
 * @throws realm_mismatch for a file of this realm
 */
export async function excludeKeys(
  ledger: Ledger,
  own: RealmName,
  by: Actor,
  { realm, logId, keys }: RealmKeys,
): Promise<Excluded> {
  if (realm === own) {
    throw new ImprintError('realm_mismatch', `the keys are of the realm ${realm} itself`, {
      hint: 'Give the file of another realm: imprint realm keys, run at that one.',
    });
  }
  const excluded: Excluded = { added: 0, certifiedHere: [] };
  const share = limits.keysPerLogEntry * entriesPerDecision;
  for (let at = 0; at < keys.length; at += share) {
    const part = await ledger.submit<Excluded>(async ({ tx }) => {
      const entries: Draft[] = [];
      const found: Excluded = { added: 0, certifiedHere: [] };
      for (let from = at; from < Math.min(at + share, keys.length); from += limits.keysPerLogEntry) {
        const wanted = [...new Set(keys.slice(from, Math.min(from + limits.keysPerLogEntry, at + share)))];
        const known = await excludedOf(tx, wanted);
        const added = wanted.filter((key) => !known.has(key));
        if (added.length === 0) continue;
        found.added += added.length;
        entries.push({
          type: 'keys.excluded',
          actor: by,
          data: { realm, log_id: logId, public_key_sha256s: added },
        });
        const here = await tx
          .selectFrom('public_key')
          .selectAll()
          .where('public_key_sha256', 'in', added)
          .execute();
        for (const { public_key_sha256, device_id } of here) {
          found.certifiedHere.push({ public_key_sha256, device_id });
          const detail = `its key was certified in the realm ${realm} as well: ${public_key_sha256}`;
          const data = { kind: 'foreign-identity' as const, subject: device_id.replaceAll(':', '.'), detail };
          entries.push({ type: 'alarm.raised', actor: by, data });
        }
      }
      return { entries, reply: () => found };
    });
    excluded.added += part.added;
    excluded.certifiedHere.push(...part.certifiedHere);
  }
  return excluded;
}

/** @throws key_reused where another realm has certified the key */
export async function refuseExcluded(db: Kysely<Tables>, publicKeySha256: string): Promise<void> {
  const [excluded] = (await selectExcluded(db, { public_key_sha256: publicKeySha256 })).rows;
  if (excluded === undefined) return;
  throw new ImprintError('key_reused', `this key was certified in the realm ${excluded.realm}`, {
    hint: 'Put the unit into the quarantine box: it comes from a bench or a test line, and its key was in other hands.',
  });
}

async function excludedOf(tx: Kysely<Tables>, keys: readonly string[]): Promise<Set<string>> {
  const rows = await tx
    .selectFrom('excluded_key')
    .select('public_key_sha256')
    .where('public_key_sha256', 'in', [...keys])
    .execute();
  return new Set(rows.map(({ public_key_sha256 }) => public_key_sha256));
}

function invalid(line: number, what: string): ImprintError {
  return new ImprintError('file_invalid', `line ${line} of the keys is wrong: ${what}`, {
    hint: 'Take the file that imprint realm keys wrote; nothing of this one was taken.',
    context: { line },
  });
}

const selectExcluded = statement<{ public_key_sha256: string }, Pick<ExcludedKeyTable, 'realm'>>((db, arg) =>
  db.selectFrom('excluded_key').select('realm').where('public_key_sha256', '=', arg('public_key_sha256')),
);
