/**
 * What the line does with a device that is past its first making: who may work on it, whether it is accepted here, and what
 * becomes of the board that it had. Custody was lost, or a person let it out of quarantine: no former key serves again.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { Kysely, Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { nobodyApproved } from '../lifecycle/approved.ts';
import { transitionDrafts } from '../lifecycle/transition.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, DeviceTable, Tables } from '../storage/tables.ts';
import type { Credential, Job } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';

type Device = Selectable<DeviceTable>;

/**
 * Whether the line works on a device in this state; for one that came back, the entries by which this station accepts it, where
 * the contract lets a station do so.
 * @throws device_quarantined, device_returned
 */
export async function acceptedHere(
  reading: Reading,
  core: Pick<LineCore, 'contracts'>,
  caller: StationCaller,
  { device_id, state }: Device,
): Promise<Draft[]> {
  if (state === 'quarantined' || state === 'scrapped' || state === 'lost' || state === 'retired') {
    throw setAside(`${device_id} is ${state}`);
  }
  if (state !== 'returned') return [];
  const { entries } = await transitionDrafts(
    reading,
    { contracts: core.contracts, approved: nobodyApproved },
    {
      by: { kind: 'station', id: caller.stationId },
      deviceId: device_id,
      to: 'refurbished',
      reason: 'it was scanned on the line',
      list: null,
    },
  );
  return entries;
}

export function setAside(message: string): ImprintError {
  return new ImprintError('device_quarantined', message, {
    hint: 'Put the unit into the quarantine box; a line lead decides.',
  });
}

/** Where a refurbished device gets another board, the one that it had is set aside for ever: two must not bear one ID. */
export async function swappedBoard(
  reading: Reading,
  caller: StationCaller,
  { device_id, hardware_uid, job_id }: Device,
  request: Pick<StationRequest<'openJob'>, 'hardware_uid'>,
): Promise<Draft[]> {
  if (hardware_uid === null || job_id === null || hardware_uid === hardwareUidText(request.hardware_uid)) {
    return [];
  }
  const { hardware_uid_parts } = await reading.tx
    .selectFrom('job')
    .select('hardware_uid_parts')
    .where('job_id', '=', job_id)
    .executeTakeFirstOrThrow();
  return [
    {
      type: 'unit.quarantined',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        hardware_uid: JSON.parse(hardware_uid_parts) as HardwareUid,
        reason: `another board took its place as ${device_id}`,
      },
    },
  ];
}

/** The device's credentials, those of this job and those of former ones, each in the order in which they were intended. */
export async function credentialsOf(
  db: Kysely<Tables>,
  { device_id, job_id }: Pick<Job, 'device_id' | 'job_id'>,
): Promise<{ own: Credential[]; former: Credential[] }> {
  const { rows } = await selectOfDevice(db, { device_id });
  return {
    own: rows.filter((row) => row.job_id === job_id),
    former: rows.filter((row) => row.job_id !== job_id),
  };
}

const selectOfDevice = statement<{ device_id: string }, Selectable<CredentialTable>>((db, arg) =>
  db
    .selectFrom('credential')
    .selectAll()
    .where('device_id', '=', arg('device_id'))
    .orderBy('intended_at')
    .orderBy('credential_id'),
);
