/**
 * Measures a filled authority from within, in a process of its own that is killed afterwards with its last writes where they
 * are: started by `fork` with a home and the number of its devices, it gives its figures in one message.
 */
import { randomInt } from 'node:crypto';
import { proveDevice } from '@imprint/authority/audit/prove';
import { CredentialIssuing } from '@imprint/authority/jobs/issue-credential';
import { presentedKey } from '@imprint/authority/jobs/presented-key';
import { showDevice } from '@imprint/authority/registry/devices';
import { statement } from '@imprint/authority/storage/statement';
import type {
  CredentialTable,
  DeviceTable,
  PublicKeyTable,
  UnitTable,
} from '@imprint/authority/storage/tables';
import { computeByOpenssl } from 'imprint/compute-by-openssl';
import { type AuthorityHome, benchStation, newRequestId, openHome } from '../bench-home.ts';
import { spreadOf } from '../figures.ts';
import { beginSession } from '../issuing.ts';
import { makeOrder, openJobs, type WaitingUnit } from '../open-jobs.ts';
import { filledDeviceId } from './fill.ts';

/** What the parent asks for. */
export interface ProbeWork {
  home: string;
  devices: number;
  /** Certificates issued one after another, and as many 64 at once; devices that are looked up; receipts. */
  issued: number;
  lookedUp: number;
  receipts: number;
}

/** Milliseconds each, the median; memory as the process has it at the end. */
export interface ProbeResult {
  issuingMs: number;
  issuingTogetherMs: number;
  byDeviceIdMs: number;
  byHardwareUidMs: number;
  bySerialMs: number;
  byPublicKeyMs: number;
  byCertificateMs: number;
  receiptMs: number;
  residentMb: number;
}

const callers = 64;
/** A look-up that reads a whole table is measured on few devices, so that it ends. */
const longestMs = 3_000;
const leastItems = 3;

async function probe({ home: folder, devices, issued, lookedUp, receipts }: ProbeWork): Promise<ProbeResult> {
  const home = await openHome(folder);
  const lookUps = await measureLookUps(home, sample(devices, lookedUp));
  const receiptMs = await medianMs(sample(devices, receipts), (deviceId) =>
    proveDevice(home.unlocked.receipts, deviceId),
  );
  // last, so that its writes are what a kill finds
  const issuing = await measureIssuing(home, issued);
  return { ...lookUps, receiptMs, ...issuing, residentMb: process.memoryUsage().rss / 2 ** 20 };
}

/** Devices anywhere in the registry; a small one gives the same one more than once. */
function sample(devices: number, count: number): string[] {
  return Array.from({ length: count }, () => filledDeviceId(randomInt(devices)));
}

async function measureIssuing(home: AuthorityHome, count: number) {
  const orderId = `probe-${newRequestId().slice(-12)}`;
  const warmUp = Math.ceil(count / 2);
  const units = await openJobs(home, orderId, await makeOrder(home, orderId, warmUp + 2 * count), () => {});
  const caller = { stationId: benchStation, sessionId: await beginSession(home) };
  const issuing = new CredentialIssuing(home.unlocked.line);
  const issue = ({ jobId, requestId, csrB64 }: WaitingUnit) =>
    issuing.issue(caller, jobId, { request_id: requestId, attempt: 1, key: presentedKey(csrB64) });
  await medianMs(units.splice(0, warmUp), issue);
  const issuingMs = await medianMs(units.splice(0, count), issue);
  const begun = performance.now();
  const worker = async () => {
    for (let unit = units.pop(); unit !== undefined; unit = units.pop()) await issue(unit);
  };
  await Promise.all(Array.from({ length: callers }, worker));
  return { issuingMs, issuingTogetherMs: (performance.now() - begun) / count };
}

async function measureLookUps({ authority: { ledger } }: AuthorityHome, deviceIds: readonly string[]) {
  const { reader } = ledger;
  const found: Pick<CredentialTable, KeyColumn>[] = [];
  const units: string[] = [];
  for (const deviceId of deviceIds) {
    found.push((await credentialOf(reader, { device_id: deviceId })).rows[0]!);
    units.push((await deviceById(reader, { key: deviceId })).rows[0]!.hardware_uid!);
  }
  const by = (column: KeyColumn) =>
    medianMs(found, (credential) =>
      credentialBy[column](reader, { ...credential, key: credential[column]! }),
    );
  return {
    byDeviceIdMs: await medianMs(deviceIds, (deviceId) => showDevice(reader, deviceId)),
    byHardwareUidMs: await medianMs(units, async (key) => {
      const [unit] = (await unitByUid(reader, { key })).rows;
      return deviceById(reader, { key: unit!.device_id! });
    }),
    bySerialMs: await by('serial'),
    byPublicKeyMs: await by('public_key_sha256'),
    byCertificateMs: await by('certificate_sha256'),
  };
}

async function medianMs<Item>(
  items: readonly Item[],
  run: (item: Item) => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  let spentMs = 0;
  for (const item of items) {
    if (spentMs > longestMs && times.length >= leastItems) break;
    const begun = performance.now();
    await run(item);
    times.push(performance.now() - begun);
    spentMs += times.at(-1)!;
  }
  return spreadOf(times).median;
}

type KeyColumn = 'serial' | 'public_key_sha256' | 'certificate_sha256';

const credentialOf = statement<{ device_id: string }, Pick<CredentialTable, KeyColumn>>((db, arg) =>
  db
    .selectFrom('credential')
    .select(['serial', 'public_key_sha256', 'certificate_sha256'])
    .where('device_id', '=', arg('device_id')),
);

const deviceById = statement<{ key: string }, DeviceTable>((db, arg) =>
  db.selectFrom('device').selectAll().where('device_id', '=', arg('key')),
);
const unitByUid = statement<{ key: string }, Pick<UnitTable, 'device_id'>>((db, arg) =>
  db.selectFrom('unit').select('device_id').where('hardware_uid', '=', arg('key')),
);
const credentialBy = {
  serial: credentialWhere('serial'),
  public_key_sha256: statement<{ key: string }, Pick<PublicKeyTable, 'device_id'>>((db, arg) =>
    db.selectFrom('public_key').select('device_id').where('public_key_sha256', '=', arg('key')),
  ),
  certificate_sha256: credentialWhere('certificate_sha256'),
};

function credentialWhere(column: 'serial' | 'certificate_sha256') {
  return statement<{ key: string }, Pick<CredentialTable, 'device_id'>>((db, arg) =>
    db.selectFrom('credential').select('device_id').where(column, '=', arg('key')),
  );
}

computeByOpenssl();
process.on('message', (work: ProbeWork) => {
  probe(work).then(
    (result) => process.send!({ result }),
    (error: Error) => process.send!({ error: String(error.stack) }),
  );
});
