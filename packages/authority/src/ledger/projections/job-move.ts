/** The one place where a job changes its state: along the contract's table of transitions, or not at all. */
import { ImprintError } from '@imprint/contract/errors';
import { type JobState, jobState, mayBecome } from '@imprint/contract/job-state';
import type { Kysely } from 'kysely';
import { type Statement, statement } from '../../storage/statement.ts';
import type { JobTable, Tables } from '../../storage/tables.ts';

type JobChange = Partial<Omit<JobTable, 'job_id' | 'state'>>;
type Moved = Pick<JobTable, 'device_id' | 'attempt'>;

/**
 * Moves the job to `to`, and changes what `change` names with it.
 * @throws job_state_wrong where it is in no state from which the table leads there
 */
export async function moveJob(
  tx: Kysely<Tables>,
  jobId: string,
  to: JobState,
  change: JobChange = {},
): Promise<Moved> {
  const { rows } = await moveStatement(to, Object.keys(change) as (keyof JobChange)[])(tx, {
    ...change,
    job_id: jobId,
  });
  if (rows.length === 1) return rows[0]!;
  const job = await tx.selectFrom('job').select('state').where('job_id', '=', jobId).executeTakeFirst();
  throw new ImprintError(
    'job_state_wrong',
    job === undefined ? `there is no job ${jobId}` : `job ${jobId} is ${job.state} and cannot become ${to}`,
    { hint: 'Nothing was written.' },
  );
}

type MoveArgs = JobChange & { job_id: string };
const statements = new Map<string, Statement<MoveArgs, Moved>>();

/** One compiled statement for each state and set of changed columns: both come from this program, so they are few. */
function moveStatement(to: JobState, changed: (keyof JobChange)[]): Statement<MoveArgs, Moved> {
  const key = `${to} ${changed.join()}`;
  let known = statements.get(key);
  if (known === undefined) {
    known = statement<MoveArgs, Moved>((db, arg) =>
      db
        .updateTable('job')
        .set({ state: to, ...Object.fromEntries(changed.map((column) => [column, arg(column)])) })
        .where('job_id', '=', arg('job_id'))
        .where('state', 'in', statesBefore(to))
        .returning(['device_id', 'attempt']),
    );
    statements.set(key, known);
  }
  return known;
}

function statesBefore(to: JobState): JobState[] {
  return jobState.options.filter((from) => mayBecome(from, to));
}
