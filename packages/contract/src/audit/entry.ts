/**
 * What the audit log says, one schema a type of entry. For orders, devices, jobs, credentials and lifecycle the
 * log is the truth: an entry carries all that its projection into tables needs, and no secret.
 * A new type of entry stands with its subject in `entries/`, and is known from then on; fields that several share stand in `entries/fields.ts`.
 */
import { z } from 'zod';
import { fromUtf8 } from '../bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../canonical-json.ts';
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { configurationEntries } from './entries/configuration.ts';
import { contactEntries } from './entries/contact.ts';
import { type Actor, actor, instant, type RealmName, realmName } from './entries/fields.ts';
import { jobEntries } from './entries/job.ts';
import { onboardingEntries } from './entries/onboarding.ts';
import { orderEntries } from './entries/order.ts';
import { peopleEntries } from './entries/people.ts';
import { stationEntries } from './entries/station.ts';
import { trustEntries } from './entries/trust.ts';
import { watchEntries } from './entries/watch.ts';

export {
  type ConfigurationScope,
  configurationEtag,
  configurationOutcome,
  configurationScope,
  type VersionRef,
  versionRef,
} from './entries/configuration.ts';
export * from './entries/fields.ts';

export const entryData = {
  ...trustEntries,
  ...orderEntries,
  ...stationEntries,
  ...jobEntries,
  ...onboardingEntries,
  ...contactEntries,
  ...peopleEntries,
  ...configurationEntries,
  ...watchEntries,
} as const;

export type EntryType = keyof typeof entryData;
export type EntryData<T extends EntryType> = z.infer<(typeof entryData)[T]>;

/** One entry, told apart by `type`. */
export type AuditEntry = {
  [T in EntryType]: {
    v: 1;
    type: T;
    at: string;
    realm: RealmName;
    actor: Actor;
    /** 16 random bytes, hex: without it an entry's hash could be guessed from what a factory makes. */
    salt: string;
    data: EntryData<T>;
  };
}[EntryType];

const envelope = z.strictObject({
  v: z.literal(1),
  type: z.enum(Object.keys(entryData) as [EntryType, ...EntryType[]]),
  at: instant,
  realm: realmName,
  actor,
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  data: z.unknown(),
});

const encoder = new TextEncoder();

/**
 * The bytes of an entry as the log hashes them: canonical JSON (RFC 8785), UTF-8.
 * @throws entry_invalid where they would be longer than `limits.logEntryBytes`
 */
export function encodeEntry(entry: AuditEntry): Uint8Array {
  const bytes = encoder.encode(canonicalJson(entry));
  if (bytes.length > limits.logEntryBytes) {
    throw new ImprintError(
      'entry_invalid',
      `an entry of type ${entry.type} would take ${bytes.length} bytes; the log takes ${limits.logEntryBytes}`,
    );
  }
  return bytes;
}

/**
 * Reads an entry and refuses whatever this version does not know.
 * @throws entry_invalid with the field at fault
 */
export function decodeEntry(bytes: Uint8Array): AuditEntry {
  if (bytes.length > limits.logEntryBytes) throw new ImprintError('entry_invalid', 'the entry is too long');
  try {
    const outer = envelope.parse(parseCanonicalJson(fromUtf8(bytes)));
    const data = entryData[outer.type].parse(outer.data);
    return { ...outer, data } as AuditEntry;
  } catch (cause) {
    if (cause instanceof z.ZodError) {
      const issue = cause.issues[0]!;
      throw new ImprintError('entry_invalid', `${issue.path.join('.') || 'the entry'}: ${issue.message}`, {
        cause,
      });
    }
    throw new ImprintError('entry_invalid', 'the entry is not canonical JSON in UTF-8', { cause });
  }
}
