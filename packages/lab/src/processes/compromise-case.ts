/** `ca compromise` under strikes: a home with units in the field, in stock and on the line, all certified by the CA whose key is stolen. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Draft } from '@imprint/authority/ledger/ledger';
import { toBase64, toUtf8 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { makeOrder } from 'imprint/demo/line-setup';
import { type OpenAuthority, openAuthority } from 'imprint/open-authority';
import { type CommandCase, checkAuthority } from './command-cases.ts';

const caId = 'device-issuing';
/** How far each unit has come: two of them are left alone, the others are set aside. */
const ways: LifecycleState[][] = [
  ['manufactured', 'stocked', 'shipped'],
  ['manufactured', 'stocked', 'shipped'],
  ['manufactured', 'stocked'],
  ['manufactured'],
  [],
];
const inField = 2;

/** The case, with its template made in `folder` from a home that has certified nobody. */
export async function compromiseCase(template: string, folder: string): Promise<CommandCase> {
  cpSync(template, folder, { recursive: true });
  const authority = await openAuthority(folder);
  try {
    await certifyUnits(authority);
  } finally {
    await authority.close();
  }
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'ca-compromise',
    prepare: async (disk) => cpSync(folder, home(disk), { recursive: true }),
    arguments: (disk) => ['ca', 'compromise', caId, '--home', home(disk), '--reason', 'the safe was open'],
    isMade: (disk) => isRevoked(join(home(disk), 'data', 'imprint.db')),
    isThereAlready: /(?!)/,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const rows = await ledger.reader
          .selectFrom('device')
          .innerJoin('credential', 'credential.device_id', 'device.device_id')
          .select(['device.state', 'credential.status'])
          .execute();
        const found = rows.map(({ state, status }) => `${state} ${status}`).sort();
        const wanted = ways.map((_, at) => `${at < inField ? 'shipped' : 'quarantined'} revoked`).sort();
        if (found.join() !== wanted.join()) throw new Error(found.join());
        const declared = await ledger.reader
          .selectFrom('ca')
          .select('status')
          .where('ca_id', '=', caId)
          .execute();
        const bundles = await ledger.reader.selectFrom('trust_bundle').select('version').execute();
        if (declared[0]?.status !== 'compromised' || bundles.length !== 2) {
          throw new Error(`${declared[0]?.status}, ${bundles.length} bundles are out`);
        }
      }),
  };
}

/** By the log alone: what a line leaves of each unit that counts here. */
async function certifyUnits(authority: OpenAuthority): Promise<void> {
  const { deviceIds, orderId } = await makeOrder(authority, ways.length);
  const { ledger } = authority;
  const order = await ledger.reader.selectFrom('production_order').selectAll().executeTakeFirstOrThrow();
  const ca = await ledger.reader
    .selectFrom('ca')
    .selectAll()
    .where('ca_id', '=', caId)
    .executeTakeFirstOrThrow();
  for (const [at, way] of ways.entries()) {
    const unit = {
      deviceId: deviceIds[at]!,
      orderId,
      contract: order.contract_sha256,
      issuer: ca.certificate_sha256!,
    };
    await ledger.submit(async () => ({ entries: certified(unit, at), reply: () => undefined }));
    let from: LifecycleState = 'allocated';
    for (const to of way) {
      const data = { device_id: unit.deviceId, from, to, reason: 'so' };
      const actor = { kind: to === 'manufactured' ? 'station' : 'person', id: 'tester' } as const;
      await ledger.submit(async () => ({
        entries: [{ type: 'device.transitioned', actor, data }],
        reply: () => undefined,
      }));
      from = to;
    }
  }
}

function certified(
  { deviceId, orderId, contract, issuer }: Record<'deviceId' | 'orderId' | 'contract' | 'issuer', string>,
  at: number,
): Draft[] {
  const actor = { kind: 'station', id: 'st-1' } as const;
  const hash = (what: string) => sha256Hex(toUtf8(`${what} ${at}`));
  const certificate = toUtf8(`certificate ${at}`);
  const [job_id, credential_id] = [`j-${at}`, `k-${at}`];
  return [
    {
      type: 'job.opened',
      actor,
      data: {
        ...{ job_id, order_id: orderId, device_id: deviceId, sku: 'gateway-wifi', hw_rev: 'B2' },
        hardware_uid: [{ kind: 'mcu-uid', value: `board-${at}` }],
        ...{
          contract_sha256: contract,
          manifest_sha256: hash('manifest'),
          manifest: 'x',
          factory_config: '{}',
        },
      },
    },
    {
      type: 'credential.intended',
      actor,
      data: {
        ...{ credential_id, job_id, device_id: deviceId, profile: 'idevid', issuer_sha256: issuer },
        ...{ profile_sha256: hash('profile'), serial: hash('serial').slice(0, 32), tbs_sha256: hash('tbs') },
        ...{ key_type: 'ec-p256', public_key_sha256: hash('key'), ignored: [], owner: 'p-1' },
        not_before: '2026-01-01T00:00:00.000Z',
        not_after: '9999-12-31T23:59:59.000Z',
        lease_expires_at: '2026-01-01T00:00:05.000Z',
      },
    },
    {
      type: 'credential.issued',
      actor: { kind: 'authority', id: 'p-1' },
      data: {
        credential_id,
        certificate_sha256: sha256Hex(certificate),
        certificate_b64: toBase64(certificate),
      },
    },
  ];
}

function isRevoked(file: string): boolean {
  const database = new DatabaseSync(file);
  try {
    const left = database.prepare("SELECT 1 FROM credential WHERE status <> 'revoked'").get();
    return left === undefined;
  } finally {
    database.close();
  }
}
