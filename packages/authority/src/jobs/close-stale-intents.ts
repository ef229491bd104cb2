/** Closes intents that nobody may release any more: whether they were signed is unknown, so their serials are revoked (I-2, I-5). */
import type { Draft } from '../ledger/ledger.ts';
import type { LineCore } from './line-core.ts';

const intentsAtOnce = 500;

/** Revokes every intent whose lease is over and whose certificate was never released; gives how many there were. */
export async function closeStaleIntents(core: Pick<LineCore, 'ledger' | 'processId'>): Promise<number> {
  let closed = 0;
  for (;;) {
    const batch = await core.ledger.submit<number>(async (reading) => {
      const stale = await reading.tx
        .selectFrom('credential')
        .select(['credential_id', 'serial'])
        .where('status', '=', 'intended')
        .where('lease_expires_at', '<=', reading.at)
        .limit(intentsAtOnce)
        .execute();
      const entries = stale.map(
        ({ credential_id, serial }): Draft => ({
          type: 'credential.revoked',
          actor: { kind: 'authority', id: core.processId },
          data: { credential_id, serial, reason: 'intent-uncertain' },
        }),
      );
      return { entries, reply: () => stale.length };
    });
    closed += batch;
    if (batch < intentsAtOnce) return closed;
  }
}
