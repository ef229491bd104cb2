/** A station as `imprint station run` puts it together, at whose lanes units are worked on. */
import { join } from 'node:path';
import { registerOperator } from '@imprint/authority/registry/operators';
import type { DutLink } from '@imprint/station/dut-link';
import { DutSession } from '@imprint/station/dut-session';
import { GatheringAuthority } from '@imprint/station/gathering-authority';
import { HttpsAuthorityClient } from '@imprint/station/https-authority-client';
import { openJournal } from '@imprint/station/journal';
import { Outbox } from '@imprint/station/outbox';
import { type Outcome, provisionUnit } from '@imprint/station/procedure';
import { RetryingAuthority } from '@imprint/station/retrying-authority';
import { openStationSession } from '@imprint/station/station-session';
import { systemTimers } from '@imprint/station/timers';
import { type BenchHome, benchStation, newRequestId, noConfiguration, stationVersion } from './bench-home.ts';

export interface BenchStation {
  /** Works on the unit behind the link, from hello to receipt. */
  work(link: DutLink, deviceId: string, lane: number): Promise<Outcome>;
  close(): Promise<void>;
}

const badge = 'OP-BENCH-1';

export async function openBenchStation(home: BenchHome, url: string, folder: string): Promise<BenchStation> {
  const { ledger, entropy, person, clock } = home.authority;
  const { line } = await home.authority.unlock();
  await registerOperator(ledger, entropy, person, { name: 'Bench Operator', badge }, line.badgeHash);
  const now = () => clock().toISOString();
  const { journal } = openJournal(join(folder, 'journal.sqlite'), now);
  const { certificatePem, keyPem, authorityCaPem } = home.identity;
  const client = new HttpsAuthorityClient({ url, authorityCaPem, identity: { certificatePem, keyPem } });
  const authority = new RetryingAuthority(new GatheringAuthority(client), systemTimers);
  const outbox = new Outbox(authority, journal, newRequestId);
  const station = await openStationSession({
    authority,
    journal,
    timers: systemTimers,
    now,
    realm: home.authority.configuration.realm,
    stationId: benchStation,
    version: stationVersion,
    configurationSha256: noConfiguration,
  });
  const { shift_id } = await authority.call('openShift', {}, { request_id: newRequestId(), badge });
  return {
    work: (link, deviceId, lane) =>
      provisionUnit({
        place: { lane, carrier: null, position: null },
        operation: 'provision',
        scanned: deviceId,
        shiftId: shift_id,
        dut: new DutSession(link, systemTimers),
        station,
        outbox,
        journal,
        timers: systemTimers,
        emit: () => {},
        signal: new AbortController().signal,
        halt: () => {},
        // the label is on the unit beforehand, and the person who scans it takes no time
        printLabel: async () => {},
        scanLabel: async (id) => id,
      }),
    close: async () => {
      await client.close();
      journal.close();
    },
  };
}
