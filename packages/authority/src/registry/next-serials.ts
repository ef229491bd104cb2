/**
 * Which serials of a grammar are free: what is allocated is the only memory of it, so nothing can count past or twice,
 * whichever order or import took an ID.
 */
import { type DeviceId, deviceIdCapacity, formatDeviceId, uuidDeviceId } from '@imprint/contract/device-id';
import { ImprintError } from '@imprint/contract/errors';
import type { DeviceIdGrammar } from '@imprint/contract/provisioning-contract';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';

type FieldGrammar = Exclude<DeviceIdGrammar, { uuid: true }>;

/** What the IDs of one order have in common. */
export interface IdFields {
  /** The site as the grammar writes it; absent where it writes none. */
  site?: string;
  /** Of four digits. */
  year: number;
}

/**
 * The next `count` IDs after the highest one that is allocated with these fields.
 * @throws quota_exhausted where the grammar has not so many left; device_id_invalid where the fields do not fit it
 */
export async function nextDeviceIds(
  db: Kysely<Tables>,
  grammar: DeviceIdGrammar,
  fields: IdFields,
  count: number,
  entropy: Entropy,
): Promise<DeviceId[]> {
  if ('uuid' in grammar) return Array.from({ length: count }, () => uuidDeviceId(entropy(16)));
  const first = (await highestSerial(db, grammar, fields)) + 1n;
  const left = deviceIdCapacity(grammar) - first;
  if (left < BigInt(count)) {
    throw new ImprintError(
      'quota_exhausted',
      `after the highest serial that is allocated this grammar has ${left} left, and ${count} are asked for`,
      { hint: 'Use another site or year, or lengthen the body in a new contract revision.' },
    );
  }
  return Array.from({ length: count }, (_, at) =>
    formatDeviceId({ ...fields, serial: first + BigInt(at) }, grammar),
  );
}

/** The fields of an ID of this grammar, so that others go on where it stands; the year that it shortens is near this one. */
export function idFieldsOf(deviceId: string, grammar: DeviceIdGrammar, nearYear: number): IdFields {
  if ('uuid' in grammar) return { year: nearYear };
  const { prefix, site_length, year_length } = grammar;
  const yearAt = prefix.length + site_length;
  const digits = deviceId.slice(yearAt, yearAt + year_length);
  const year = Number(String(nearYear).slice(0, 4 - year_length) + digits);
  return site_length === 0 ? { year } : { year, site: deviceId.slice(prefix.length, yearAt) };
}

/** The highest serial with these fields, -1 where there is none: found digit by digit, by the alphabet's order and not the database's. */
async function highestSerial(db: Kysely<Tables>, grammar: FieldGrammar, fields: IdFields): Promise<bigint> {
  const { body_alphabet: alphabet, body_length: length } = grammar;
  const zero = formatDeviceId({ ...fields, serial: 0 }, grammar);
  let known = zero.slice(0, grammar.prefix.length + grammar.site_length + grammar.year_length);
  let serial = 0n;
  for (let at = 0; at < length; at++) {
    let value = alphabet.length - 1;
    while (value >= 0 && !(await anyBeginsWith(db, known + alphabet[value]!, zero.length))) value--;
    if (value < 0) return -1n;
    known += alphabet[value]!;
    serial = serial * BigInt(alphabet.length) + BigInt(value);
  }
  return serial;
}

async function anyBeginsWith(db: Kysely<Tables>, beginning: string, length: number): Promise<boolean> {
  const row = await db
    .selectFrom('device')
    .select('device_id')
    .where('device_id', '>=', beginning)
    // no character of an ID is as high as ~
    .where('device_id', '<', `${beginning}~`)
    .where((eb) => eb(eb.fn<number>('length', ['device_id']), '=', length))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
