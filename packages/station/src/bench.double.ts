/** A test bench: one lane with a simulated unit in its fixture, an authority in memory, and a journal on a disk of its own. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { Fixture } from '@imprint/sim/fixture';
import type { SimulatedUnit } from '@imprint/sim/simulated-unit';
import { makeUnit, planFromContract, type UnitPlan } from '@imprint/sim/unit-plan';
import { AuthorityDouble, type AuthorityDoubleOptions } from './authority.double.ts';
import type { AuthorityClient } from './authority-client.ts';
import type { DutLink, DutLinkEvents } from './dut-link.ts';
import { DutSession } from './dut-session.ts';
import { GatheringAuthority } from './gathering-authority.ts';
import { type Journal, openJournal } from './journal.ts';
import type { LineEvent } from './line-event.ts';
import { Outbox } from './outbox.ts';
import { type Outcome, provisionUnit } from './procedure.ts';
import { RetryingAuthority } from './retrying-authority.ts';
import { openStationSession, type StationSession } from './station-session.ts';
import { systemTimers, type Timers } from './timers.ts';
import type { Visit } from './visit.ts';

export const gatewayText = readFileSync(
  new URL('../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);
export const sensorText = readFileSync(
  new URL('../../../examples/contracts/sensor.yaml', import.meta.url),
  'utf8',
);
export const gatewayIds = ['GW-M1260000017', 'GW-M1260000025', 'GW-M1260000033', 'GW-M1260000041'];

/** The station's patience, twenty-five times shorter: a simulated unit answers in a millisecond. */
export const hurriedTimers: Timers = {
  nowMs: () => systemTimers.nowMs() * 25,
  after: (delayMs, action) => systemTimers.after(delayMs / 25, action),
};

/** The wire to a simulated fixture in this process. `tap` sees each line that the station sends, and may lose it. */
export class FixtureLink implements DutLink {
  readonly port = 'fixture';
  readonly baud = null;
  readonly sent: string[] = [];
  tap: (line: string) => boolean = () => true;
  readonly #fixture: Fixture;
  #events: DutLinkEvents | undefined;

  constructor(fixture: Fixture) {
    this.#fixture = fixture;
  }

  async open(events: DutLinkEvents): Promise<void> {
    this.#events = events;
    this.#fixture.connect((bytes) => this.#events?.bytes(bytes));
  }

  async write(bytes: Uint8Array): Promise<void> {
    const line = Buffer.from(bytes).toString();
    this.sent.push(line);
    if (this.tap(line)) this.#fixture.receive(bytes);
  }

  /** The commands that were sent, in order, resends left out. */
  commands(): string[] {
    return [...new Set(this.sent)].map((line) => JSON.parse(line).cmd as string);
  }

  pull(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.closed('the cable was pulled');
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }
}

export interface BenchOptions extends Partial<AuthorityDoubleOptions> {
  plan?: Partial<UnitPlan>;
  /** Puts something between the station and the double, such as a kill. */
  wrap?: (authority: AuthorityClient) => AuthorityClient;
}

export class Bench {
  readonly authority: AuthorityDouble;
  readonly plan: UnitPlan;
  readonly fixture = new Fixture();
  readonly events: LineEvent[] = [];
  readonly printed: string[] = [];
  readonly halted: string[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'imprint-station-'));
  link = new FixtureLink(this.fixture);
  journal: Journal;
  readonly #client: AuthorityClient;
  #session: StationSession | undefined;
  #shift = 'none';
  #units = 0;

  constructor(options: BenchOptions = {}) {
    const contractText = options.contractText ?? gatewayText;
    this.authority = new AuthorityDouble({ deviceIds: gatewayIds, ...options, contractText });
    const { contract } = parseProvisioningContract(contractText, 'contract.yaml');
    this.plan = {
      ...planFromContract({
        contract,
        storageMapSha256: storageMapSha256(contract),
        realm: options.realm ?? 'dev',
        rootSha256: this.authority.rootSha256,
        seed: randomBytes(8).toString('hex'),
      }),
      ...options.plan,
    };
    const wrapped = options.wrap?.(this.authority) ?? this.authority;
    this.#client = new RetryingAuthority(new GatheringAuthority(wrapped), systemTimers, {
      firstPauseMs: 1,
      maxPauseMs: 2,
      patienceMs: 40,
    });
    this.journal = openJournal(join(this.folder, 'journal.sqlite'), () => new Date().toISOString()).journal;
  }

  /** A unit as it comes from assembly. */
  newUnit(plan: Partial<UnitPlan> = {}): SimulatedUnit {
    this.#units++;
    return makeUnit({ ...this.plan, ...plan }, this.#units);
  }

  /** The next session is a new one. */
  async renew(): Promise<void> {
    this.#session = undefined;
  }

  /** A station as after a start: everything but the journal and the units is new. */
  async restart(): Promise<void> {
    this.journal.close();
    this.journal = openJournal(join(this.folder, 'journal.sqlite'), () => new Date().toISOString()).journal;
    this.link = new FixtureLink(this.fixture);
    this.#session = undefined;
  }

  outbox(): Outbox {
    return new Outbox(this.#client, this.journal, () => randomBytes(16).toString('hex'));
  }

  async session(): Promise<StationSession> {
    this.#session ??= await openStationSession({
      authority: this.#client,
      journal: this.journal,
      timers: systemTimers,
      now: () => new Date().toISOString(),
      realm: this.authority.realm,
      stationId: 'station-1',
      version: '0.1.0',
      configurationSha256: '00'.repeat(32),
    });
    return this.#session;
  }

  async visit(scanned: string | null, change: Partial<Visit> = {}): Promise<Visit> {
    const station = await this.session();
    if (this.#shift === 'none') {
      const opened = await this.#client.call(
        'openShift',
        {},
        { request_id: randomBytes(16).toString('hex'), badge: 'OP-1001' },
      );
      this.#shift = opened.shift_id;
    }
    return {
      place: { lane: 1, carrier: null, position: null },
      operation: 'provision',
      scanned,
      shiftId: this.#shift,
      dut: new DutSession(this.link, hurriedTimers),
      station,
      outbox: this.outbox(),
      journal: this.journal,
      timers: systemTimers,
      emit: (event) => this.events.push(event),
      signal: new AbortController().signal,
      halt: (reason) => void this.halted.push(reason),
      printLabel: async (deviceId) => void this.printed.push(deviceId),
      scanLabel: async (deviceId) => deviceId,
      ...change,
    };
  }

  /** Lays the unit in and works on it once. */
  async run(unit: SimulatedUnit, scanned: string | null, change: Partial<Visit> = {}): Promise<Outcome> {
    if (this.fixture.unit !== unit) this.fixture.load(unit);
    return provisionUnit(await this.visit(scanned, change));
  }

  [Symbol.dispose](): void {
    this.fixture.unload();
    this.journal.close();
    rmSync(this.folder, { recursive: true });
  }
}
