/**
 * Units that are made as fast as the authority answers, in a process of its own: `node job-client.ts WORK.json`. Each worker
 * takes one unit after another through all six requests; the unit has a key of its own and signs what it would sign. It
 * gives one JSON line.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fillPath } from '@imprint/contract/api/route';
import {
  type StationRequest,
  type StationResponse,
  type StationRouteName,
  sessionHeader,
  stationRoutes,
} from '@imprint/contract/api/station';
import { toBase64 } from '@imprint/contract/bytes';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
} from '@imprint/contract/dut/statement';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import { certificationRequest } from '@imprint/station/certification-request';
import { Pool } from 'undici';
import { percentile } from './figures.ts';
import { type JobResult, type JobStation, type JobWork, jobRequests } from './job-load.ts';
import { benchContract } from './open-jobs.ts';
import { processorTimeUs } from './processor-time.ts';

const work = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as JobWork;
const { contract, sha256: contractSha256 } = benchContract;

interface Unit {
  deviceId: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** What was measured: the time of every request of each kind, and of each unit. */
class Times {
  readonly unitsMs: number[] = [];
  readonly requestsMs = Object.fromEntries(jobRequests.map((name) => [name, [] as number[]])) as Record<
    (typeof jobRequests)[number],
    number[]
  >;
}

/** One lane of a station: a connection, and the unit that is at it. */
class Lane {
  readonly #station: JobStation;
  readonly #pool: Pool;
  readonly #number: number;

  constructor(station: JobStation, pool: Pool, number: number) {
    this.#station = station;
    this.#pool = pool;
    this.#number = number;
  }

  async make(unit: Unit, times: Times): Promise<void> {
    const begun = performance.now();
    const hardwareUid = contract.identity.hardware_uid.map((kind) => ({
      kind,
      value: `${unit.deviceId}-${kind}`,
    }));
    const job = await this.#ask(times, 'openJob', '', {
      order_id: null,
      device_id: unit.deviceId,
      operation: 'provision',
      hardware_uid: hardwareUid,
      hw_rev: contract.hardware_revisions[0]!,
      firmware: { ...contract.firmware },
      held: { device_id: null, public_key_sha256: null, certificate_sha256: null },
      where: { lane: this.#number, carrier: null, position: null },
      shift_id: this.#station.shiftId,
    });
    const { job_id, attempt } = job;
    const issued = await this.#ask(times, 'issueCredential', job_id, {
      attempt,
      csr_b64: toBase64(certificationRequest(unit.deviceId, unit.publicKey, unit.privateKey)),
    });
    const certificateSha256 = sha256Hex(fromPem('CERTIFICATE', issued.device_cert_pem)[0]!);
    const factoryConfigSha256 = sha256Hex(new TextEncoder().encode(job.factory_config));
    const statement = (nonce: string): ProveStatement => ({
      realm: work.realm,
      logId: work.logId,
      jobId: job_id,
      attempt,
      deviceId: unit.deviceId,
      hardwareUid,
      certificateSha256,
      contractSha256,
      nonce,
    });
    const prove = await this.#ask(times, 'reportWritten', job_id, {
      attempt,
      read_back: {
        device_id: unit.deviceId,
        certificate_sha256: certificateSha256,
        chain_sha256: work.chainSha256,
        trust_anchor_sha256: work.rootSha256,
        factory_config_sha256: factoryConfigSha256,
      },
    });
    await this.#ask(times, 'submitProof', job_id, {
      attempt,
      nonce: prove.nonce,
      signature_b64: signed(unit, proveBytes(statement(prove.nonce))),
    });
    const sealed = { debug_lock: contract.lock_policy.debug, boot_flags: { ...contract.boot_flags } };
    const attest = await this.#ask(times, 'reportSealed', job_id, {
      attempt,
      seal: { before: { debug_lock: 'open', boot_flags: {} }, after: sealed, acts: [] },
    });
    const state: AttestedState = {
      ...sealed,
      firmware_build_id: contract.firmware.build_id,
      firmware_sha256: contract.firmware.sha256,
      rollback_counter: contract.firmware.rollback_counter,
      boot_count: 2,
      trust_anchor_sha256: work.rootSha256,
      factory_config_sha256: factoryConfigSha256,
      storage_map_sha256: storageMapSha256(contract),
    };
    await this.#ask(times, 'completeJob', job_id, {
      attempt,
      nonce: attest.nonce,
      state,
      signature_b64: signed(unit, attestBytes(statement(attest.nonce), state)),
      selftest: { passed: true, checks: ['storage'] },
      label: { mode: contract.label.mode, scanned_back: unit.deviceId },
      durations_ms: {},
    });
    times.unitsMs.push(performance.now() - begun);
  }

  async #ask<N extends StationRouteName & (typeof jobRequests)[number]>(
    times: Times,
    name: N,
    jobId: string,
    request: Omit<StationRequest<N>, 'request_id'>,
  ): Promise<StationResponse<N>> {
    const path = fillPath(stationRoutes[name].path, { job_id: jobId });
    const body = JSON.stringify({ request_id: randomBytes(16).toString('hex'), ...request });
    const headers = { [sessionHeader]: this.#station.sessionId, 'content-type': 'application/json' };
    const begun = performance.now();
    const answer = await this.#pool.request({ path, method: 'POST', headers, body });
    const text = await answer.body.text();
    times.requestsMs[name].push(performance.now() - begun);
    if (answer.statusCode !== 200)
      throw new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 300)}`);
    return JSON.parse(text) as StationResponse<N>;
  }
}

function signed({ privateKey }: Unit, bytes: Uint8Array): string {
  return sign('sha256', bytes, privateKey).toString('base64');
}

async function makeAll(lanes: readonly Lane[], units: readonly Unit[]): Promise<Times> {
  const times = new Times();
  let next = 0;
  const worker = async (lane: Lane) => {
    for (let at = next++; at < units.length; at = next++) await lane.make(units[at]!, times);
  };
  await Promise.all(lanes.map(worker));
  return times;
}

// a unit makes its key by itself: that is no part of what is measured
const units = work.deviceIds.map((deviceId) => ({
  deviceId,
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}));
const pools = work.stations.map(({ identity }) => {
  const { certificatePem, keyPem, authorityCaPem } = identity;
  const connections = Math.ceil(work.lanes / work.stations.length);
  const connect = { cert: certificatePem, key: keyPem, ca: authorityCaPem, allowPartialTrustChain: true };
  return new Pool(work.origin, { connections, keepAliveTimeout: 60_000, connect });
});
const lanes = Array.from({ length: work.lanes }, (_, at) => {
  const of = at % pools.length;
  return new Lane(work.stations[of]!, pools[of]!, Math.floor(at / pools.length) + 1);
});

await makeAll(lanes, units.slice(0, work.warmUp));
const measured = units.slice(work.warmUp);
const begunUs = processorTimeUs(work.serverPid);
const begun = performance.now();
const times = await makeAll(lanes, measured);
const seconds = (performance.now() - begun) / 1000;
const endedUs = processorTimeUs(work.serverPid);
const result: JobResult = {
  perSecond: measured.length / seconds,
  p50Ms: percentile(times.unitsMs, 0.5),
  p99Ms: percentile(times.unitsMs, 0.99),
  serverUs: begunUs === null || endedUs === null ? null : (endedUs - begunUs) / measured.length,
  requestsMs: Object.fromEntries(
    jobRequests.map((name) => [name, percentile(times.requestsMs[name], 0.5)]),
  ) as JobResult['requestsMs'],
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await Promise.all(pools.map((pool) => pool.close()));
