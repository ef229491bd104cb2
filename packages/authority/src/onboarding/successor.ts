/**
 * What becomes of a credential when another of its kind is issued (I-7): it is superseded, and accepted until its successor is first
 * used or the contract's days are over, whichever is first. Then it is revoked, so that verifiers of others refuse it too.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import type { DeviceProfileName } from '../issuing/profile.ts';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import { statement } from '../storage/statement.ts';
import type { JobTable } from '../storage/tables.ts';
import { type Credential, type EnrollingDevice, endOfGrace } from './caller.ts';

/**
 * The entries before the release of a successor. Where one waits already for its successor's first use, that successor never was used,
 * and the device has asked again: it does not hold it, so it is revoked, and the one before it goes on for as long as it would have.
 */
export async function successionDrafts(
  reading: Reading,
  by: Actor,
  { deviceId, contract }: EnrollingDevice,
  profile: DeviceProfileName,
): Promise<Draft[]> {
  const { rows } = await selectOfDevice(reading.tx, { device_id: deviceId });
  const live = rows.filter((row) => row.profile === profile);
  const superseded = live.filter(({ status }) => status === 'superseded');
  const overdue = superseded.filter(({ superseded_at }) => reading.at > endOfGrace(superseded_at!, contract));
  const waits = superseded.length > overdue.length;
  return [
    ...overdue.map((row) => revoked(by, row, 'superseded')),
    ...live
      .filter(({ status }) => status === 'active')
      .map(
        (row): Draft =>
          waits
            ? revoked(by, row, 'key-lost')
            : {
                type: 'credential.superseded',
                actor: by,
                data: { credential_id: row.credential_id, serial: row.serial },
              },
      ),
  ];
}

const atOnce = 500;

/** Revokes what was superseded and is past its time though its successor was never used; gives how many there were. */
export async function endOverdue(core: {
  ledger: Ledger;
  contracts: ContractShelf;
  processId: string;
}): Promise<number> {
  const by: Actor = { kind: 'authority', id: core.processId };
  let after = { superseded_at: '', credential_id: '' };
  let ended = 0;
  for (;;) {
    const { rows } = await selectSuperseded(core.ledger.reader, after);
    const some = rows.slice(0, atOnce);
    if (some.length === 0) return ended;
    ended += await core.ledger.submit(async (reading) => {
      const entries: Draft[] = [];
      for (const { credential_id, contract_sha256 } of some) {
        const [row] = (await selectCredential(reading.tx, { credential_id })).rows;
        if (row?.status !== 'superseded') continue;
        const contract = await core.contracts.get(reading.tx, contract_sha256);
        if (reading.at > endOfGrace(row.superseded_at!, contract))
          entries.push(revoked(by, row, 'superseded'));
      }
      return { entries, reply: () => entries.length };
    });
    const last = some.at(-1)!;
    after = { superseded_at: last.superseded_at!, credential_id: last.credential_id };
  }
}

function revoked(
  actor: Actor,
  { credential_id, serial }: Pick<Credential, 'credential_id' | 'serial'>,
  reason: 'superseded' | 'key-lost',
): Draft {
  return { type: 'credential.revoked', actor, data: { credential_id, serial, reason } };
}

const selectOfDevice = statement<{ device_id: string }, Credential>((db, arg) =>
  db
    .selectFrom('credential')
    .selectAll()
    .where('device_id', '=', arg('device_id'))
    .where('status', 'in', ['active', 'superseded'])
    .orderBy('intended_at')
    .orderBy('credential_id'),
);

const selectCredential = statement<{ credential_id: string }, Credential>((db, arg) =>
  db.selectFrom('credential').selectAll().where('credential_id', '=', arg('credential_id')),
);

const selectSuperseded = statement<
  { superseded_at: string; credential_id: string },
  Pick<Credential, 'credential_id' | 'superseded_at'> & Pick<JobTable, 'contract_sha256'>
>((db, arg) =>
  db
    .selectFrom('credential')
    .innerJoin('job', 'job.job_id', 'credential.job_id')
    .select(['credential.credential_id', 'credential.superseded_at', 'job.contract_sha256'])
    .where('status', '=', 'superseded')
    .where((row) =>
      row.or([
        row('credential.superseded_at', '>', arg('superseded_at')),
        row.and([
          row('credential.superseded_at', '=', arg('superseded_at')),
          row('credential.credential_id', '>', arg('credential_id')),
        ]),
      ]),
    )
    .orderBy('credential.superseded_at')
    .orderBy('credential.credential_id')
    .limit(500),
);
