/**
 * What a device's contact changes: its first one activates it, the first use of a new credential ends the old one, what it says of
 * itself goes into its record, and a key that two use bars it where the contract says so. Each is one decision of the ledger.
 */
import type { DeviceReport } from '@imprint/contract/api/device';
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { nobodyApproved } from '../lifecycle/approved.ts';
import { transitionDevice, transitionDrafts } from '../lifecycle/transition.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import { writeContacts } from './contacts.ts';
import type { KnownDevice } from './known-device.ts';

export interface DeviceCore {
  ledger: Ledger;
  contracts: ContractShelf;
  processId: string;
}

export type CloneEvidence = EntryData<'device.clone-suspected'>['evidence'];

/** How a report was taken: `moved` where the board that it names is not the device's. */
export type ReportOutcome = 'taken' | 'moved';

/** What the listener for devices asks for: every decision. */
export interface DeviceDecisions {
  /** First contact. Nothing where it is activated already. @throws transition_refused where it is in another state now */
  activate(known: KnownDevice): Promise<void>;
  /** A credential that has a predecessor was used: the predecessor ends (I-7). */
  endPredecessor(known: KnownDevice): Promise<void>;
  report(known: KnownDevice, report: DeviceReport): Promise<ReportOutcome>;
  suspectClone(known: KnownDevice, evidence: CloneEvidence, detail: string): Promise<void>;
  writeContacts: ReturnType<typeof writeContacts>;
}

export function deviceDecisions(core: DeviceCore): DeviceDecisions {
  const { ledger, contracts } = core;
  return {
    activate: async (known) => {
      await transitionDevice(
        ledger,
        { contracts, approved: nobodyApproved },
        { by: deviceActor(known), deviceId: known.deviceId, to: 'activated', reason: 'first contact' },
      );
    },
    endPredecessor: (known) =>
      ledger.submit(async (reading) => ({
        entries: await predecessorDrafts(reading, known),
        reply: () => undefined,
      })),
    report: async (known, report) => {
      const moved = await otherHardware(core, known, report);
      if (moved !== undefined) {
        await suspectClone(core, known, 'other-hardware', moved);
        return 'moved';
      }
      await ledger.submit(async (reading) => ({
        entries: await reportDrafts(reading, known, report),
        reply: () => undefined,
      }));
      return 'taken';
    },
    suspectClone: (known, evidence, detail) => suspectClone(core, known, evidence, detail),
    writeContacts: writeContacts(core),
  };
}

const deviceActor = ({ deviceId }: KnownDevice): Actor => ({ kind: 'device', id: deviceId });

async function predecessorDrafts({ tx }: Reading, known: KnownDevice): Promise<Draft[]> {
  const rows = await tx
    .selectFrom('credential')
    .select(['credential_id', 'serial'])
    .where('device_id', '=', known.deviceId)
    .where('profile', '=', known.profile)
    .where('status', '=', 'superseded')
    .orderBy('credential_id')
    .execute();
  return rows.map((row) => ({
    type: 'credential.revoked',
    actor: deviceActor(known),
    data: { ...row, reason: 'superseded' },
  }));
}

async function reportDrafts(
  { tx }: Reading,
  known: KnownDevice,
  { firmware, configuration }: DeviceReport,
): Promise<Draft[]> {
  const { reported } = await tx
    .selectFrom('device')
    .select('reported')
    .where('device_id', '=', known.deviceId)
    .executeTakeFirstOrThrow();
  if (reported === canonicalJson({ firmware, configuration })) return [];
  const data = { device_id: known.deviceId, firmware, configuration };
  return [{ type: 'device.reported', actor: deviceActor(known), data }];
}

/** What is wrong with the board that the report names; undefined where it is the device's, or none is named. */
async function otherHardware(
  { ledger }: DeviceCore,
  { deviceId }: KnownDevice,
  { hardware_uid }: DeviceReport,
): Promise<string | undefined> {
  if (hardware_uid === undefined) return undefined;
  const said = hardwareUidText(hardware_uid);
  const { hardware_uid: bound } = await ledger.reader
    .selectFrom('device')
    .select('hardware_uid')
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  return said === bound
    ? undefined
    : `it runs on ${said}, and was made as ${bound ?? 'no board'}`.slice(0, 500);
}

const dayMs = 86_400_000;

/**
 * Records the suspicion, with an alarm, once a day for a device; quarantines it where its contract says so. A device that cannot be
 * quarantined from where it is now is barred already.
 */
async function suspectClone(
  core: DeviceCore,
  known: KnownDevice,
  evidence: CloneEvidence,
  detail: string,
): Promise<void> {
  const by: Actor = { kind: 'authority', id: core.processId };
  const { deviceId: device_id, certificateSha256: certificate_sha256 } = known;
  await core.ledger.submit(async (reading) => {
    const entries: Draft[] = [];
    if (!(await wasSuspected(reading, device_id, evidence))) {
      entries.push(
        {
          type: 'device.clone-suspected',
          actor: by,
          data: { device_id, certificate_sha256, evidence, detail },
        },
        { type: 'alarm.raised', actor: by, data: { kind: 'device-clone', subject: device_id, detail } },
      );
    }
    const device = await reading.tx
      .selectFrom('device')
      .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
      .select(['device.state', 'production_order.contract_sha256'])
      .where('device_id', '=', device_id)
      .executeTakeFirstOrThrow();
    const { clone } = await core.contracts.get(reading.tx, device.contract_sha256);
    const isLive = device.state === 'shipped' || device.state === 'activated';
    if (isLive && policyOf(clone, evidence) === 'quarantine') {
      const moved = await transitionDrafts(
        reading,
        { contracts: core.contracts, approved: nobodyApproved },
        { by, deviceId: device_id, to: 'quarantined', reason: detail, list: null },
      );
      entries.push(...moved.entries);
    }
    return { entries, reply: () => undefined };
  });
}

/** Two ways out of one house look like two places, so people decide about that; nothing honest runs on another board. */
function policyOf(clone: ProvisioningContract['clone'], evidence: CloneEvidence): 'alarm' | 'quarantine' {
  return evidence === 'two-places' ? (clone?.two_places ?? 'alarm') : (clone?.other_hardware ?? 'quarantine');
}

async function wasSuspected(
  { tx, now }: Reading,
  deviceId: string,
  evidence: CloneEvidence,
): Promise<boolean> {
  const row = await tx
    .selectFrom('device_history')
    .select('log_index')
    .where('device_id', '=', deviceId)
    .where('field', '=', 'clone suspected')
    .where('value', '=', evidence)
    .where('at', '>', new Date(now.getTime() - dayMs).toISOString())
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
