/**
 * The network between stations and the authority, with everything that TLS leaves to chance: requests and replies as text,
 * late, lost, twice, or to the wrong asker. Who asks is certain, as mutual TLS makes it.
 */

import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { AuthorityClient } from '@imprint/station/authority-client';
import { type Answer, readAnswer } from '@imprint/station/read-answer';
import type { Faults } from './faults.ts';
import type { Life } from './life.ts';
import { type Chance, chance, type World } from './world.ts';

/** One request as it stands on the wire. */
export interface Message {
  stationId: string;
  sessionId: string | undefined;
  route: StationRouteName;
  params: Record<string, string>;
  body: string;
  /** When it was sent, in the world's milliseconds. */
  sentMs?: number;
}

/** The authority as the network sees it; absent while no process listens. */
export interface Listener {
  life: Life;
  answer(message: Message): Promise<Answer>;
}

/** Where a request goes. */
export interface Route {
  listener: Listener | undefined;
  /** Nothing gets through at this moment, in either direction. */
  isCut: () => boolean;
}

export interface NetworkWatcher {
  /** An answer as it leaves the authority, whoever hears it. */
  answered(message: Message, answer: Answer): void;
}

const answerTimeoutMs = 20_000;
const lateMs = 60_000;
/** Sessions and contracts belong to no unit. */
const ofNoUnit: ReadonlySet<StationRouteName> = new Set([
  'openSession',
  'contract',
  'openShift',
  'closeShift',
  'reportOperation',
  'requestEnrolment',
  'collectEnrolment',
]);

/** Their replies are about jobs, and their path names none. */
const ofUnnamedJobs: ReadonlySet<StationRouteName> = new Set(['openJob', 'issueCredentials']);

export class Network {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #watcher: NetworkWatcher;
  readonly #draw: Chance;
  readonly #unitOfJob = new Map<string, number>();
  readonly #unitOfHardware: (hardware: string) => number | undefined;
  /** By station: until when its wire is cut. */
  readonly #downUntilMs = new Map<string, number>();
  /** The last answers of each route to a station's requests about some job, for replays and mix-ups. */
  readonly #former = new Map<string, { job: string | undefined; answer: Answer }[]>();
  /** Asked for each request as it arrives: the balancer. */
  route: (message: Message) => Route = () => ({ listener: undefined, isCut: () => false });
  /** Told of each request that was carried out, and its answer: for whoever listens on the wires. */
  overhear: (message: Message, text: string) => void = () => undefined;

  constructor(
    world: World,
    faults: Faults,
    watcher: NetworkWatcher,
    unitOfHardware: (hardware: string) => number | undefined,
  ) {
    this.#world = world;
    this.#faults = faults;
    this.#watcher = watcher;
    this.#draw = chance(world.entropy('network'));
    this.#unitOfHardware = unitOfHardware;
  }

  /** Cuts the station's wire for so long. */
  cut(stationId: string, ms: number): void {
    this.#downUntilMs.set(stationId, this.#world.nowMs + ms);
  }

  /** The units that a request is about, as far as its sender says. */
  unitsOf({ route, params, body }: Message): number[] {
    if (params.job_id !== undefined) return this.#unitsOfJobs([params.job_id]);
    if (route === 'issueCredentials') {
      const { units } = JSON.parse(body) as Partial<StationRequest<'issueCredentials'>>;
      return this.#unitsOfJobs(Array.isArray(units) ? units.map((unit) => unit?.job_id) : []);
    }
    if (route !== 'openJob' && route !== 'openCheck') return [];
    const { hardware_uid } = JSON.parse(body) as StationRequest<'openJob'>;
    const unit = this.#unitOfHardware(hardware_uid.map(({ kind, value }) => `${kind}=${value}`).join(';'));
    return unit === undefined ? [] : [unit];
  }

  #unitsOfJobs(jobs: string[]): number[] {
    return jobs.flatMap((job) => this.#unitOfJob.get(job) ?? []);
  }

  /** One attempt; `unavailable` where no answer came. */
  send(life: Life, message: Message): Promise<Answer> {
    message.sentMs = this.#world.nowMs;
    return new Promise((resolve, reject) => {
      const lost = (why: string) => reject(new ImprintError('unavailable', why, { hint: 'Try again.' }));
      life.after(answerTimeoutMs, () => lost('no answer came in time'));
      const isDown = () => (this.#downUntilMs.get(message.stationId) ?? 0) > this.#world.nowMs;
      if (isDown()) return void life.after(1, () => lost('the network is down'));
      const fault = this.#strike(message);
      switch (fault) {
        case 'network-request-lost':
          return;
        case 'network-request-late':
          this.#deliver(message, lateMs, () => undefined);
          return;
        case 'network-request-doubled':
          this.#deliver(message, this.#latencyMs() + this.#draw.below(40), () => undefined);
          break;
      }
      this.#deliver(message, this.#latencyMs(), (answer) => {
        if (answer === undefined) return void life.after(1, () => lost('the connection was closed'));
        if (fault === 'network-reply-lost' || isDown()) return;
        const told = this.#instead(fault, message, answer);
        life.after(this.#latencyMs(), () => resolve(told));
      });
    });
  }

  #strike(message: Message) {
    const units = this.unitsOf(message);
    return this.#faults.strike(
      'request',
      (concerned) => units.includes(concerned) || this.#isShared(message, concerned),
      (fault) => fault.startsWith('network-'),
    )?.fault;
  }

  /** A request of the station itself concerns whoever waits for that station to start. */
  #isShared(message: Message, unit: number): boolean {
    return ofNoUnit.has(message.route) && this.#faults.phaseOf(unit) === 'recover';
  }

  #deliver(message: Message, afterMs: number, heard: (answer: Answer | undefined) => void): void {
    this.#world.after(afterMs, () => {
      const { listener, isCut } = this.route(message);
      if (isCut()) return;
      if (listener === undefined || !listener.life.alive) return heard(undefined);
      let isOver = false;
      listener.life.onDeath(() => {
        if (!isOver) heard(undefined);
        isOver = true;
      });
      listener.life.reach(async () => {
        const answer = await listener.answer(message);
        if (isOver || !listener.life.alive) return;
        isOver = true;
        this.#learn(message, answer);
        this.#watcher.answered(message, answer);
        if (!isCut()) heard(answer);
      });
    });
  }

  #learn(message: Message, answer: Answer): void {
    if (answer.status !== 200) return;
    this.overhear(message, answer.text);
    const [unit] = this.unitsOf(message);
    if (message.route === 'openJob' && unit !== undefined) {
      this.#unitOfJob.set((JSON.parse(answer.text) as StationResponse<'openJob'>).job_id, unit);
    }
    const kept = this.#former.get(message.route) ?? [];
    kept.push({ job: message.params.job_id, answer });
    if (kept.length > 8) kept.shift();
    this.#former.set(message.route, kept);
  }

  #instead(fault: string | undefined, message: Message, answer: Answer): Answer {
    if (fault !== 'network-reply-replayed' && fault !== 'network-replies-swapped') return answer;
    const former = this.#former.get(message.route) ?? [];
    const { job_id } = message.params;
    const isOld = fault === 'network-reply-replayed';
    const other = former.find((each) =>
      isOld
        ? each.answer !== answer
        : each.job !== job_id || ofUnnamedJobs.has(message.route)
          ? each.answer !== answer
          : false,
    );
    return other?.answer ?? answer;
  }

  #latencyMs(): number {
    return 1 + this.#draw.below(4);
  }
}

/** What a station speaks through: it adds its session and reads answers as the program does. */
export class SimulatedClient implements AuthorityClient {
  readonly #network: Network;
  readonly #life: Life;
  readonly #stationId: string;
  /** Told before a request leaves and when its answer is there: where a process may die. */
  readonly #at: (moment: 'asks' | 'heard', message: Message) => void;
  #sessionId: string | undefined;

  constructor(
    network: Network,
    life: Life,
    stationId: string,
    at: (moment: 'asks' | 'heard', message: Message) => void,
  ) {
    this.#network = network;
    this.#life = life;
    this.#stationId = stationId;
    this.#at = at;
  }

  async call<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>> {
    const message: Message = {
      stationId: this.#stationId,
      sessionId: this.#sessionId,
      route,
      params: { ...params },
      body: JSON.stringify(request),
    };
    this.#at('asks', message);
    const answered = await this.#network.send(this.#life, message);
    this.#at('heard', message);
    const answer = readAnswer(route, answered);
    if (route === 'openSession') this.#sessionId = (answer as StationResponse<'openSession'>).session_id;
    return answer;
  }
}
