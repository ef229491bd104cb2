/** The long texts of a job under way. A job that is done keeps none: the log has them, and its row says where. */
import { statement } from '../../storage/statement.ts';
import type { JobDocumentTable } from '../../storage/tables.ts';

/** A unit that is written, proven or sealed anew leaves the newest. */
export const writeDocument = statement<JobDocumentTable>((db, arg) =>
  db
    .insertInto('job_document')
    .values({ job_id: arg('job_id'), kind: arg('kind'), text: arg('text') })
    .onConflict((conflict) =>
      conflict.columns(['job_id', 'kind']).doUpdateSet((row) => ({ text: row.ref('excluded.text') })),
    ),
);

export const dropDocuments = statement<Pick<JobDocumentTable, 'job_id'>>((db, arg) =>
  db.deleteFrom('job_document').where('job_id', '=', arg('job_id')),
);
