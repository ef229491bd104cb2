/**
 * Who was let through and who was turned away, as the listener gathers it and the tables keep it: beside the log, since it costs
 * nothing to lose, and since whoever comes ten times a second must not write ten entries. The first refusal of a kind for a device
 * within a day is in the log, and of those no more than so many an hour.
 */
import type { ContactRefusal } from '@imprint/contract/contact-refusal';
import { limits } from '@imprint/contract/limits';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { DeviceContactTable, DeviceRefusalTable } from '../storage/tables.ts';

/** Stands for whoever showed a certificate that no device of the registry has. */
export const nobodysRefusals = '-';

/** What was gathered since the last time. */
export interface Contacts {
  seen: DeviceContactTable[];
  refused: DeviceRefusalTable[];
}

export interface Refusal {
  /** Undefined where the registry knows no such device. */
  deviceId: string | undefined;
  kind: ContactRefusal;
  certificateSha256: string;
  address: string;
}

/** In memory, until it is written down. What is more than it remembers is not counted. */
export class GatheredContacts {
  readonly #seen = new Map<string, DeviceContactTable>();
  readonly #refused = new Map<string, DeviceRefusalTable>();

  saw(contact: DeviceContactTable): void {
    if (this.#seen.size < limits.contactsRemembered || this.#seen.has(contact.device_id)) {
      this.#seen.set(contact.device_id, contact);
    }
  }

  refused({ deviceId = nobodysRefusals, kind, certificateSha256, address }: Refusal, at: string): void {
    const key = `${deviceId} ${kind}`;
    const before = this.#refused.get(key);
    if (before === undefined && this.#refused.size >= limits.contactsRemembered) return;
    this.#refused.set(key, {
      device_id: deviceId,
      kind,
      count: (before?.count ?? 0) + 1,
      first_at: before?.first_at ?? at,
      last_at: at,
      address,
      certificate_sha256: certificateSha256,
    });
  }

  /** At most so many of each as one transaction takes without others waiting long. */
  take(): Contacts {
    return { seen: takeSome(this.#seen), refused: takeSome(this.#refused) };
  }

  get isEmpty(): boolean {
    return this.#seen.size + this.#refused.size === 0;
  }
}

const rowsAtOnce = 500;

function takeSome<Row>(rows: Map<string, Row>): Row[] {
  const taken = [...rows].slice(0, rowsAtOnce);
  for (const [key] of taken) rows.delete(key);
  return taken.map(([, row]) => row);
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Writes down what was gathered. */
export function writeContacts({
  ledger,
  processId,
}: {
  ledger: Ledger;
  processId: string;
}): (contacts: Contacts) => Promise<void> {
  return ({ seen, refused }) =>
    ledger.submit(async (reading) => ({
      entries: await refusalDrafts(reading, refused, processId),
      remember: async (tx) => {
        for (const contact of seen) await upsertContact(tx, contact);
        for (const refusal of refused) await upsertRefusal(tx, refusal);
      },
      reply: () => undefined,
    }));
}

async function refusalDrafts(
  reading: Reading,
  refused: readonly DeviceRefusalTable[],
  processId: string,
): Promise<Draft[]> {
  const actor = { kind: 'authority', id: processId } as const;
  const entries: Draft[] = [];
  let room = limits.refusalsLoggedAnHour - (await loggedThisHour(reading));
  for (const { device_id, kind, certificate_sha256 } of refused) {
    if (device_id === nobodysRefusals) {
      entries.push(...(await unknownAlarm(reading, actor)));
    } else if (room > 0 && !(await wasLogged(reading, device_id, kind))) {
      room--;
      entries.push({ type: 'device.refused', actor, data: { device_id, kind, certificate_sha256 } });
    }
  }
  return entries;
}

/** As the tables beside the log say: of each device and kind what was new within the hour. */
async function loggedThisHour({ tx, now }: Reading): Promise<number> {
  const { count } = await tx
    .selectFrom('device_refusal')
    .select(({ fn }) => fn.countAll<number | string>().as('count'))
    .where('last_at', '>', new Date(now.getTime() - hourMs).toISOString())
    .where('first_at', '>', new Date(now.getTime() - hourMs).toISOString())
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function wasLogged({ tx, now }: Reading, deviceId: string, kind: ContactRefusal): Promise<boolean> {
  const row = await tx
    .selectFrom('device_history')
    .select('log_index')
    .where('device_id', '=', deviceId)
    .where('field', '=', 'refused')
    .where('value', '=', kind)
    .where('at', '>', new Date(now.getTime() - dayMs).toISOString())
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Once a day: whoever shows what the registry does not know is of another realm, or tries doors. */
async function unknownAlarm({ tx, now }: Reading, actor: Draft['actor']): Promise<Draft[]> {
  const raised = await tx
    .selectFrom('alarm')
    .select('log_index')
    .where('kind', '=', 'unknown-devices')
    .where('raised_at', '>', new Date(now.getTime() - dayMs).toISOString())
    .limit(1)
    .executeTakeFirst();
  if (raised !== undefined) return [];
  const detail = 'certificates that no device of this registry has are shown: see imprint device contacts';
  return [{ type: 'alarm.raised', actor, data: { kind: 'unknown-devices', subject: 'devices', detail } }];
}

const upsertContact = statement<DeviceContactTable>((db, arg) =>
  db
    .insertInto('device_contact')
    .values({
      device_id: arg('device_id'),
      last_seen_at: arg('last_seen_at'),
      address: arg('address'),
      certificate_sha256: arg('certificate_sha256'),
    })
    .onConflict((conflict) =>
      conflict.column('device_id').doUpdateSet((row) => ({
        last_seen_at: row.ref('excluded.last_seen_at'),
        address: row.ref('excluded.address'),
        certificate_sha256: row.ref('excluded.certificate_sha256'),
      })),
    ),
);

const upsertRefusal = statement<DeviceRefusalTable>((db, arg) =>
  db
    .insertInto('device_refusal')
    .values({
      device_id: arg('device_id'),
      kind: arg('kind'),
      count: arg('count'),
      first_at: arg('first_at'),
      last_at: arg('last_at'),
      address: arg('address'),
      certificate_sha256: arg('certificate_sha256'),
    })
    .onConflict((conflict) =>
      conflict.columns(['device_id', 'kind']).doUpdateSet((row) => ({
        count: row('device_refusal.count', '+', row.ref('excluded.count')),
        last_at: row.ref('excluded.last_at'),
        address: row.ref('excluded.address'),
        certificate_sha256: row.ref('excluded.certificate_sha256'),
      })),
    ),
);
