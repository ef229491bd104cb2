/** Entries of what devices get in the field: enrolments that wait for people, and credentials that follow on others. */
import type { Kysely } from 'kysely';
import type { EnrolmentTable, Tables } from '../../storage/tables.ts';
import { actorText, mustChangeOne, type Projections, recordChange } from './projections.ts';

type OnboardingEntries =
  | 'credential.superseded'
  | 'onboarding.policy-set'
  | 'enrolment.requested'
  | 'enrolment.granted'
  | 'enrolment.refused';

export const onboardingProjections: Projections<OnboardingEntries> = {
  'credential.superseded': async (tx, entry, index) => {
    const { credential_id, serial } = entry.data;
    const row = await tx
      .updateTable('credential')
      .set({ status: 'superseded', superseded_at: entry.at })
      .where('credential_id', '=', credential_id)
      .where('serial', '=', serial)
      .where('status', '=', 'active')
      .returning(['device_id', 'profile'])
      .executeTakeFirst();
    mustReturn(row, `credential ${credential_id} is not active`);
    await recordChange(tx, entry, index, {
      deviceId: row.device_id,
      field: `credential ${row.profile}`,
      value: `${serial} superseded`,
    });
  },

  'onboarding.policy-set': async (tx, { data: { product, enrolment } }) => {
    await tx
      .insertInto('enrolment_policy')
      .values({ product, enrolment })
      .onConflict((conflict) => conflict.column('product').doUpdateSet({ enrolment }))
      .execute();
  },

  'enrolment.requested': async (tx, entry, index) => {
    const { data, at } = entry;
    await tx
      .updateTable('enrolment')
      .set({ state: 'replaced', decided_at: at })
      .where('device_id', '=', data.device_id)
      .where('state', '=', 'requested')
      .execute();
    await tx
      .insertInto('enrolment')
      .values({
        ...data,
        state: 'requested',
        requested_at: at,
        decided_by: null,
        decided_at: null,
        reason: null,
      })
      .execute();
    await recordChange(tx, entry, index, {
      deviceId: data.device_id,
      field: 'enrolment',
      value: `${data.enrolment_id} requested`,
    });
  },

  'enrolment.granted': (tx, entry, index) => decide(tx, entry, index, 'granted'),
  'enrolment.refused': (tx, entry, index) => decide(tx, entry, index, 'refused'),
};

type Decided = Parameters<Projections<OnboardingEntries>['enrolment.granted' | 'enrolment.refused']>[1];

async function decide(
  tx: Kysely<Tables>,
  entry: Decided,
  index: number,
  state: Extract<EnrolmentTable['state'], 'granted' | 'refused'>,
): Promise<void> {
  const { enrolment_id, reason } = entry.data;
  const row = await tx
    .updateTable('enrolment')
    .set({ state, decided_by: actorText(entry), decided_at: entry.at, reason })
    .where('enrolment_id', '=', enrolment_id)
    .where('state', '=', 'requested')
    .returning('device_id')
    .executeTakeFirst();
  mustReturn(row, `enrolment ${enrolment_id} does not wait any more`);
  await recordChange(tx, entry, index, {
    deviceId: row.device_id,
    field: 'enrolment',
    value: `${enrolment_id} ${state}`,
    reason,
  });
}

/** @throws bad_request where the update met no row: the entry does not fit the tables */
function mustReturn<Row>(row: Row | undefined, message: string): asserts row is Row {
  mustChangeOne({ rows: row === undefined ? [] : [row] }, 'bad_request', message);
}
