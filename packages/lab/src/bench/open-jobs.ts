/**
 * Jobs that wait for a certificate, and the requests of their units: what an issuing is measured on. They are entered in
 * the log directly, many at a time, since a station could not hold so many at once; issuing sees no difference.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { newId } from '@imprint/authority/jobs/new-id';
import type { Draft } from '@imprint/authority/ledger/ledger';
import { checkContract } from '@imprint/authority/registry/contracts';
import { createOrder, type OrderRequest } from '@imprint/authority/registry/orders';
import { toBase64 } from '@imprint/contract/bytes';
import { factoryConfigText } from '@imprint/contract/factory-config';
import { manifestFromContract, pinManifest } from '@imprint/contract/job-manifest';
import { certificationRequest } from '@imprint/station/certification-request';
import {
  type AuthorityHome,
  benchSite,
  benchStation,
  newRequestId,
  noConfiguration,
  stationVersion,
} from './bench-home.ts';

const contractFile = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));
export const benchContract = checkContract(readFileSync(contractFile, 'utf8'), contractFile);
export { contractFile };

/** One unit that has made its key: its job, and the request that it sends. */
export interface WaitingUnit {
  jobId: string;
  requestId: string;
  csrB64: string;
}

const jobsPerDecision = 250;
const leaseMs = 3 * 3_600_000;
const dayMs = 86_400_000;

interface OrderTerms {
  ids: OrderRequest['ids'];
  stations?: readonly string[];
  closesAt?: Date;
}

/** An order of the bench's product, open now, for a day where nothing else is said. */
export async function placeOrder(
  { authority }: AuthorityHome,
  orderId: string,
  quantity: number,
  { ids, stations = [benchStation], closesAt }: OrderTerms,
): Promise<void> {
  const { ledger, entropy, person, clock } = authority;
  const now = clock();
  await createOrder(ledger, entropy, person, benchContract, {
    orderId,
    sku: benchContract.contract.skus[0]!,
    lot: 'lot-1',
    quantity,
    scrapAllowance: 0,
    sites: [benchSite],
    stations,
    opensAt: now.toISOString(),
    closesAt: (closesAt ?? new Date(now.getTime() + dayMs)).toISOString(),
    ids,
  });
}

/** An order of `count` units, open at the home's one station or at others. Gives the device IDs. */
export async function makeOrder(
  home: AuthorityHome,
  orderId: string,
  count: number,
  stations: readonly string[] = [benchStation],
): Promise<string[]> {
  const { ledger, clock } = home.authority;
  const ids = { source: 'generated', site: 'M1', year: clock().getUTCFullYear() } as const;
  await placeOrder(home, orderId, count, { ids, stations });
  const rows = await ledger.reader
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', orderId)
    .orderBy('device_id')
    .execute();
  return rows.map((row) => row.device_id);
}

/** Opens a job for each device; `say` hears how many are open. */
export async function openJobs(
  home: AuthorityHome,
  orderId: string,
  deviceIds: readonly string[],
  say: (done: number) => void,
): Promise<WaitingUnit[]> {
  const units: WaitingUnit[] = [];
  for (let at = 0; at < deviceIds.length; at += jobsPerDecision) {
    const some = deviceIds
      .slice(at, at + jobsPerDecision)
      .map((deviceId) => ({ deviceId, jobId: newId('j', home.authority.clock(), home.authority.entropy) }));
    await home.authority.ledger.submit(async (reading) => ({
      entries: some.flatMap(({ deviceId, jobId }) => jobDrafts(home, reading.now, orderId, deviceId, jobId)),
      reply: () => undefined,
    }));
    for (const { deviceId, jobId } of some) units.push(waitingUnit(deviceId, jobId));
    say(units.length);
  }
  return units;
}

function waitingUnit(deviceId: string, jobId: string): WaitingUnit {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { jobId, requestId: newRequestId(), csrB64: csr(deviceId, publicKey, privateKey) };
}

function csr(deviceId: string, publicKey: KeyObject, privateKey: KeyObject): string {
  return toBase64(certificationRequest(deviceId, publicKey, privateKey));
}

/** The entries with which a job begins. */
export function jobDrafts(
  { unlocked }: AuthorityHome,
  now: Date,
  orderId: string,
  deviceId: string,
  jobId: string,
): Draft[] {
  const { contract, sha256 } = benchContract;
  const { line } = unlocked;
  const sku = contract.skus[0]!;
  const hwRev = contract.hardware_revisions[0]!;
  const manifest = pinManifest(manifestFromContract(contract, sha256, { deviceId, hwRev, sku }));
  const actor = { kind: 'station', id: benchStation } as const;
  return [
    {
      type: 'job.opened',
      actor,
      data: {
        job_id: jobId,
        order_id: orderId,
        device_id: deviceId,
        hardware_uid: contract.identity.hardware_uid.map((kind) => ({ kind, value: `${deviceId}-${kind}` })),
        sku,
        hw_rev: hwRev,
        contract_sha256: sha256,
        manifest_sha256: manifest.sha256,
        manifest: manifest.text,
        factory_config: factoryConfigText({
          contract,
          contractSha256: sha256,
          logId: line.logId,
          realm: line.realm,
          sku,
          hwRev,
        }),
      },
    },
    {
      type: 'attempt.started',
      actor,
      data: {
        job_id: jobId,
        attempt: 1,
        operation: 'provision',
        station_id: benchStation,
        site: benchSite,
        where: { lane: 1, carrier: null, position: null },
        operator_id: null,
        station_version: stationVersion,
        station_configuration_sha256: noConfiguration,
        firmware: { ...contract.firmware },
        lease_expires_at: new Date(now.getTime() + leaseMs).toISOString(),
      },
    },
  ];
}
