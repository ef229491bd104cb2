/**
 * One life of the authority in the simulation: the real core from the edge of the API down to SQLite, put together as `imprint
 * serve` does, over a disk, a clock and keys that fail. What survives its death is its database file and its keys.
 */
import { expireApprovals } from '@imprint/authority/access/approvals';
import { Checkpoints } from '@imprint/authority/audit/checkpoints';
import { ClockGuard, haltForClock } from '@imprint/authority/clock/clock-guard';
import { answerRoute } from '@imprint/authority/http/answer-route';
import { lineHandlers } from '@imprint/authority/http/line-handlers';
import { knownError } from '@imprint/authority/http/problem';
import { closeStaleIntents } from '@imprint/authority/jobs/close-stale-intents';
import { forgetEphemeral } from '@imprint/authority/jobs/forget-ephemeral';
import type { LineCore } from '@imprint/authority/jobs/line-core';
import { TickLedger } from '@imprint/authority/ledger/tick-ledger';
import { ContractShelf } from '@imprint/authority/registry/contract-shelf';
import type { Signer } from '@imprint/authority/signer/signer';
import type { Storage } from '@imprint/authority/storage/storage';
import { badgeHash } from '@imprint/authority/trust/badge-hash';
import { logId } from '@imprint/authority/trust/hierarchy';
import { Issuers } from '@imprint/authority/trust/issuers';
import { toProblem } from '@imprint/contract/api/problem';
import { verifierKey } from '@imprint/contract/audit/checkpoint';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import type { Answer } from '@imprint/station/read-answer';
import { stationVersion } from '@imprint/station/start-line';
import type { AuthorityIdentity } from './authority-identity.ts';
import { AuthorityRevocation } from './authority-revocation.ts';
import type { Life } from './life.ts';
import type { Listener, Message } from './network.ts';
import { drawSeededKey, signerOf } from './seeded-keys.ts';
import { beginning, settled, type World } from './world.ts';

export const logOrigin = 'imprint.local/lab';
const forgetEveryMs = 600_000;

export interface AuthorityParts {
  world: World;
  life: Life;
  /** Of its machine and of this start: no other process of the factory has it. */
  name: string;
  identity: AuthorityIdentity;
  storage: Storage;
  /** The key of a CA by the CA's name. */
  openSigner: (caId: string) => Signer;
  /** How far its clock is off, in milliseconds, at this moment. */
  clockOffMs: () => number;
  /** What only its own log would show: a fault of the program. */
  report: (error: unknown) => void;
  /** Told when a request is there. */
  asked: () => void;
  /** Told before an answer leaves; it may kill the process. */
  beforeReply: (message: Message) => void;
}

export class AuthorityProcess implements Listener {
  readonly life: Life;
  readonly identity: AuthorityIdentity;
  readonly line: LineCore;
  readonly ledger: TickLedger;
  readonly revocation: AuthorityRevocation;
  readonly #handlers;
  readonly #report: (error: unknown) => void;
  readonly #guard: ClockGuard;
  readonly #asked: () => void;
  readonly #beforeReply: (message: Message) => void;

  constructor(parts: AuthorityParts) {
    const { world, life, identity, storage, openSigner, clockOffMs, name } = parts;
    const { certificates, logPublicKey } = identity.hierarchy;
    this.life = life;
    this.identity = identity;
    this.#report = parts.report;
    this.#asked = parts.asked;
    this.#beforeReply = parts.beforeReply;
    const clock = () => new Date(beginning + world.nowMs + clockOffMs());
    const entropy = world.entropy(`authority ${name}`);
    this.#guard = new ClockGuard({
      clock,
      monotonicMs: () => world.nowMs,
      source: { name: 'time.example', now: async () => new Date(beginning + world.nowMs) },
      boundMs: limits.clockBoundMs,
    });
    this.ledger = new TickLedger({
      storage,
      realm: 'dev',
      clock,
      entropy,
      requireSteady: (now) => this.#guard.requireSteady(now),
      serverClock: storage.serverClock,
      gather: settled,
    });
    const key = verifierKey(logOrigin, logPublicKey);
    const issuers = new Issuers('dev', async (caId) => openSigner(caId));
    this.line = {
      ledger: this.ledger,
      realm: 'dev',
      logId: logId(logPublicKey),
      rootPem: toPem('CERTIFICATE', certificates.root),
      rootSha256: sha256Hex(certificates.root),
      issuers,
      contracts: new ContractShelf(),
      clock,
      clockGuard: this.#guard,
      entropy,
      processId: `p-${name}`,
      intentLeaseMs: limits.intentLeaseMs,
      jobsPerLaneAMinute: limits.jobsPerLaneAMinute,
      minimumStationVersion: stationVersion,
      badgeHash: badgeHash(identity.hierarchy.keys.badges),
      checkpoints: new Checkpoints(this.ledger, key, (message) => identity.logKey.sign(message)),
    };
    const stations = {
      ledger: this.ledger,
      realm: 'dev' as const,
      organization: 'Example Devices',
      issuers,
      stationRoot: certificates.stationRoot,
      clock,
      clockGuard: this.#guard,
      entropy,
    };
    // a fault of ours is answered as internal, and the model judges answers
    this.#handlers = lineHandlers(this.line, stations, () => undefined);
    const responderKeys = world.entropy(`responder ${name}`);
    // as it does before it listens
    this.#duty(this.#watchClock());
    this.#duty(closeStaleIntents(this.line));
    life.every(limits.intentLeaseMs, () => this.#duty(closeStaleIntents(this.line)));
    life.every(forgetEveryMs, () => this.#duty(forgetEphemeral(this.line)));
    life.every(limits.clockWatchMs, () => this.#duty(this.#watchClock()));
    life.every(forgetEveryMs, () => this.#duty(expireApprovals(this.ledger, this.line.processId)));
    this.revocation = new AuthorityRevocation(
      life,
      {
        ...this.line,
        organization: 'Example Devices',
        newSigner: () => signerOf(drawSeededKey('ec-p256', responderKeys)),
        report: (error) => this.#duty(Promise.reject(error)),
      },
      issuers,
    );
  }

  async answer(message: Message): Promise<Answer> {
    this.#asked();
    const answer = await this.#answer(message);
    this.#beforeReply(message);
    return answer;
  }

  async #answer({ stationId, sessionId, route, params, body }: Message): Promise<Answer> {
    const caller = sessionId === undefined ? { stationId } : { stationId, sessionId };
    try {
      const answer = await answerRoute(this.#handlers, route, caller, params, JSON.parse(body));
      return { status: 200, text: JSON.stringify(answer) };
    } catch (error) {
      const ours = knownError(error);
      const problem = toProblem(ours ?? error);
      if (ours === undefined || problem.code === 'internal') this.#report(error);
      return { status: problem.status, text: JSON.stringify(problem) };
    }
  }

  async #watchClock(): Promise<void> {
    const seen = await this.#guard.observe();
    if (seen.verdict === 'wrong') await haltForClock(this.ledger, this.line.processId, seen);
  }

  /** What an authority does by itself may fail as its disk does; then its own log has it. */
  #duty(work: Promise<unknown>): void {
    work.catch((error) => {
      if (knownError(error) === undefined) this.#report(error);
    });
  }
}
