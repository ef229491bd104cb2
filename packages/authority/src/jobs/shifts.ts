/** Shifts: a badge says who works at a station; every attempt names that person by a pseudonym. */
import type { StationRequest } from '@imprint/contract/api/station';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { BadgeHash } from '../trust/badge-hash.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { decideOnce } from './once.ts';

/**
 * Opens a shift for the person whose badge it is. An open shift of the same person there is given again.
 * @throws unknown_operator
 */
export function openShift(core: LineCore, caller: StationCaller, request: StationRequest<'openShift'>) {
  const body = shiftBodyOf(request, core.badgeHash);
  return decideOnce<{ shift_id: string; operator_id: string }>(
    core.ledger,
    caller,
    'openShift',
    body,
    async (reading, station) => {
      const person = await reading.tx
        .selectFrom('person')
        .select('operator_id')
        .where('badge_sha256', '=', body.badge)
        .executeTakeFirst();
      if (!person) {
        throw new ImprintError('unknown_operator', 'this badge is not registered', {
          hint: 'Ask the line lead to register it (imprint operator register).',
        });
      }
      const present = await reading.tx
        .selectFrom('shift')
        .select('shift_id')
        .where('station_id', '=', station.stationId)
        .where('operator_id', '=', person.operator_id)
        .where('closed_at', 'is', null)
        .executeTakeFirst();
      const operatorId = person.operator_id;
      if (present) return { entries: [], outcome: { shift_id: present.shift_id, operator_id: operatorId } };
      const shiftId = `s-${toHex(core.entropy(8))}`;
      return {
        entries: [
          {
            type: 'shift.opened',
            actor: { kind: 'station', id: caller.stationId },
            data: { shift_id: shiftId, station_id: station.stationId, operator_id: operatorId },
          },
        ],
        outcome: { shift_id: shiftId, operator_id: operatorId },
      };
    },
  );
}

/** The request as it is remembered: a hash over the badge itself could be tried against all badges that there are. */
export function shiftBodyOf(
  { request_id, badge }: StationRequest<'openShift'>,
  hash: BadgeHash,
): StationRequest<'openShift'> {
  return { request_id, badge: hash(badge) };
}

/** Closes a shift of this station. Open jobs survive it. @throws shift_not_open */
export function closeShift(
  core: LineCore,
  caller: StationCaller,
  shiftId: string,
  request: StationRequest<'closeShift'>,
) {
  return decideOnce<Record<string, never>>(
    core.ledger,
    caller,
    `closeShift ${shiftId}`,
    request,
    async (reading, station) => {
      await requireShift(reading, station.stationId, shiftId);
      return {
        entries: [
          {
            type: 'shift.closed',
            actor: { kind: 'station', id: caller.stationId },
            data: { shift_id: shiftId, station_id: station.stationId },
          },
        ],
        outcome: {},
      };
    },
  );
}

/**
 * The operator of an open shift at this station.
 * @throws shift_not_open where none is named, or it is closed, or another station's
 */
export async function requireShift(
  reading: Reading,
  stationId: string,
  shiftId: string | null,
): Promise<string> {
  const shift =
    shiftId === null
      ? undefined
      : (await selectOpenShift(reading.tx, { shift_id: shiftId, station_id: stationId })).rows[0];
  if (!shift) {
    throw new ImprintError('shift_not_open', 'nobody is on shift at this station', {
      hint: 'Scan your badge, then scan the unit again.',
    });
  }
  return shift.operator_id;
}

const selectOpenShift = statement<{ shift_id: string; station_id: string }, { operator_id: string }>(
  (db, arg) =>
    db
      .selectFrom('shift')
      .select('operator_id')
      .where('shift_id', '=', arg('shift_id'))
      .where('station_id', '=', arg('station_id'))
      .where('closed_at', 'is', null),
);
