/** For tests: a realm with gateways in the field, people who configure them, and devices that ask. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { verifyLog } from '../audit/verify.ts';
import { append, draft, h, opening, order } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import type { Draft } from '../ledger/ledger.ts';
import type { TickLedger } from '../ledger/tick-ledger.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { makeKey } from '../signer/software.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import type { ConfigurationCore } from './core.ts';
import { getConfiguration, reportConfiguration } from './device-configuration.ts';
import { type PublishRequest, publishConfiguration } from './publish.ts';
import { configurationVault } from './vault.ts';

export const kim: Actor = { kind: 'person', id: 'kim' };
export const secretPsk = 'correct-horse-battery';

export const gatewayText = readFileSync(
  new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);

export interface Field {
  core: ConfigurationCore & { ledger: TickLedger };
  storage: Storage;
  ids: string[];
  time: { ms: number };
  append: (...drafts: Draft[]) => Promise<number>;
  publish: (change: Partial<PublishRequest>) => ReturnType<typeof publishConfiguration>;
  /** What the device gets; the whole answer. */
  get: (deviceId: string, ifNoneMatch?: string) => ReturnType<typeof getConfiguration>;
  values: (deviceId: string) => Promise<Record<string, unknown>>;
  /** The device reports on what it gets now. */
  say: (deviceId: string, outcome: 'applied' | 'failed', detail?: string) => Promise<{ etag: string }>;
  bring: (deviceId: string, ...states: LifecycleState[]) => Promise<void>;
  verify: () => ReturnType<typeof verifyLog>;
  close: () => Promise<void>;
}

export const known = (deviceId: string): KnownDevice => ({
  deviceId,
  credentialId: 'c-1',
  profile: 'idevid',
  certificateSha256: h(deviceId),
});

/** Orders o-1 and o-2 with these devices in the field, all activated. */
export async function openField(ids: string[], others: string[] = [], given?: Storage): Promise<Field> {
  const storage = given ?? (await openScratchSqlite('dev'));
  const { ledger, time } = testLedger(storage);
  const all = [...ids, ...others];
  await append(ledger, ...opening(ids).flatMap(withGateway));
  if (others.length > 0) {
    await append(
      ledger,
      ...[
        order('o-2', others.length),
        draft('order.ids-allocated', { order_id: 'o-2', device_ids: others }, kim),
      ].flatMap(withGateway),
    );
  }
  const key = makeKey('ed25519');
  const vault = configurationVault(key, (length) => new Uint8Array(randomBytes(length)));
  const core = {
    ledger,
    contracts: new ContractShelf(),
    clock: () => new Date(time.ms),
    vault: async () => vault,
  };
  const bring: Field['bring'] = async (deviceId, ...states) => {
    let { state: from } = await storage.reader
      .selectFrom('device')
      .select('state')
      .where('device_id', '=', deviceId)
      .executeTakeFirstOrThrow();
    for (const to of states) {
      const data = { device_id: deviceId, from, to, reason: 'as it goes' };
      await append(ledger, draft('device.transitioned', data, actorOf(to, deviceId)));
      from = to;
    }
  };
  for (const id of all) await bring(id, 'manufactured', 'stocked', 'shipped', 'activated');
  const get: Field['get'] = (deviceId, ifNoneMatch) => getConfiguration(core, known(deviceId), ifNoneMatch);
  return {
    core,
    storage,
    ids: all,
    time,
    append: (...drafts) => append(ledger, ...drafts),
    publish: (change) =>
      publishConfiguration(core, kim, {
        scope: 'product',
        subject: 'gateway',
        values: {},
        secrets: {},
        remove: [],
        steps: [100],
        stepMinutes: null,
        stopAfter: 3,
        reason: 'as agreed',
        ...change,
      }),
    get,
    values: async (deviceId) => {
      const answer = await get(deviceId);
      return answer.status === 200 ? answer.body.values : {};
    },
    say: async (deviceId, outcome, detail) => {
      const { etag } = await get(deviceId);
      return reportConfiguration(core, known(deviceId), { etag, outcome, detail: detail ?? null });
    },
    bring,
    verify: () => verifyLog(storage.reader, { realm: 'dev' }),
    close: async () => {
      await ledger.close();
      await storage.close();
    },
  };
}

function actorOf(to: LifecycleState, deviceId: string): Actor {
  if (to === 'activated') return { kind: 'device', id: deviceId };
  return to === 'manufactured' ? { kind: 'station', id: 'st-1' } : kim;
}

/** The entry with the example contract in the place of the kit's, which nothing reads. */
function withGateway(one: Draft): Draft[] {
  const { sha256 } = parseProvisioningContract(gatewayText, 'gateway.yaml');
  if (one.type === 'contract.registered') {
    return [draft('contract.registered', { ...one.data, contract_sha256: sha256, text: gatewayText }, kim)];
  }
  if (one.type !== 'order.created') return [one];
  const data: EntryData<'order.created'> = { ...one.data, contract_sha256: sha256 };
  return [draft('order.created', data, kim)];
}
