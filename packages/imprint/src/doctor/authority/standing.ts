/** Whether the log may be written on: a restored one is held, and one that is older than its keys remember is refused. */
import { fail, ok } from '../check.ts';
import { ofDatabase } from './facts.ts';

export const standing = ofDatabase('standing', async ({ refusal }) =>
  refusal === undefined
    ? ok('it may write and sign')
    : fail(refusal.message, refusal.hint ?? 'Find out why before anything else is done.'),
);
