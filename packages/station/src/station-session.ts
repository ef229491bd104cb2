/**
 * The live session with the authority: what this station is, what it may work on, and a log that has not gone back. Root,
 * log key and last checkpoint are remembered; another root, another log or an older one stops the station.
 */
import type { SessionView } from '@imprint/contract/api/station';
import {
  parseCheckpoint,
  parseVerifierKey,
  type VerifierKey,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { verifyConsistency } from '@imprint/contract/audit/merkle';
import { fromHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { type ParsedContract, parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { fromPem } from '@imprint/contract/x509/pem';
import type { AuthorityClient } from './authority-client.ts';
import type { Journal } from './journal.ts';
import type { Timers } from './timers.ts';

export interface SessionOptions {
  authority: AuthorityClient;
  journal: Journal;
  timers: Timers;
  /** This station's own clock, told to the authority and used for nothing else (I-30). */
  now: () => string;
  realm: string;
  stationId: string;
  version: string;
  configurationSha256: string;
}

export class StationSession {
  readonly view: SessionView;
  /** DER of the realm's root. */
  readonly root: Uint8Array;
  readonly rootSha256: string;
  /** What units and receipts call the log: SHA-256 of its public key. */
  readonly logId: string;
  readonly logKey: VerifierKey;
  /** Entries that the log had when this session was opened; it never has fewer. */
  readonly logSize: number;
  readonly #options: SessionOptions;
  readonly #openedMs: number;
  readonly #contracts = new Map<string, ParsedContract>();

  constructor(options: SessionOptions, view: SessionView) {
    this.#options = options;
    this.#openedMs = options.timers.nowMs();
    this.view = view;
    this.root = onlyCertificate(view.root_pem);
    this.rootSha256 = sha256Hex(this.root);
    this.logKey = parseVerifierKey(view.log_verifier_key);
    this.logId = sha256Hex(this.logKey.publicKey);
    this.logSize = parseCheckpoint(view.checkpoint).size;
  }

  /** The authority's time, carried on by this station's monotonic clock. */
  serverTime(): Date {
    return new Date(Date.parse(this.view.server_time) + this.#options.timers.nowMs() - this.#openedMs);
  }

  /** How far this station's own clock is off, in milliseconds; for a warning, never for a decision. */
  clockOffsetMs(): number {
    return Date.parse(this.#options.now()) - this.serverTime().getTime();
  }

  /** The contract with this hash. @throws contract_invalid where the authority gives another text */
  async contract(sha256: string): Promise<ParsedContract> {
    const known = this.#contracts.get(sha256);
    if (known) return known;
    const { text } = await this.#options.authority.call('contract', { contract_sha256: sha256 }, {});
    const parsed = parseProvisioningContract(text, `contract ${sha256.slice(0, 12)}`);
    if (parsed.sha256 !== sha256) {
      throw new ImprintError('contract_invalid', 'the authority gave another contract than the job names', {
        hint: 'Call the person who runs the authority.',
        context: { wanted: sha256, got: parsed.sha256 },
      });
    }
    this.#contracts.set(sha256, parsed);
    return parsed;
  }

  /** The contracts of the orders that this station may work on. */
  async orderContracts(): Promise<ParsedContract[]> {
    const hashes = [...new Set(this.view.orders.map((order) => order.contract_sha256))];
    return Promise.all(hashes.map((hash) => this.contract(hash)));
  }
}

/**
 * Opens the session and checks what comes with it against what was seen before.
 * @throws realm_mismatch, log_inconsistent, and the authority's own refusals
 */
export async function openStationSession(options: SessionOptions): Promise<StationSession> {
  const { authority, journal } = options;
  const lastCheckpoint = journal.fact('checkpoint');
  const view = await authority.call(
    'openSession',
    {},
    {
      station_version: options.version,
      configuration_sha256: options.configurationSha256,
      station_time: options.now(),
      last_checkpoint: lastCheckpoint,
    },
  );
  if (view.realm !== options.realm || view.station_id !== options.stationId) {
    throw new ImprintError(
      'realm_mismatch',
      `the authority takes this station for ${view.station_id} in realm ${view.realm}, not ${options.stationId} in ${options.realm}`,
      { hint: 'Check station.json; enrol this station again if it was moved.' },
    );
  }
  const session = new StationSession(options, view);
  checkPinned(journal, 'root_sha256', session.rootSha256, "the realm's root");
  checkPinned(journal, 'log_key', view.log_verifier_key, "the log's key");
  checkLog(view, lastCheckpoint);
  checkLogSize(journal, session.logSize);
  journal.recordFact('root_sha256', session.rootSha256);
  journal.recordFact('log_key', view.log_verifier_key);
  journal.recordFact('checkpoint', view.checkpoint);
  return session;
}

function checkLog(view: SessionView, lastCheckpoint: string | null): void {
  const key = parseVerifierKey(view.log_verifier_key);
  const current = verifyCheckpoint(view.checkpoint, key);
  if (lastCheckpoint === null) return;
  const last = verifyCheckpoint(lastCheckpoint, key);
  const context = { last: last.size, current: current.size };
  if (current.size < last.size) {
    throw inconsistent(
      `the audit log has ${current.size} entries; this station has seen it with ${last.size}`,
      context,
    );
  }
  const proof = view.consistency_proof.map((hash) => fromHex(hash, 'log_inconsistent'));
  if (!verifyConsistency(last.size, current.size, last.root, current.root, proof)) {
    throw inconsistent(
      `the audit log of ${current.size} entries does not contain the ${last.size} that this station has seen`,
      context,
    );
  }
}

/** Keeps how long the log was when it last vouched for a unit: a backup of before is shorter, whatever session it knows. */
export function rememberLogSize(journal: Journal, size: number): void {
  if (size > knownLogSize(journal)) journal.recordFact('log_size', String(size));
}

/**
 * What this station would hold against the authority's log: the checkpoint of its last session, and the log's size at the last
 * unit, which may be larger. Undefined before the first session.
 * @throws checkpoint_invalid, signature_wrong where the checkpoint is not the pinned log's: the journal was changed
 */
export function rememberedLog(journal: Journal): { checkpoint: string; logSize: number } | undefined {
  const [text, key] = [journal.fact('checkpoint'), journal.fact('log_key')];
  if (text === null || key === null) return undefined;
  const { size } = verifyCheckpoint(text, parseVerifierKey(key));
  return { checkpoint: text, logSize: Math.max(size, knownLogSize(journal)) };
}

function checkLogSize(journal: Journal, current: number): void {
  const last = knownLogSize(journal);
  if (current >= last) return;
  throw inconsistent(
    `the audit log has ${current} entries; receipts of this station are of one with ${last}`,
    {
      last,
      current,
    },
  );
}

function knownLogSize(journal: Journal): number {
  return Number(journal.fact('log_size') ?? 0);
}

function checkPinned(journal: Journal, fact: string, value: string, what: string): void {
  const known = journal.fact(fact);
  if (known !== null && known !== value) {
    throw inconsistent(`${what} is not the one that this station has known`, { known, now: value });
  }
}

function inconsistent(message: string, context: Record<string, unknown>): ImprintError {
  return new ImprintError('log_inconsistent', message, {
    hint: 'Stop the line. The authority was restored from an old backup, or replaced: call the person who runs it, and keep this station as it is.',
    context,
  });
}

function onlyCertificate(pem: string): Uint8Array {
  return fromPem('CERTIFICATE', pem, 1)[0]!;
}
