/**
 * The ledger as one person may use it for one kind of act: every decision begins with the question whether they may, in its own
 * transaction. So an act knows nothing of permissions, and none can be reached around them; what takes a further one, such as a contract
 * that an order brings along, asks for it by {@link Reading.permits}.
 */
import type { Permission } from '@imprint/contract/permission';
import type { Ledger } from '../ledger/ledger.ts';
import { authorize, type Who } from './authorize.ts';

export function actingLedger(ledger: Ledger, who: Who, permission: Permission): Ledger {
  return {
    submit: (decide, time) =>
      ledger.submit(async (reading) => {
        await authorize(reading, who, permission);
        return decide({ ...reading, permits: (further) => authorize(reading, who, further) });
      }, time),
    head: () => ledger.head(),
    reader: ledger.reader,
  };
}
