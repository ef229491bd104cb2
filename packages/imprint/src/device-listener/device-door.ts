/**
 * The listener for devices as `serve` keeps it: started once its key is certified, which waits for a clock that can be trusted and a CA
 * that may certify, and certified anew before its certificate ends or when its CA certifies no more.
 */
import { createPublicKey } from 'node:crypto';
import { configurationDecisions } from '@imprint/authority/http/configuration-route';
import { deviceDecisions } from '@imprint/authority/onboarding/device-decisions';
import { certifyDeviceServer, type DeviceServerIdentity } from '@imprint/authority/onboarding/device-server';
import { Enrolment } from '@imprint/authority/onboarding/enrol';
import { makeKey } from '@imprint/authority/signer/software';
import { configurationOf } from '../configuration-of.ts';
import type { OpenAuthority, UnlockedAuthority } from '../open-authority.ts';
import { reportFault } from '../report-fault.ts';
import type { ListenerThread } from '../start-thread.ts';
import { type DeviceDeciding, type DeviceListening, startDeviceListener } from './start-listener.ts';

const lookEveryMs = 30_000;

export interface DoorOptions {
  folder: string;
  host: string;
  port: string | number;
  /** Where other doors of this machine ask; absent: nowhere. */
  doors?: { host: string; port: string | number };
  /** Hears of each refusal that is written down. */
  refused?: (kind: string, count: number) => void;
}

/** URLs. */
export interface DoorAddresses {
  device: string;
  authorize?: string;
}

export class DeviceDoor {
  readonly #authority: OpenAuthority;
  readonly #unlocked: UnlockedAuthority;
  readonly #options: DoorOptions;
  #thread: ListenerThread<DeviceListening> | undefined;
  #identity: DeviceServerIdentity | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fail!: (error: Error) => void;
  /** Rejects when the listener's thread ends by itself. */
  readonly failed: Promise<never>;

  constructor(authority: OpenAuthority, unlocked: UnlockedAuthority, options: DoorOptions) {
    this.#authority = authority;
    this.#unlocked = unlocked;
    this.#options = options;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /**
   * Where it listens; null where it cannot be certified yet, which is reported: it is tried again.
   * @throws unavailable where the address cannot be had
   */
  async open(): Promise<DoorAddresses | null> {
    this.#timer = setInterval(() => void this.look().catch(reportFault), lookEveryMs);
    try {
      await this.#certify();
    } catch (error) {
      reportFault(error);
      return null;
    }
    return this.#listen();
  }

  get isOpen(): boolean {
    return this.#thread !== undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread?.close();
  }

  /** Certifies anew what is over, and opens what could not be opened before. Called now and then. */
  async look(): Promise<void> {
    if (this.#identity !== undefined && !(await this.#isOver(this.#identity))) return;
    await this.#certify();
    if (this.#thread !== undefined) return this.#thread.asked.renew(tlsOf(this.#identity!));
    const { device, authorize } = await this.#listen();
    process.stderr.write(`Devices: ${device} (mTLS)\n`);
    if (authorize !== undefined) process.stderr.write(`Doors: ${authorize}\n`);
  }

  async #listen(): Promise<DoorAddresses> {
    const { folder, host, port, doors } = this.#options;
    this.#thread = startDeviceListener({ folder, server: tlsOf(this.#identity!) }, this.#deciding());
    this.#thread.failed.catch(this.#fail);
    const device = await this.#thread.listen(host, port);
    if (doors === undefined) return { device };
    return { device, authorize: await this.#thread.asked.listenToDoors(doors.host, doors.port) };
  }

  #deciding(): DeviceDeciding {
    const { line } = this.#unlocked;
    const decisions = deviceDecisions(line);
    const enrolment = new Enrolment(line);
    return {
      ...decisions,
      ...configurationDecisions(configurationOf(this.#authority)),
      enrol: (...asked) => enrolment.enrol(...asked),
      renew: (...asked) => enrolment.renew(...asked),
      keyTypeFor: (known) => enrolment.keyTypeFor(known),
      writeContacts: (contacts) => {
        for (const { kind, count } of contacts.refused) this.#options.refused?.(kind, count);
        return decisions.writeContacts(contacts);
      },
    };
  }

  async #isOver({ renewAtMs, issuerSha256 }: DeviceServerIdentity): Promise<boolean> {
    const { clock, ledger } = this.#authority;
    if (clock().getTime() >= renewAtMs) return true;
    const ca = await ledger.reader
      .selectFrom('ca')
      .select('status')
      .where('certificate_sha256', '=', issuerSha256)
      .executeTakeFirst();
    return ca?.status !== 'active';
  }

  async #certify(): Promise<void> {
    const { clock, configuration } = this.#authority;
    const core = {
      ...this.#unlocked.line,
      organization: configuration.organization,
      hosts: configuration.hosts,
      makeKey,
      spkiOf: (key: Parameters<typeof createPublicKey>[0]) =>
        createPublicKey(key).export({ format: 'der', type: 'spki' }),
    };
    this.#identity = await certifyDeviceServer(core, clock());
  }
}

function tlsOf({ key, certificateChainPem }: DeviceServerIdentity) {
  return { key, certificateChainPem };
}
