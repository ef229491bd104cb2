/** For tests: finished, shipped units of an authority's home, with keys that the test holds. */
import type { KeyObject } from 'node:crypto';
import { CredentialIssuing } from '@imprint/authority/jobs/issue-credential';
import { addStation, gateway, type Line, TestUnit } from '@imprint/authority/jobs/line.test-kit';
import { doneUnit } from '@imprint/authority/jobs/walk.test-kit';
import type { Draft } from '@imprint/authority/ledger/ledger';
import { toPem } from '@imprint/contract/x509/pem';
import { readCertificate } from '../authority-home.ts';
import { openAuthority } from '../open-authority.ts';

export interface ShippedUnit {
  deviceId: string;
  key: KeyObject;
  /** Leaf and CA, PEM. */
  chainPem: string;
}

const person = { kind: 'person', id: 'tester' } as const;
const dayMs = 86_400_000;

/** Makes an order of these IDs and its units, all shipped, in a home that nobody serves. */
export async function shippedUnits(folder: string, ids: string[]): Promise<ShippedUnit[]> {
  const authority = await openAuthority(folder);
  try {
    const { line: core } = await authority.unlock();
    const record = async (...entries: Draft[]) => {
      await authority.ledger.submit(async () => ({ entries, reply: () => undefined }));
    };
    await record(...orderDrafts(ids));
    const caller = await addStation(record, core, 'st-1', 4);
    const issuing = readCertificate(authority.home, 'issuing');
    const line = {
      ...{ core, record, caller, product: gateway, shiftId: 'shift-st-1' },
      issuing: new CredentialIssuing(core),
      hierarchy: { certificates: { issuing } },
    } as unknown as Line;
    const units: ShippedUnit[] = [];
    for (const deviceId of ids) {
      const walk = await doneUnit(line, new TestUnit(`unit-${deviceId}`), deviceId);
      await record(...shipping(deviceId));
      units.push({
        deviceId,
        key: walk.unit.key,
        chainPem: toPem('CERTIFICATE', walk.der) + toPem('CERTIFICATE', issuing),
      });
    }
    return units;
  } finally {
    await authority.close();
  }
}

function orderDrafts(ids: string[]): Draft[] {
  const { contract, sha256, text } = gateway;
  const daysFromNow = (days: number) => new Date(Date.now() + days * dayMs).toISOString();
  const { product, revision, skus, hardware_revisions } = contract;
  const order = { order_id: 'order-1', product, sku: skus[0]!, lot: 'lot-1', contract_sha256: sha256 };
  return [
    {
      type: 'contract.registered',
      actor: person,
      data: { contract_sha256: sha256, product, revision, text },
    },
    {
      type: 'order.created',
      actor: person,
      data: {
        ...order,
        hardware_revisions: [...hardware_revisions],
        ...{ quantity: ids.length, scrap_allowance: 0, id_source: 'imported', sites: [], stations: ['st-1'] },
        opens_at: daysFromNow(-1),
        closes_at: daysFromNow(30),
      },
    },
    { type: 'order.ids-allocated', actor: person, data: { order_id: 'order-1', device_ids: ids } },
    { type: 'operator.registered', actor: person, data: { operator_id: 'op-1' } },
  ];
}

function shipping(device_id: string): Draft[] {
  const states = ['allocated', 'manufactured', 'stocked', 'shipped'] as const;
  return states.slice(1).map((to, at) => ({
    type: 'device.transitioned',
    actor: to === 'manufactured' ? { kind: 'station', id: 'st-1' } : person,
    data: { device_id, from: states[at]!, to, reason: `it becomes ${to}` },
  }));
}
