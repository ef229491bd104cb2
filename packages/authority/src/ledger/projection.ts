/**
 * How entries become tables: the only code that writes a projected table, used when an entry is appended and again when
 * the log is replayed. It reads nothing but the entry and the tables, so that both come to the same rows (I-15).
 */
import type { AuditEntry, EntryType } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { accountProjections } from './projections/accounts.ts';
import { alarmProjections } from './projections/alarms.ts';
import { approvalProjections } from './projections/approvals.ts';
import { caProjections } from './projections/cas.ts';
import { configurationProjections } from './projections/configuration.ts';
import { contactProjections } from './projections/contacts.ts';
import { credentialProjections } from './projections/credentials.ts';
import { deviceProjections } from './projections/devices.ts';
import { jobProjections } from './projections/jobs.ts';
import { onboardingProjections } from './projections/onboarding.ts';
import { orderProjections } from './projections/orders.ts';
import { processKeyProjections } from './projections/process-keys.ts';
import type { Projection, Projections } from './projections/projections.ts';
import { realmProjections } from './projections/realm.ts';
import { revocationProjections } from './projections/revocations.ts';
import { stationProjections } from './projections/stations.ts';

const projections: Projections<EntryType> = {
  ...realmProjections,
  ...caProjections,
  ...orderProjections,
  ...stationProjections,
  ...jobProjections,
  ...credentialProjections,
  ...revocationProjections,
  ...onboardingProjections,
  ...processKeyProjections,
  ...contactProjections,
  ...deviceProjections,
  ...alarmProjections,
  ...accountProjections,
  ...approvalProjections,
  ...configurationProjections,
};

/**
 * Writes what entry `index` changes.
 * @throws where the tables do not allow it: the transaction has to be undone then
 */
export async function project(tx: Kysely<Tables>, entry: AuditEntry, index: number): Promise<void> {
  await (projections[entry.type] as Projection<EntryType>)(tx, entry as never, index);
}
