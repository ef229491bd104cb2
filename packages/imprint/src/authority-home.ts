/**
 * The folder of an authority: what is public, what is data, and what is secret, each in a place of its own, so that a
 * backup of the data holds no key. Its configuration is one JSON file, read strictly.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { realmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { role } from '@imprint/contract/permission';
import { fromPem, toPem } from '@imprint/contract/x509/pem';
import { isRevocationUrl } from '@imprint/contract/x509/revocation-url';
import { z } from 'zod';
import { readBoundedFile } from './read-bounded-file.ts';
import { makeFolder, syncToDisk, syncTree } from './sync-to-disk.ts';

const address = z.strictObject({ host: z.string().min(1).max(255), port: z.int().min(0).max(65_535) });

/** Those of this machine alone: what listens there is reached from nowhere else. */
const loopbackAddress = z.strictObject({
  host: z.string().regex(/^(127(\.\d{1,3}){3}|::1|localhost)$/, 'is not a loopback address'),
  port: address.shape.port,
});

const oidc = z.strictObject({
  issuer: z.url({ protocol: /^https$/ }).max(300),
  client_id: z.string().min(1).max(255),
  /** A file of mode 0600 with the client's secret; absent: a public client. */
  client_secret_file: z.optional(z.string().max(1000)),
  /** `https://HOST:PORT/v1/session/oidc/callback` of the management listener, as browsers reach it. */
  redirect_uri: z.url({ protocol: /^https$/ }).max(300),
  /** PEM; where the provider's certificate is of a company's own CA. */
  ca_file: z.optional(z.string().max(1000)),
  /** The claim that lists groups, and which roles each gives; absent: an administrator gives roles here. */
  roles: z.optional(
    z.strictObject({
      claim: z.string().min(1).max(100),
      groups: z.record(z.string().min(1).max(255), z.array(role).min(1).max(16)),
    }),
  ),
});

const configuration = z.strictObject({
  version: z.literal(1),
  realm: realmName,
  organization: z.string().min(1).max(64),
  /** Names the log for ever, and its key. */
  log_origin: z.string().regex(/^[a-z0-9][a-z0-9./-]{0,199}$/),
  /** Further names and addresses under which stations reach the authority. */
  hosts: z.array(z.string().min(1).max(255)).max(16),
  listeners: z.strictObject({
    station: address,
    public: address,
    /** Figures and health; absent, nobody is told them. */
    metrics: z.optional(loopbackAddress),
    /** For people and their programs; absent: there is none. */
    management: z.optional(address),
    /** For units in the field; absent: there is none. */
    device: z.optional(address),
    /** For other doors of this machine that devices come to; beside the listener for devices alone. */
    authorize: z.optional(loopbackAddress),
  }),
  /** The company's OpenID provider, where people sign in there. */
  oidc: z.optional(oidc),
  /** A URL whose Date header the clock is compared with; absent: with this machine's own monotonic clock and the log alone. */
  clock_source: z.optional(z.url({ protocol: /^https?$/ }).max(300)),
  /**
   * Under which the world reaches the public listener, for ever: devices' certificates say that their revocation is told below it. Absent,
   * they do not say it.
   */
  public_url: z.optional(z.string().refine(isRevocationUrl, 'is no URL such as http://pki.example.com')),
  minimum_station_version: z.string().min(1).max(64),
  /** Where the PostgreSQL database is, without a password; absent: a file in the home's folder. */
  database: z.optional(z.url({ protocol: /^postgres(ql)?$/ }).max(1000)),
});
export type AuthorityConfiguration = z.infer<typeof configuration>;

/** The certificates of a realm by file name; the log's verifier key stands beside them as `log.vkey`. */
export const certificateFiles = {
  root: 'root.pem',
  issuing: 'issuing-ca.pem',
  stationRoot: 'station-root.pem',
  stationCa: 'station-ca.pem',
  server: 'server.pem',
} as const;

export interface AuthorityHome {
  folder: string;
  configurationFile: string;
  /** The configuration while the home is being made; it gets its name last. */
  unfinishedFile: string;
  /** The configuration while the home waits for what its roots sign. */
  waitingFile: string;
  /** What is carried to the ceremony. */
  requests: string;
  database: string;
  keys: string;
  certificates: string;
  /** Made by `init` for the dev realm alone, where no passphrase was given. */
  devPassphrase: string;
  /** Stands there while a restored home is held. */
  heldFile: string;
  logKeyFile: string;
}

/** The paths under a home; nothing is read. */
export function authorityHome(folder: string): AuthorityHome {
  const path = resolve(folder);
  return {
    folder: path,
    configurationFile: join(path, 'imprint.json'),
    unfinishedFile: join(path, 'imprint.json.unfinished'),
    waitingFile: join(path, 'imprint.json.waiting'),
    requests: join(path, 'requests'),
    database: join(path, 'data', 'imprint.db'),
    keys: join(path, 'keys'),
    certificates: join(path, 'certificates'),
    devPassphrase: join(path, 'dev-passphrase'),
    heldFile: join(path, 'held.json'),
    logKeyFile: join(path, 'certificates', 'log.vkey'),
  };
}

/** A home that is being made. */
export interface HomeInWork {
  home: AuthorityHome;
  /**
   * Brings all of it to the disk, and only then makes it an authority's, or one that waits for its ceremony.
   * @throws home_exists where another one began anew
   */
  finish(as?: 'ready' | 'waiting'): void;
}

/**
 * Makes the folder. Until it is finished nothing opens it, and what was broken off is cleared away by the next one that
 * is begun there.
 * @throws home_exists where something else stands there already, path_refused
 */
export function beginHome(folder: string, content: AuthorityConfiguration): HomeInWork {
  const home = authorityHome(folder);
  const isUnfinished = existsSync(home.unfinishedFile) && !existsSync(home.configurationFile);
  makeHomeFolder(home.folder);
  if (!isUnfinished && readdirSync(home.folder).length > 0) {
    throw new ImprintError('home_exists', `${home.folder} is not empty`, {
      hint: 'Name a new folder with --home; an authority is never made over another one.',
    });
  }
  chmodSync(home.folder, 0o700);
  const { keys, certificates, devPassphrase, requests, heldFile, unfinishedFile } = home;
  const data = dirname(home.database);
  // the mark goes last: broken off here, this is begun anew as well
  for (const left of [keys, certificates, data, devPassphrase, requests, heldFile, unfinishedFile]) {
    rmSync(left, { recursive: true, force: true });
  }
  const mark = openSync(unfinishedFile, 'wx', 0o644);
  writeFileSync(mark, configurationText(content));
  syncTree(home.folder);
  mkdirSync(certificates, { mode: 0o755 });
  return { home, finish: (as = 'ready') => finishHome(home, mark, as) };
}

const configurationText = (content: AuthorityConfiguration) =>
  `${JSON.stringify(configuration.parse(content), null, 2)}\n`;

/** @throws path_refused where no folder can be at that place */
function makeHomeFolder(folder: string): void {
  try {
    makeFolder(folder);
    if (!statSync(folder).isDirectory()) throw new Error('it is no folder');
  } catch (cause) {
    throw new ImprintError('path_refused', `${folder} cannot be made: ${(cause as Error).message}`, {
      hint: 'Name a folder, new or empty, in a place where you may make one.',
      cause,
    });
  }
}

function finishHome(home: AuthorityHome, mark: number, as: 'ready' | 'waiting'): void {
  syncTree(home.folder);
  const own = fstatSync(mark).ino;
  closeSync(mark);
  if (statSync(home.unfinishedFile, { throwIfNoEntry: false })?.ino !== own) {
    throw new ImprintError('home_exists', `another authority is being made in ${home.folder}`, {
      hint: 'Wait for that one, or name another folder with --home.',
    });
  }
  renameSync(home.unfinishedFile, as === 'ready' ? home.configurationFile : home.waitingFile);
  syncToDisk(home.folder);
}

/** Makes a home that waited into an authority, once all that it waited for is in it. */
export function finishWaiting(home: AuthorityHome): void {
  syncTree(home.folder);
  renameSync(home.waitingFile, home.configurationFile);
  syncToDisk(home.folder);
}

/** Replaces the configuration of a home, at once and on the disk. */
export function writeConfiguration(home: AuthorityHome, content: AuthorityConfiguration): void {
  const draft = `${home.configurationFile}.new`;
  writeFileSync(draft, configurationText(content), { mode: 0o644, flush: true });
  renameSync(draft, home.configurationFile);
  syncToDisk(home.folder);
}

/** A folder that this person may not enter looks like one without an authority. @throws file_invalid */
function refuseClosedFolder(folder: string): void {
  if (!existsSync(folder)) return;
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
  } catch (cause) {
    throw new ImprintError('file_invalid', `${folder} is not yours to read`, {
      hint: 'Run the command as the user to whom the authority belongs.',
      cause,
    });
  }
}

/** Whether the home waits for what its roots sign. */
export function isWaiting(home: AuthorityHome): boolean {
  return existsSync(home.waitingFile) && !existsSync(home.configurationFile);
}

/** Of a home that waits. @throws home_missing, file_invalid */
export function readWaitingConfiguration(home: AuthorityHome): AuthorityConfiguration {
  return readConfigurationFile(home.waitingFile);
}

/** @throws home_missing, also while it waits for its ceremony; file_invalid */
export function readConfiguration(home: AuthorityHome): AuthorityConfiguration {
  if (!existsSync(home.configurationFile)) {
    refuseClosedFolder(home.folder);
    if (isWaiting(home)) {
      const requests = existsSync(home.requests) ? readdirSync(home.requests).sort() : [];
      throw new ImprintError(
        'home_missing',
        `the authority in ${home.folder} waits for its roots to sign ${requests.map((file) => join('requests', file)).join(' and ')}`,
        {
          hint: 'Carry them to the ceremony (imprint root sign), then bring the stick back: imprint ca install --home DIR --from STICK.',
        },
      );
    }
    if (existsSync(home.unfinishedFile)) {
      throw new ImprintError('home_missing', `the authority in ${home.folder} was never finished`, {
        hint: 'Run imprint init --home DIR again: it clears away what was left and begins anew.',
      });
    }
    throw new ImprintError('home_missing', `there is no authority in ${home.folder}`, {
      hint: 'Make one with imprint init --home DIR, or name the right folder.',
    });
  }
  return readConfigurationFile(home.configurationFile);
}

/** The configuration in a file of any name. @throws file_invalid */
export function readConfigurationFile(file: string): AuthorityConfiguration {
  try {
    return configuration.parse(JSON.parse(readBoundedFile(file, limits.yamlBytes)));
  } catch (cause) {
    const where =
      cause instanceof z.ZodError ? `: ${cause.issues[0]!.path.join('.')} ${cause.issues[0]!.message}` : '';
    throw new ImprintError('file_invalid', `${file} is not a configuration of an authority${where}`, {
      hint: 'Mend the field that is named, or take the file from a backup.',
      cause,
    });
  }
}

export function writeCertificate(
  home: AuthorityHome,
  which: keyof typeof certificateFiles,
  der: Uint8Array,
): void {
  // never over another's: two that are made in one folder at once must not be mixed
  writeFileSync(join(home.certificates, certificateFiles[which]), toPem('CERTIFICATE', der), { flag: 'wx' });
}

/** The DER of one of the home's certificates. @throws file_invalid */
export function readCertificate(home: AuthorityHome, which: keyof typeof certificateFiles): Uint8Array {
  return readCertificateFile(join(home.certificates, certificateFiles[which]));
}

/** The DER of a file with one certificate in PEM. @throws file_invalid */
export function readCertificateFile(file: string): Uint8Array {
  return fromPem('CERTIFICATE', readBoundedFile(file, limits.dutMessageBytes), 1)[0]!;
}
