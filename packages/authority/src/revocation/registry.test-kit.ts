/** For tests: a registry with devices whose certificates are real, under a CA with several CRLs, a clock that tests set, and revocation. */
import type { EntryData } from '@imprint/contract/audit/entry';
import { toBase64 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import type { Issuer } from '../issuing/issuer.ts';
import { gateway } from '../jobs/line.test-kit.ts';
import { revokeCredential } from '../jobs/revoke-credential.ts';
import { append, draft, intended, jobOpened, opening, uidOf } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import type { TickLedger } from '../ledger/tick-ledger.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import { makeTestRealm, type TestRealm } from '../trust/hierarchy.test-kit.ts';
import { CrlPublisher } from './crl-publisher.ts';
import { CrlShelf, type ServedCrl } from './crl-shelf.ts';
import { type IssuedDevice, issueDevice } from './revocation.test-kit.ts';

export const publicUrl = 'http://pki.example.com';
export const boundMinutes = gateway.contract.revocation.visible_within_minutes;
export const boundMs = boundMinutes * 60_000;
const person = { kind: 'person', id: 'p-1' } as const;

export interface TestRegistry {
  storage: Storage;
  ledger: TickLedger;
  realm: TestRealm;
  issuer: Issuer;
  stationCa: Issuer;
  /** Certified, in this order. */
  devices: IssuedDevice[];
  clock: () => Date;
  /** Moves the clock on. */
  pass: (ms: number) => void;
  /** A process that publishes. */
  publisher: (processId?: string, issuers?: readonly Issuer[]) => CrlPublisher;
  shelf: (damaged?: (issuerSha256: string, partition: number) => void) => CrlShelf;
  /** The CRL that is served for a partition. */
  served: (partition: number) => Promise<ServedCrl>;
  revoke: (device: IssuedDevice, reason?: EntryData<'credential.revoked'>['reason']) => Promise<string[]>;
  /** One more device, whose certificate ends then. */
  certify: (notAfter?: string) => Promise<IssuedDevice>;
  close: () => Promise<void>;
}

/** With so many devices, under a CA with so many CRLs; in `storage`, where one is given. */
export async function openRegistry(count: number, partitions = 4, storage?: Storage): Promise<TestRegistry> {
  const stored = storage ?? (await openScratchSqlite('dev'));
  const { ledger, time } = testLedger(stored);
  const realm = await makeTestRealm();
  const issuer: Issuer = { ...realm.issuing, revocation: { crlPartitions: partitions, publicUrl } };
  const clock = () => new Date(time.ms);
  const ids = Array.from({ length: count + 20 }, (_, at) => `SN-${String(at + 1).padStart(8, '0')}`);
  const [created, registered, ...more] = opening(ids);
  await append(
    ledger,
    {
      ...created!,
      data: {
        ...created!.data,
        issuing_ca_sha256: issuer.certificate.sha256,
        station_ca_sha256: realm.stationCa.certificate.sha256,
      },
    } as never,
    { ...registered!, data: { ...registered!.data, text: gateway.text } } as never,
    ...more,
  );
  const devices: IssuedDevice[] = [];
  const certify = async (notAfter?: string) => {
    const id = ids[devices.length]!;
    const device = await issueDevice(
      issuer,
      { revocation: { public_url: publicUrl, crl_partitions: partitions } },
      clock(),
    );
    const intent = intended(id, device.serial);
    await append(
      ledger,
      jobOpened(id, uidOf(id)),
      {
        ...intent,
        data: {
          ...intent.data,
          issuer_sha256: issuer.certificate.sha256,
          ...(notAfter === undefined ? {} : { not_after: notAfter }),
        },
      } as never,
      draft('credential.issued', {
        credential_id: `c-${device.serial}`,
        certificate_sha256: sha256Hex(device.certificate),
        certificate_b64: toBase64(device.certificate),
      }),
    );
    devices.push(device);
    return device;
  };
  for (let at = 0; at < count; at++) await certify();
  const issuers = [issuer, realm.stationCa];
  const shelf = (damaged: (issuerSha256: string, partition: number) => void = () => undefined) =>
    new CrlShelf({ reader: stored.reader, clock, issuers: async () => issuers, damaged });
  return {
    storage: stored,
    ledger,
    realm,
    issuer,
    stationCa: realm.stationCa,
    devices,
    clock,
    pass: (ms) => {
      time.ms += ms;
    },
    publisher: (processId = 'a-1', of = issuers) =>
      new CrlPublisher({ ledger, contracts: new ContractShelf(), clock, processId, issuers: async () => of }),
    shelf,
    served: async (partition) =>
      (await shelf().get(Buffer.from(issuer.keyIdentifier).toString('hex'), partition))!,
    revoke: ({ serial }, reason = 'key-compromise') => revokeCredential(ledger, person, { serial }, reason),
    certify,
    close: async () => {
      await ledger.close();
      await stored.close();
    },
  };
}
