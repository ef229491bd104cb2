/** The contract that stations rely on, kept by the real authority on real SQLite. */

import assert from 'node:assert/strict';
import { lineHandlers } from '@imprint/authority/http/line-handlers';
import { readRequest } from '@imprint/authority/http/read-request';
import { contractText, openLine } from '@imprint/authority/jobs/line.test-kit';
import { type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { sha256Hex } from '@imprint/contract/hash';
import type { AuthorityClient } from '@imprint/station/authority-client';
import { authorityContractSuite } from '@imprint/station/authority-client.suite';

const badge = 'OP-1001';
const deviceIds = ['GW-M1260000017', 'GW-M1260000025', 'GW-M1260000033'];

authorityContractSuite('the real one', contractText, async () => {
  const line = await openLine(deviceIds);
  await line.core.ledger.submit(async () => ({
    entries: [],
    remember: async (tx) => {
      await tx
        .insertInto('person')
        .values({
          operator_id: 'op-1',
          name: 'Ada',
          badge_sha256: sha256Hex(new TextEncoder().encode(badge)),
        })
        .execute();
    },
    reply: () => undefined,
  }));
  // Enrolment is not asked for here: nothing of the stations' own core is used.
  const handlers = lineHandlers(line.core, {} as never, assert.ifError);
  let caller = line.caller;
  const client: AuthorityClient = {
    call: async (name, params, request) => {
      const parsed = readRequest(name as StationRouteName, request);
      const run = handlers[name as StationRouteName] as (...args: unknown[]) => Promise<unknown>;
      const answer = await run(parsed, caller, params);
      if (name === 'openSession')
        caller = { ...caller, sessionId: (answer as { session_id: string }).session_id };
      return stationRoutes[name].response.parse(answer) as never;
    },
  };
  return { client, deviceIds, badge, close: line.close };
});
