/**
 * The long texts of a job: what it was told, and what was said of it. They stand beside the job, which is written anew at each
 * step and stays short for it.
 */
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { JobDocumentTable, Tables } from '../storage/tables.ts';

export type JobDocuments = Record<'manifest' | 'factory_config', string> &
  Partial<Record<'written' | 'proven' | 'sealed', string>>;

/** All documents of a job that is there. */
export async function jobDocuments(db: Kysely<Tables>, jobId: string): Promise<JobDocuments> {
  const { rows } = await select(db, { job_id: jobId });
  return Object.fromEntries(rows.map(({ kind, text }) => [kind, text])) as JobDocuments;
}

const select = statement<{ job_id: string }, Pick<JobDocumentTable, 'kind' | 'text'>>((db, arg) =>
  db.selectFrom('job_document').select(['kind', 'text']).where('job_id', '=', arg('job_id')),
);
