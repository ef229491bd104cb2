/** A whole authority in memory for tests of the job flow: real SQLite, real keys, a clock that tests set, and a unit that signs. */
import { type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { StationRequest } from '@imprint/contract/api/station';
import { verifierKey } from '@imprint/contract/audit/checkpoint';
import type { EntryData, RealmName } from '@imprint/contract/audit/entry';
import { concatBytes, toBase64 } from '@imprint/contract/bytes';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
} from '@imprint/contract/dut/statement';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { sha256Hex } from '@imprint/contract/hash';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { fromPem, toPem } from '@imprint/contract/x509/pem';
import { Checkpoints } from '../audit/checkpoints.ts';
import { ClockGuard } from '../clock/clock-guard.ts';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import type { Draft } from '../ledger/ledger.ts';
import { TickLedger } from '../ledger/tick-ledger.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { digestOf, keyTypeOf } from '../signer/key-type.ts';
import type { Signer } from '../signer/signer.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { createHierarchy, type Hierarchy, keyNames, logId } from '../trust/hierarchy.ts';
import { Issuers } from '../trust/issuers.ts';
import { realmDrafts } from '../trust/realm-drafts.ts';
import { CredentialIssuing, type IssuedCredential } from './issue-credential.ts';
import type { LineCore, StationCaller } from './line-core.ts';

/** A product as its example contract describes it. */
export type TestProduct = ReturnType<typeof readProduct>;

function readProduct(name: string) {
  const text = readFileSync(new URL(`../../../../examples/contracts/${name}.yaml`, import.meta.url), 'utf8');
  return productOf(text);
}

/** A product under this contract. */
export function productOf(text: string) {
  return { text, ...parseProvisioningContract(text, 'contract.yaml') };
}

/** One visit, P-256, its labels printed beforehand. */
export const gateway = readProduct('gateway');
/** Two visits with a calibration between, Ed25519, its labels printed at the end. */
export const sensor = readProduct('sensor');
export const { contract, text: contractText, sha256: contractSha256 } = gateway;

export interface Line {
  core: LineCore;
  hierarchy: Hierarchy;
  /** Of the first device CA. */
  signer: Signer;
  /** Signers of CAs that a test makes, by the CA's name. */
  signers: Map<string, Signer>;
  issuing: CredentialIssuing;
  caller: StationCaller;
  shiftId: string;
  product: TestProduct;
  /** Moves the clock on. */
  pass: (ms: number) => void;
  /** Sets the clock wrong: time itself does not go on. */
  jump: (ms: number) => void;
  record: (...drafts: Draft[]) => Promise<void>;
  close: () => Promise<void>;
}

const person = { kind: 'person', id: 'tester' } as const;
export const requestId = (): string => randomBytes(16).toString('hex');

/** An authority with one order of `ids` and one confirmed station `st-1` (with `lanes` lanes) with a session and a shift. */
export async function openLine(
  ids: string[],
  order: Partial<EntryData<'order.created'>> = {},
  lanes = 2,
  product: TestProduct = gateway,
  realm: RealmName = 'dev',
  begin = new Date('2026-11-24T08:00:00.000Z'),
): Promise<Line> {
  let jumpedMs = 0;
  let now = begin.getTime();
  const clock = () => new Date(now);
  const entropy = (bytes: number) => new Uint8Array(randomBytes(bytes));
  const hierarchy = await createHierarchy({
    realm,
    organization: 'Example',
    hosts: [],
    now: clock(),
    entropy,
    makeKey,
    openSigner: softwareSigner,
  });
  const storage = await openScratchSqlite(realm);
  const clockGuard = new ClockGuard({
    clock,
    monotonicMs: () => now - jumpedMs,
    source: null,
    boundMs: 60_000,
  });
  const ledger = new TickLedger({
    storage,
    realm,
    clock,
    entropy,
    requireSteady: (at) => clockGuard.requireSteady(at),
  });
  const { certificates, keys, logPublicKey } = hierarchy;
  const signer = softwareSigner(keys.issuing);
  const signers = new Map([
    [keyNames.issuing as string, signer],
    [keyNames.stationCa as string, softwareSigner(keys.stationCa)],
  ]);
  const core: LineCore = {
    ledger,
    realm,
    logId: logId(logPublicKey),
    rootPem: toPem('CERTIFICATE', certificates.root),
    rootSha256: sha256Hex(certificates.root),
    issuers: new Issuers(realm, async (caId) => signers.get(caId)!),
    contracts: new ContractShelf(),
    clock,
    clockGuard,
    entropy,
    processId: 'process-1',
    intentLeaseMs: 5_000,
    jobsPerLaneAMinute: 1000,
    minimumStationVersion: '0.1.0',
    badgeHash: (badge) => sha256Hex(new TextEncoder().encode(badge)),
    checkpoints: new Checkpoints(ledger, verifierKey(`example.com/${realm}`, logPublicKey), (message) =>
      sign(null, message, keys.log),
    ),
  };
  const record = async (...drafts: Draft[]) => {
    await ledger.submit(async () => ({ entries: drafts, reply: () => undefined }));
  };
  await record(
    ...realmDrafts(person, {
      realm,
      organization: 'Example',
      logOrigin: `example.com/${realm}`,
      logPublicKey,
      certificates,
    }),
    {
      type: 'contract.registered',
      actor: person,
      data: {
        contract_sha256: product.sha256,
        product: product.contract.product,
        revision: product.contract.revision,
        text: product.text,
      },
    },
    {
      type: 'order.created',
      actor: person,
      data: {
        order_id: 'order-1',
        product: product.contract.product,
        sku: product.contract.skus[0]!,
        lot: 'lot-1',
        contract_sha256: product.sha256,
        hardware_revisions: [...product.contract.hardware_revisions],
        quantity: ids.length,
        scrap_allowance: 0,
        id_source: 'imported',
        sites: [],
        stations: ['st-1', 'st-2'],
        opens_at: '2026-11-01T00:00:00.000Z',
        closes_at: '2026-12-31T00:00:00.000Z',
        ...order,
      },
    },
    { type: 'order.ids-allocated', actor: person, data: { order_id: 'order-1', device_ids: ids } },
    { type: 'operator.registered', actor: person, data: { operator_id: 'op-1' } },
  );
  const caller = await addStation(record, core, 'st-1', lanes);
  return {
    core,
    hierarchy,
    signer,
    signers,
    issuing: new CredentialIssuing(core),
    caller,
    shiftId: 'shift-st-1',
    product,
    pass: (ms) => {
      now += ms;
    },
    jump: (ms) => {
      now += ms;
      jumpedMs += ms;
    },
    record,
    close: async () => {
      await ledger.close();
      await storage.close();
    },
  };
}

/** A confirmed station with a session and an open shift `shift-<id>`. */
export async function addStation(
  record: Line['record'],
  core: LineCore,
  stationId: string,
  lanes: number,
): Promise<StationCaller> {
  await record(
    {
      type: 'station.invited',
      actor: person,
      data: {
        station_id: stationId,
        site: 'site-1',
        line: 'line-1',
        lanes,
        expires_at: core.clock().toISOString(),
      },
    },
    {
      type: 'station.confirmed',
      actor: person,
      data: {
        station_id: stationId,
        public_key_sha256: sha256Hex(new TextEncoder().encode(stationId)),
        serial: '01',
        tbs_sha256: '0'.repeat(64),
        not_after: new Date(core.clock().getTime() + 37 * 86_400_000).toISOString(),
      },
    },
    {
      type: 'shift.opened',
      actor: { kind: 'station', id: stationId },
      data: { shift_id: `shift-${stationId}`, station_id: stationId, operator_id: 'op-1' },
    },
  );
  const sessionId = `w-${stationId}`;
  const { size } = await core.ledger.head();
  await core.ledger.submit(async () => ({
    entries: [],
    remember: async (tx) => {
      await tx
        .insertInto('station_session')
        .values({
          station_id: stationId,
          session_id: sessionId,
          station_version: '0.1.0',
          configuration_sha256: '0'.repeat(64),
          log_size: size,
        })
        .execute();
    },
    reply: () => undefined,
  }));
  return { stationId, sessionId };
}

/** A unit as far as the authority can see one: hardware, a key, and signatures over what it holds. */
export class TestUnit {
  readonly uid: string;
  key: KeyObject;
  spki: Uint8Array;

  readonly product: TestProduct;

  constructor(uid: string, product: TestProduct = gateway) {
    this.uid = uid;
    this.product = product;
    this.key = makeKey(product.contract.credential.key_type);
    this.spki = spkiOf(this.key);
  }

  /** A fresh key, as after a slot was lost. */
  rekey(): void {
    this.key = makeKey(this.product.contract.credential.key_type);
    this.spki = spkiOf(this.key);
  }

  get hardwareUid() {
    return this.product.contract.identity.hardware_uid.map((kind) => ({
      kind: kind as string,
      value: `${this.uid}-${kind}`,
    }));
  }

  csr(): string {
    return toBase64(makeRequest({ key: this.key }));
  }

  openRequest(deviceId: string, shiftId: string, lane = 1): StationRequest<'openJob'> {
    return {
      request_id: requestId(),
      order_id: null,
      device_id: deviceId,
      operation: 'provision',
      hardware_uid: this.hardwareUid,
      hw_rev: this.product.contract.hardware_revisions[0]!,
      firmware: { ...this.product.contract.firmware },
      held: { device_id: null, public_key_sha256: null, certificate_sha256: null },
      where: { lane, carrier: null, position: null },
      shift_id: shiftId,
    };
  }

  statement(
    core: LineCore,
    jobId: string,
    attempt: number,
    deviceId: string,
    nonce: string,
    der: Uint8Array,
  ): ProveStatement {
    return {
      realm: core.realm,
      logId: core.logId,
      jobId,
      attempt,
      deviceId,
      hardwareUid: this.hardwareUid,
      certificateSha256: sha256Hex(der),
      contractSha256: this.product.sha256,
      nonce,
    };
  }

  prove(statement: ProveStatement): string {
    return this.#sign(proveBytes(statement));
  }

  attest(statement: ProveStatement, state: AttestedState): string {
    return this.#sign(attestBytes(statement, state));
  }

  #sign(bytes: Uint8Array): string {
    return sign(digestOf(keyTypeOf(this.key)), bytes, this.key).toString('base64');
  }
}

/** The state of a unit that is sealed as the contract asks, holding what the job wrote. */
export function sealedState(
  core: LineCore,
  factoryConfig: string,
  { contract }: TestProduct = gateway,
): AttestedState {
  return {
    debug_lock: contract.lock_policy.debug,
    boot_flags: { ...contract.boot_flags },
    firmware_build_id: contract.firmware.build_id,
    firmware_sha256: contract.firmware.sha256,
    rollback_counter: contract.firmware.rollback_counter,
    boot_count: 2,
    trust_anchor_sha256: core.rootSha256,
    factory_config_sha256: sha256Hex(new TextEncoder().encode(factoryConfig)),
    storage_map_sha256: storageMapSha256(contract),
  };
}

/** A core whose every CA signs with this signer, as a fault or another process has it. */
export function signingWith(core: LineCore, signer: Signer): LineCore {
  return { ...core, issuers: new Issuers(core.realm, async () => signer) };
}

/** SHA-256 of what the station read back, all of it right. */
export function rightReadBack(
  core: LineCore,
  deviceId: string,
  der: Uint8Array,
  chainPem: string,
  factoryConfig: string,
) {
  return {
    device_id: deviceId,
    certificate_sha256: sha256Hex(der),
    chain_sha256: sha256Hex(concatBytes(...fromPem('CERTIFICATE', chainPem))),
    trust_anchor_sha256: core.rootSha256,
    factory_config_sha256: sha256Hex(new TextEncoder().encode(factoryConfig)),
  };
}

export const certificateOf = (issued: IssuedCredential): Uint8Array =>
  fromPem('CERTIFICATE', issued.device_cert_pem)[0]!;
export const x509Of = (issued: IssuedCredential): X509Certificate =>
  new X509Certificate(issued.device_cert_pem);
