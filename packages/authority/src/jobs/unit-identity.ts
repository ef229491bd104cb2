/**
 * Who a unit is, as far as the registry knows its hardware: found by each identifier that it reports, so that a board
 * that shows one part of another unit, or another's ID or key, is caught before anything is opened for it.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { UnitTable } from '../storage/tables.ts';
import type { StationCaller } from './line-core.ts';
import type { Decided, Refusal } from './once.ts';
import { quarantineDrafts } from './quarantine.ts';
import { isWithinReach } from './reach.ts';
import { unknownBoardDrafts } from './unknown-board.ts';

export interface UnitFound {
  deviceId: string | null;
  quarantined: boolean;
  reason: string | null;
  /** Set where some identifier is another unit's. */
  conflict?: string;
}

/** What is known of the unit with these identifiers. */
export async function findUnit(reading: Reading, uid: HardwareUid): Promise<UnitFound> {
  const text = hardwareUidText(uid);
  const parts = uid.map((part) => `${part.kind}=${part.value}`);
  const known = await reading.tx
    .selectFrom('unit_part')
    .select(['part', 'hardware_uid'])
    .where('part', 'in', parts)
    .execute();
  const [unit] = (await selectUnit(reading.tx, { hardware_uid: text })).rows;
  const found: UnitFound = {
    deviceId: unit?.device_id ?? null,
    quarantined: unit?.quarantined === 1,
    reason: unit?.reason ?? null,
  };
  const foreign = known.find((row) => row.hardware_uid !== text);
  if (foreign && !found.quarantined) found.conflict = `its ${foreign.part} was met on another unit`;
  return found;
}

/** Refuses a unit that shows up as somebody whom it is not, and sets it aside (up to the cap on unknown boards); what is finished stays as it is. */
export async function refuseNewcomer(
  reading: Reading,
  caller: StationCaller,
  uid: HardwareUid,
  why: string,
): Promise<Decided<never>> {
  const refusal: Refusal = {
    code: 'unit_conflict',
    message: `this unit is not taken: ${why}`,
    hint: 'Put it into the quarantine box; a line lead decides.',
  };
  return { entries: await unknownBoardDrafts(reading, caller, uid, why), outcome: { refusal } };
}

/**
 * A unit that holds the ID, key or certificate of another device: it is set aside with its own job, and so is the other
 * one, unless that is finished (a finished unit is never touched by another's scan) or of an order that this station does
 * not work on (the alarm names it; people decide).
 */
export async function foreignIdentity(
  reading: Reading,
  caller: StationCaller,
  request: StationRequest<'openJob'>,
  deviceId: string,
): Promise<Decided<never> | undefined> {
  const others = new Set<string>();
  const { held } = request;
  if (held.device_id !== null && held.device_id !== deviceId) {
    const other = await reading.tx
      .selectFrom('device')
      .select('device_id')
      .where('device_id', '=', held.device_id)
      .executeTakeFirst();
    if (other) others.add(other.device_id);
  }
  if (held.public_key_sha256 !== null) {
    const other = await reading.tx
      .selectFrom('public_key')
      .select('device_id')
      .where('public_key_sha256', '=', held.public_key_sha256)
      .executeTakeFirst();
    if (other && other.device_id !== deviceId) others.add(other.device_id);
  }
  if (held.certificate_sha256 !== null) {
    const other = await reading.tx
      .selectFrom('credential')
      .select('device_id')
      .where('certificate_sha256', '=', held.certificate_sha256)
      .executeTakeFirst();
    if (other && other.device_id !== deviceId) others.add(other.device_id);
  }
  if (others.size === 0) return undefined;
  const names = [...others].join(', ');
  const why = `it presented the identity of ${names}`;
  // the caller has found that the job of this device, where there is one, is this unit's
  const own = await quarantineDrafts(reading, caller, deviceId, {
    step: 'identify',
    failure_code: 'foreign_identity',
    reason: why,
  });
  const entries: Draft[] = [
    ...(own.length > 0 ? own : await unknownBoardDrafts(reading, caller, request.hardware_uid, why)),
    {
      type: 'alarm.raised',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        kind: 'foreign-identity',
        subject: caller.stationId,
        detail: `a unit scanned as ${deviceId} presented the identity of ${names}`,
      },
    },
  ];
  for (const other of others) {
    if (!(await isWithinReach(reading, caller, other))) continue;
    entries.push(
      ...(await quarantineDrafts(reading, caller, other, {
        step: 'identify',
        failure_code: 'foreign_identity',
        reason: `another unit presented the identity of ${other}`,
      })),
    );
  }
  return {
    entries,
    outcome: {
      refusal: {
        code: 'unit_conflict',
        message: `this unit is not taken: it holds the identity of ${names}`,
        hint: 'Put it into the quarantine box; a line lead decides.',
      },
    },
  };
}

const selectUnit = statement<{ hardware_uid: string }, Selectable<UnitTable>>((db, arg) =>
  db.selectFrom('unit').selectAll().where('hardware_uid', '=', arg('hardware_uid')),
);
