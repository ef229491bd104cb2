/** What a verified receipt says, item by item, and on whose word each item stands. Called from receipt.ts only, after verification. */

import { canonicalJson } from '../canonical-json.ts';
import type { HardwareUid } from '../hardware-uid.ts';
import type { KeyType } from '../x509/public-key.ts';
import type { AuditEntry, RealmName } from './entry.ts';

type CompletedEntry = Extract<AuditEntry, { type: 'job.completed' }>;

/** The device signed it; an enrolled station reported it; the authority verified or decided it. */
export type Voucher = 'device' | 'station' | 'authority';

export interface VouchedItem {
  /** Name of the field in the entry. */
  item: string;
  value: string;
  by: Voucher;
}

export interface ReceiptSummary {
  realm: RealmName;
  deviceId: string;
  hardwareUid: HardwareUid;
  jobId: string;
  orderId: string;
  product: string;
  sku: string;
  lot: string;
  assurance: CompletedEntry['data']['assurance'];
  keyType: KeyType;
  /** When the authority recorded that the job was complete, by its clock. */
  completedAt: string;
  /** Of the device's certificate. */
  notBefore: string;
  notAfter: string;
  /** SHA-256, hex; `publicKey` over SubjectPublicKeyInfo, `certificate` and `issuer` over DER, the others over files. */
  fingerprints: {
    certificate: string;
    publicKey: string;
    issuer: string;
    trustAnchor: string;
    contract: string;
    manifest: string;
    firmware: string;
    factoryConfig: string;
  };
  certificateSerial: string;
  log: { origin: string; logId: string; index: number; size: number; rootHash: string };
  vouched: VouchedItem[];
}

export interface ReceiptPosition {
  index: number;
  treeSize: number;
  rootHash: string;
  origin: string;
  notBefore: string;
  notAfter: string;
}

export function summarize(entry: CompletedEntry, at: ReceiptPosition): ReceiptSummary {
  const { data } = entry;
  return {
    realm: entry.realm,
    deviceId: data.device_id,
    hardwareUid: data.hardware_uid,
    jobId: data.job_id,
    orderId: data.order_id,
    product: data.product,
    sku: data.sku,
    lot: data.lot,
    assurance: data.assurance,
    keyType: data.key_type,
    completedAt: entry.at,
    notBefore: at.notBefore,
    notAfter: at.notAfter,
    fingerprints: {
      certificate: data.certificate_sha256,
      publicKey: data.public_key_sha256,
      issuer: data.issuer_sha256,
      trustAnchor: data.attest.state.trust_anchor_sha256,
      contract: data.contract_sha256,
      manifest: data.manifest_sha256,
      firmware: data.attest.state.firmware_sha256,
      factoryConfig: data.attest.state.factory_config_sha256,
    },
    certificateSerial: data.certificate_serial,
    log: {
      origin: at.origin,
      logId: data.log_id,
      index: at.index,
      size: at.treeSize,
      rootHash: at.rootHash,
    },
    vouched: vouchedItems(entry),
  };
}

/** The division that `docs/specs/audit-log.md` lays down; a field that the statements bind is the device's word. */
function vouchedItems({ realm, at, data }: CompletedEntry): VouchedItem[] {
  const items: VouchedItem[] = [];
  const vouch = (by: Voucher, values: Record<string, unknown>) => {
    for (const [item, value] of Object.entries(values)) {
      items.push({ item, value: typeof value === 'string' ? value : canonicalJson(value), by });
    }
  };
  const { device_id, hardware_uid, job_id, log_id, certificate_sha256, contract_sha256 } = data;
  vouch('device', { realm, log_id, job_id, device_id, hardware_uid, certificate_sha256, contract_sha256 });
  vouch('device', { 'prove.attempt': data.prove.attempt, 'prove.nonce': data.prove.nonce });
  vouch('device', { 'attest.attempt': data.attest.attempt, 'attest.nonce': data.attest.nonce });
  vouch('device', prefixed('attest.state', data.attest.state));
  vouch('authority', {
    at,
    order_id: data.order_id,
    lot: data.lot,
    product: data.product,
    sku: data.sku,
    site: data.site,
    station_id: data.station_id,
    contract_revision: data.contract_revision,
    manifest_sha256: data.manifest_sha256,
    key_type: data.key_type,
    public_key_sha256: data.public_key_sha256,
    certificate_serial: data.certificate_serial,
    issuer_sha256: data.issuer_sha256,
    assurance: data.assurance,
    ...(data.debug_exception === undefined ? {} : { debug_exception: data.debug_exception }),
  });
  vouch('station', { hw_rev: data.hw_rev, operator_id: data.operator_id, ...prefixed('where', data.where) });
  vouch('station', prefixed('reported', data.reported));
  return items;
}

function prefixed(prefix: string, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}
