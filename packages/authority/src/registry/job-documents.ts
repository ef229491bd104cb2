/**
 * The long texts of a job: what it was told, and what was said of it. While it is under way they stand beside it, since the next
 * request may come before the last one is committed; once it is done they are read in the log, where they stand anyway.
 */
import { type AuditEntry, decodeEntry, type EntryData } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely, Selectable } from 'kysely';
import { unpackEntry } from '../storage/packed-entry.ts';
import { statement } from '../storage/statement.ts';
import type { JobDocumentTable, JobTable, LogEntryTable, Tables } from '../storage/tables.ts';

export type JobDocuments = Record<'manifest' | 'factory_config', string> &
  Partial<Record<'written' | 'proven' | 'sealed', string>>;

type DocumentedJob = Pick<
  Selectable<JobTable>,
  'job_id' | 'state' | 'opened_index' | 'written_index' | 'proven_index' | 'sealed_index'
>;

/**
 * All documents of a job.
 * @throws log_inconsistent where the log does not hold the entries that a job which is done names
 */
export async function jobDocuments(db: Kysely<Tables>, job: DocumentedJob): Promise<JobDocuments> {
  if (job.state === 'done') return documentsOfDone(db, job);
  const { rows } = await select(db, { job_id: job.job_id });
  return Object.fromEntries(rows.map(({ kind, text }) => [kind, text])) as JobDocuments;
}

async function documentsOfDone(db: Kysely<Tables>, job: DocumentedJob): Promise<JobDocuments> {
  const { manifest, factory_config } = await entryOf(db, job, 'job.opened', job.opened_index);
  return {
    manifest,
    factory_config,
    written: canonicalJson(await entryOf(db, job, 'job.written', job.written_index)),
    proven: canonicalJson(await entryOf(db, job, 'job.proven', job.proven_index)),
    sealed: canonicalJson(await entryOf(db, job, 'job.sealed', job.sealed_index)),
  };
}

async function entryOf<T extends AuditEntry['type'] & `job.${string}`>(
  db: Kysely<Tables>,
  { job_id }: DocumentedJob,
  type: T,
  index: number | null,
): Promise<EntryData<T>> {
  const [row] = index === null ? [] : (await selectEntry(db, { log_index: index })).rows;
  const entry = row === undefined ? undefined : decodeEntry(unpackEntry(row.packed));
  if (entry?.type === type && (entry.data as { job_id: string }).job_id === job_id) {
    return entry.data as EntryData<T>;
  }
  throw new ImprintError('log_inconsistent', `the log has no ${type} of job ${job_id} where its row says`, {
    hint: 'Run imprint audit verify.',
  });
}

const select = statement<{ job_id: string }, Pick<JobDocumentTable, 'kind' | 'text'>>((db, arg) =>
  db.selectFrom('job_document').select(['kind', 'text']).where('job_id', '=', arg('job_id')),
);

const selectEntry = statement<{ log_index: number }, Pick<LogEntryTable, 'packed'>>((db, arg) =>
  db.selectFrom('log_entry').select('packed').where('log_index', '=', arg('log_index')),
);
