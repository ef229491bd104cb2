/** Golden and must-fail samples: finished units that show, again and again, that a station tells good from bad. */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';

export type SampleKind = EntryData<'sample.registered'>['kind'];

export interface SampleView {
  device_id: string;
  kind: SampleKind;
  check_every_minutes: number;
}

/**
 * Registers a finished unit as a sample, or changes what it is. A sample consumes no quota of its own: it was made
 * under an order, and its checks issue nothing.
 * @throws unknown_device, job_state_wrong where the unit is not done
 */
export function registerSample(ledger: Ledger, by: Actor, sample: SampleView): Promise<void> {
  return ledger.submit(async (reading) => {
    const device = await reading.tx
      .selectFrom('device')
      .select('completed_index')
      .where('device_id', '=', sample.device_id)
      .executeTakeFirst();
    if (!device) throw new ImprintError('unknown_device', `there is no device ${sample.device_id}`);
    if (device.completed_index === null) {
      throw new ImprintError('job_state_wrong', `${sample.device_id} is not done: it has nothing to prove`, {
        hint: 'Provision the unit first; break a must-fail sample afterwards.',
      });
    }
    return { entries: [{ type: 'sample.registered', actor: by, data: sample }], reply: () => undefined };
  });
}

export function listSamples(reader: Kysely<Tables>): Promise<SampleView[]> {
  return reader.selectFrom('sample').selectAll().orderBy('device_id').execute();
}
