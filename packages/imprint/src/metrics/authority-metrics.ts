/**
 * The authority's figures in the text format of Prometheus. Labels are of closed lists (codes, kinds, names of certificates):
 * no product, order, station or device stands in them, since whoever watches a factory need not know what it makes.
 */

import type { TickObserver } from '@imprint/authority/ledger/decided-tick';
import { keptRootCrls } from '@imprint/authority/trust/root-crls';
import type { AuditEntry } from '@imprint/contract/audit/entry';
import { limits } from '@imprint/contract/limits';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { readLastBackup } from '../backup/last-backup.ts';
import { activeCas, homeCertificates } from '../doctor/authority/certificates.ts';
import { crlEnds } from '../doctor/authority/crls.ts';
import { ocspSignerEnds } from '../doctor/authority/ocsp-signers.ts';
import { freeBytes } from '../doctor/disk-room.ts';
import { daysUntil } from '../doctor/ends.ts';
import type { OpenAuthority } from '../open-authority.ts';
import { keysHinder, readiness } from './readiness.ts';

const tickSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export class AuthorityMetrics {
  readonly #registry = new Registry();
  readonly #monotonicMs: () => number;
  readonly #issued = this.#counter(
    'imprint_certificates_issued_total',
    'Certificates of devices that this process released',
  );
  readonly #entries = this.#counter(
    'imprint_entries_written_total',
    'Entries of the log that this process wrote',
  );
  readonly #alarms = this.#counter('imprint_alarms_total', 'Alarms that this process raised', ['kind']);
  readonly #refusals = this.#counter(
    'imprint_refusals_total',
    'Requests of stations that were refused, by error code',
    ['code'],
  );
  readonly #deviceRefusals = this.#counter(
    'imprint_device_refusals_total',
    'Requests of devices that were turned away, by reason, as they are written down',
    ['kind'],
  );
  readonly #activated = this.#counter(
    'imprint_devices_activated_total',
    'Devices whose first contact this process took',
  );
  readonly #ticks: Histogram<string>;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#ticks = new Histogram({
      name: 'imprint_tick_seconds',
      help: 'From the first look at a batch of decisions until it is durable',
      buckets: tickSeconds,
      registers: [this.#registry],
    });
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Counts what the ledger writes. */
  observer(): TickObserver {
    let begunMs = 0;
    return {
      begun: () => {
        begunMs = this.#monotonicMs();
      },
      committed: (entries) => {
        this.#ticks.observe((this.#monotonicMs() - begunMs) / 1000);
        for (const entry of entries) this.#count(entry);
      },
    };
  }

  /** A request of a station was refused. */
  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  /** So many requests of devices were turned away. */
  deviceRefused(kind: string, count: number): void {
    this.#deviceRefusals.inc({ kind }, count);
  }

  /** Adds what is looked up whenever somebody asks for the figures. */
  watch(authority: OpenAuthority): void {
    this.#gauge(
      'imprint_certificate_expiry_timestamp_seconds',
      'When a certificate of the authority ends',
      ['certificate'],
      async (gauge) => {
        for (const { name, end } of homeCertificates(authority.home)) {
          gauge.set({ certificate: name }, end.getTime() / 1000);
        }
        // a CA's name may say what is made: of each kind, the one that ends first
        for (const { kind, end } of (await activeCas(authority.storage.reader)).reverse()) {
          gauge.set({ certificate: kind === 'device' ? 'deviceCa' : 'stationCa' }, end.getTime() / 1000);
        }
      },
    );
    this.#gauge(
      'imprint_backup_timestamp_seconds',
      'When the last backup was made; 0 where none was',
      [],
      (gauge) => {
        const last = readLastBackup(authority.home);
        gauge.set(last === undefined ? 0 : Date.parse(last.at) / 1000);
      },
    );
    this.#gauge('imprint_disk_free_bytes', 'Room that is left where the home is', [], (gauge) =>
      gauge.set(freeBytes(authority.home.folder)),
    );
    this.#gauge('imprint_log_entries', 'Entries of the log', [], async (gauge) =>
      gauge.set((await authority.ledger.head()).size),
    );
    this.#gauge(
      'imprint_station_certificates_ending',
      `Stations whose certificate ends within ${limits.stationEndsSoonDays} days or is over`,
      [],
      async (gauge) => {
        const ends = await stationEnds(authority);
        gauge.set(
          ends.filter((end) => daysUntil(authority.clock(), end) < limits.stationEndsSoonDays).length,
        );
      },
    );
    this.#gauge(
      'imprint_station_certificate_expiry_timestamp_seconds',
      'When the first certificate of a station ends; 0 where there is none',
      [],
      async (gauge) => gauge.set(((await stationEnds(authority))[0]?.getTime() ?? 0) / 1000),
    );
    this.#gauge(
      'imprint_crl_next_update_timestamp_seconds',
      'When the first CRL ends; 0 where none was published',
      [],
      async (gauge) => gauge.set(((await crlEnds(authority.storage.reader))[0]?.getTime() ?? 0) / 1000),
    );
    this.#gauge(
      'imprint_root_crl_next_update_timestamp_seconds',
      "When the CRL of each branch's root ends; a branch without one is not here",
      ['branch'],
      async (gauge) => {
        for (const { branch, next_update } of await keptRootCrls(authority.storage.reader)) {
          gauge.set({ branch }, Date.parse(next_update) / 1000);
        }
      },
    );
    this.#gauge(
      'imprint_ocsp_signer_expiry_timestamp_seconds',
      'When the first certificate that signs OCSP ends; 0 where there is none',
      [],
      async (gauge) =>
        gauge.set(((await ocspSignerEnds(authority.storage.reader))[0]?.getTime() ?? 0) / 1000),
    );
    this.#gauge(
      'imprint_issuing_keys_ready',
      '1 where every CA that certifies can sign now, 0 where a token is away or locked',
      [],
      async (gauge) => gauge.set((await keysHinder(authority)) === undefined ? 1 : 0),
    );
    this.#gauge('imprint_ready', '1 where it can issue, 0 where something hinders it', [], async (gauge) =>
      gauge.set((await readiness(authority)).hinders.length === 0 ? 1 : 0),
    );
    this.#gauge(
      'imprint_clock_trusted',
      '1 where the clock is trusted and issuing is not halted',
      [],
      async (gauge) => gauge.set((await readiness(authority)).hinders.includes('clock_untrusted') ? 0 : 1),
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #count(entry: AuditEntry): void {
    this.#entries.inc();
    if (entry.type === 'credential.issued') this.#issued.inc();
    if (entry.type === 'device.transitioned' && entry.data.to === 'activated') this.#activated.inc();
    if (entry.type === 'alarm.raised') this.#alarms.inc({ kind: entry.data.kind });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter<string> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(
    name: string,
    help: string,
    labelNames: string[] = [],
    look?: (gauge: Gauge<string>) => void | Promise<void>,
  ): Gauge<string> {
    return new Gauge({
      ...{ name, help, labelNames, registers: [this.#registry] },
      ...(look && {
        async collect() {
          await look(this);
        },
      }),
    });
  }
}

/** Of the stations that are confirmed, the first to end first. */
async function stationEnds({ storage }: OpenAuthority): Promise<Date[]> {
  const rows = await storage.reader
    .selectFrom('station')
    .select('not_after')
    .where('status', '=', 'confirmed')
    .where('not_after', 'is not', null)
    .orderBy('not_after')
    .execute();
  return rows.map(({ not_after }) => new Date(not_after!));
}
