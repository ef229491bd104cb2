/** Intents to issue that nobody finished: an authority at work revokes them by itself, seconds after their lease. */
import { limits } from '@imprint/contract/limits';
import { ok, warn } from '../check.ts';
import { ofDatabase } from './facts.ts';

export const intents = ofDatabase('intents', async ({ storage }, { now }) => {
  const before = new Date(now.getTime() - 2 * limits.intentLeaseMs).toISOString();
  const { count } = await storage.reader
    .selectFrom('credential')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('status', '=', 'intended')
    .where('lease_expires_at', '<', before)
    .executeTakeFirstOrThrow();
  if (Number(count) === 0) return ok('none is left open');
  return warn(
    `${count} are open past their lease: certificates that may have been signed and are not revoked yet`,
    'Start imprint serve: it revokes them at once. If it runs, its own log says what hinders it.',
  );
});
