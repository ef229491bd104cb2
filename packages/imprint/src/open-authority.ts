/**
 * Puts an authority together from its home: the one place that names software keys, the real clock and the real
 * randomness. Its keys stay sealed until something must be signed.
 */
import { randomBytes, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { secretSeal } from '@imprint/authority/access/one-time-code';
import type { AccessCore } from '@imprint/authority/access/sign-in';
import { SignInPace } from '@imprint/authority/access/sign-in-pace';
import { Checkpoints } from '@imprint/authority/audit/checkpoints';
import type { ReceiptSource } from '@imprint/authority/audit/prove';
import { ClockGuard } from '@imprint/authority/clock/clock-guard';
import type { LineCore } from '@imprint/authority/jobs/line-core';
import type { TickObserver } from '@imprint/authority/ledger/decided-tick';
import { TickLedger } from '@imprint/authority/ledger/tick-ledger';
import { ContractShelf } from '@imprint/authority/registry/contract-shelf';
import type { StationCore } from '@imprint/authority/stations/station-core';
import type { Storage } from '@imprint/authority/storage/storage';
import type { Clock, Entropy } from '@imprint/authority/surroundings';
import { badgeHash } from '@imprint/authority/trust/badge-hash';
import { keyNames, logId } from '@imprint/authority/trust/hierarchy';
import { Issuers } from '@imprint/authority/trust/issuers';
import { type PassphraseSources, promptHidden, readPassphrase } from '@imprint/authority/trust/passphrase';
import { openKeyFolder, type SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { parseVerifierKey, type VerifierKey } from '@imprint/contract/audit/checkpoint';
import type { Actor } from '@imprint/contract/audit/entry';
import { toHex } from '@imprint/contract/bytes';
import type { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import type { Realm } from '@imprint/contract/x509/realm';
import {
  type AuthorityConfiguration,
  type AuthorityHome,
  authorityHome,
  readCertificate,
  readConfiguration,
} from './authority-home.ts';
import { type CaSigners, caSigners } from './ca-signers.ts';
import { drawnAhead } from './drawn-ahead.ts';
import { standingOf } from './home-standing.ts';
import { openStorage, requireOwnCertificates } from './home-storage.ts';
import { httpDateSource } from './http-date-source.ts';
import { LogMark } from './log-mark.ts';
import { readBoundedFile } from './read-bounded-file.ts';
import { reportFault } from './report-fault.ts';

export const systemClock: Clock = () => new Date();
export const systemEntropy: Entropy = drawnAhead((length) => randomBytes(length));

/** What can be done without a key: reading, and decisions that sign nothing. */
export interface OpenAuthority {
  home: AuthorityHome;
  configuration: AuthorityConfiguration;
  storage: Storage;
  ledger: TickLedger;
  contracts: ContractShelf;
  /** Why this authority only reads; undefined where it may write and sign. */
  refusal: ImprintError | undefined;
  logKey: VerifierKey;
  clock: Clock;
  clockGuard: ClockGuard;
  entropy: Entropy;
  /** The person at this terminal, by the name that the machine has for them; commands act through `act-as.ts`. */
  person: Actor;
  /** Whom accounts, tokens and sessions belong to. */
  access: AccessCore;
  /**
   * Opens the sealed keys and those in tokens; asks for passphrase and PIN where no file gives them. Once for all callers.
   * @throws log_inconsistent where the log must not be written on; realm_mismatch where the home's CAs are not those of the log;
   * passphrase_wrong, file_invalid, certificate_refused, key_locked (another key than the certificate's, or a wrong PIN); of a token as
   * {@link CaSigners.open}
   */
  unlock(): Promise<UnlockedAuthority>;
  close(): Promise<void>;
}

/** What signs: the issuing CA, the station CA and the log. */
export interface UnlockedAuthority {
  keys: SealedKeyFolder;
  /** Closed with the authority. */
  signers: CaSigners;
  line: LineCore;
  stations: StationCore;
  checkpoints: Checkpoints;
  receipts: ReceiptSource;
}

export interface OpenOptions {
  passphraseFile?: string | undefined;
  /** PIN of the tokens that hold keys, where there are any. */
  pinFile?: string | undefined;
  processId?: string;
  /** Hears of every tick. */
  observer?: TickObserver;
  /** Lets a restored home be written to before it is released, by what releases it. */
  releasing?: true;
}

/** @throws home_missing, file_invalid, storage_failed, realm_mismatch (a database that is another's) */
export async function openAuthority(folder: string, options: OpenOptions = {}): Promise<OpenAuthority> {
  const home = authorityHome(folder);
  const configuration = readConfiguration(home);
  const logKey = parseVerifierKey(readBoundedFile(home.logKeyFile, limits.noteBytes).trim());
  const storage = await openStorage(home, configuration, logKey);
  const refusal = await standing(home, storage, logKey, options);
  const mark = new LogMark(home.keys, () => performance.now(), reportFault);
  const clockGuard = new ClockGuard({
    clock: systemClock,
    monotonicMs: () => performance.now(),
    source: configuration.clock_source === undefined ? null : httpDateSource(configuration.clock_source),
    boundMs: limits.clockBoundMs,
  });
  const ledger = new TickLedger({
    storage,
    realm: configuration.realm,
    clock: systemClock,
    entropy: systemEntropy,
    requireSteady: (now) => clockGuard.requireSteady(now),
    serverClock: storage.serverClock,
    stopped: refusal,
    ...(options.observer && { observer: options.observer }),
  });
  const authority: OpenAuthority = {
    home,
    configuration,
    storage,
    ledger,
    contracts: new ContractShelf(),
    refusal,
    logKey,
    clock: systemClock,
    clockGuard,
    entropy: systemEntropy,
    person: thisPerson(),
    access: {
      ledger,
      realm: configuration.realm,
      clock: systemClock,
      entropy: systemEntropy,
      seal: async () => {
        const { keys } = await authority.unlock();
        return secretSeal(await keys.read(keyNames.secondFactors), systemEntropy);
      },
      pace: new SignInPace(() => performance.now()),
    },
    unlock: () => {
      unlocked ??= unlock(authority, options, mark);
      return unlocked;
    },
    close: async () => {
      await ledger.close();
      // where unlocking failed, it has closed them
      await unlocked?.then(
        ({ signers }) => signers.close(),
        () => undefined,
      );
      mark.flush();
      await storage.close();
    },
  };
  let unlocked: Promise<UnlockedAuthority> | undefined;
  return authority;
}

async function standing(
  home: AuthorityHome,
  storage: Storage,
  logKey: VerifierKey,
  { releasing }: OpenOptions,
): Promise<ImprintError | undefined> {
  if (releasing) return undefined;
  try {
    return await standingOf(home, storage, logKey);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** The account's name at this machine, reduced to what a log entry may carry. */
export function thisPerson(): Actor {
  const plain = userInfo()
    .username.replace(/[^A-Za-z0-9._-]/g, '')
    .slice(0, 64);
  return { kind: 'person', id: /^[A-Za-z0-9]/.test(plain) ? plain : 'local' };
}

/** The passphrase of a home: a named file, in the dev realm alone the one beside its keys, a systemd credential, or a prompt. */
export function homePassphrase(
  home: AuthorityHome,
  realm: Realm,
  file: string | undefined,
): Promise<Uint8Array> {
  const { stdin, stderr } = process;
  return readPassphrase({
    ...sourcesOf(home, realm, file),
    prompt: stdin.isTTY && stderr.isTTY ? (question) => promptHidden(stdin, stderr, question) : undefined,
  });
}

/** The same for whoever asks nobody. @throws usage where no file and no credential gives it */
export function passphraseAtHand(
  home: AuthorityHome,
  realm: Realm,
  file: string | undefined,
): Promise<Uint8Array> {
  return readPassphrase(sourcesOf(home, realm, file));
}

function sourcesOf(home: AuthorityHome, realm: Realm, file: string | undefined): PassphraseSources {
  const beside = realm === 'dev' && existsSync(home.devPassphrase) ? home.devPassphrase : undefined;
  return { file: file ?? beside, credentialsDirectory: process.env.CREDENTIALS_DIRECTORY };
}

async function unlock(
  authority: OpenAuthority,
  options: OpenOptions,
  mark: LogMark,
): Promise<UnlockedAuthority> {
  const { home, configuration, storage, entropy, refusal } = authority;
  if (refusal !== undefined && refusal.code !== 'log_held') throw refusal;
  await requireOwnCertificates(storage, home);
  const passphrase = await homePassphrase(home, configuration.realm, options.passphraseFile);
  const keys = await openKeyFolder(home.keys, passphrase, entropy);
  const signers = caSigners(keys, options.pinFile);
  try {
    return await unlockWith(authority, options, keys, signers, mark);
  } catch (error) {
    await signers.close();
    throw error;
  }
}

async function unlockWith(
  authority: OpenAuthority,
  options: OpenOptions,
  keys: SealedKeyFolder,
  signers: CaSigners,
  mark: LogMark,
): Promise<UnlockedAuthority> {
  const { home, configuration, ledger, contracts, logKey, clock, clockGuard, entropy, refusal } = authority;
  const { realm, organization } = configuration;
  const logPrivateKey = await keys.read(keyNames.log);
  const signNote = (message: Uint8Array) => {
    if (refusal !== undefined) throw refusal;
    return sign(null, message, logPrivateKey);
  };
  const checkpoints = new Checkpoints(ledger, logKey, signNote, ({ text }) => mark.signed(text));
  const root = readCertificate(home, 'root');
  const issuers = new Issuers(realm, signers.open, configuration.public_url);
  // a copy of the home without one of the keys, or with another one, is told at once
  await issuers.openActive(ledger.reader);
  const rootPem = toPem('CERTIFICATE', root);
  const line: LineCore = {
    ledger,
    realm,
    logId: logId(logKey.publicKey),
    rootPem,
    rootSha256: sha256Hex(root),
    issuers,
    contracts,
    clock,
    clockGuard,
    entropy,
    processId: options.processId ?? processId(entropy),
    intentLeaseMs: limits.intentLeaseMs,
    jobsPerLaneAMinute: limits.jobsPerLaneAMinute,
    minimumStationVersion: configuration.minimum_station_version,
    badgeHash: badgeHash(await keys.read(keyNames.badges)),
    checkpoints,
  };
  return {
    keys,
    signers,
    line,
    checkpoints,
    stations: {
      ledger,
      realm,
      organization,
      issuers,
      stationRoot: readCertificate(home, 'stationRoot'),
      clock,
      clockGuard,
      entropy,
    },
    receipts: {
      reader: ledger.reader,
      checkpoints,
      realm,
    },
  };
}

/** Unlike any other process that shares the database, however often it is started. */
function processId(entropy: Entropy): string {
  const host =
    hostname()
      .replace(/[^A-Za-z0-9-]/g, '')
      .slice(0, 32) || 'host';
  return `p-${host}-${toHex(entropy(4))}`;
}
