/**
 * A station's folder: `station.json`, its certificate and key, the authority's root, journal and labels. The key is in a
 * file of its own that its owner alone can read, and a folder that others can read is refused.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { name, realmName } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';

export const laneSettings = z.strictObject({
  lane: z.int().min(1).max(limits.lanesPerStation),
  /** `tcp://host:port`, or the path of a serial port by where it is plugged in. */
  port: z.string().min(1).max(300),
  baud: z.optional(z.int().min(50).max(20_000_000)),
  /** What this lane does: the first visit, the second one, or the check at packing. */
  operation: z.optional(z.enum(['provision', 'seal', 'pack'])),
});
export type LaneSettings = z.infer<typeof laneSettings>;

export const stationSettings = z.strictObject({
  station_version: z.literal(1),
  realm: realmName,
  station_id: name,
  authority_url: z.url({ protocol: /^https$/ }).max(300),
  /** File names inside the folder. */
  authority_ca_file: z.literal('authority-ca.pem'),
  certificate_file: z.literal('station.pem'),
  key_file: z.literal('station-key.pem'),
  lanes: z.array(laneSettings).max(limits.lanesPerStation),
  labels: z.optional(
    z.strictObject({
      /** Run with the label's file as its only argument, without a shell. */
      command: z.optional(z.array(z.string().min(1).max(300)).min(1).max(16)),
    }),
  ),
  /** Days after which acknowledged work is forgotten. */
  journal_days: z.optional(z.int().min(1).max(365)),
});
export type StationSettings = z.infer<typeof stationSettings>;

export interface StationHome {
  folder: string;
  settings: StationSettings;
  /** What the authority records of the configuration: a hash over `station.json` as it is meant, not as it is spaced. */
  configurationSha256: string;
  identity: { certificatePem: string; keyPem: string };
  authorityCaPem: string;
  journalPath: string;
  labelsFolder: string;
}

export const stationFiles = {
  settings: 'station.json',
  authorityCa: 'authority-ca.pem',
  certificate: 'station.pem',
  key: 'station-key.pem',
} as const;

/** @throws home_missing, file_invalid */
export function openStationHome(folder: string): StationHome {
  const path = join(folder, stationFiles.settings);
  if (!existsSync(path)) {
    throw new ImprintError('home_missing', `${folder} is not the folder of an enrolled station`, {
      hint: 'Enrol it first: imprint station enroll --token-file FILE --home DIR',
    });
  }
  const settings = readSettings(path);
  return {
    folder,
    settings,
    configurationSha256: configurationHash(settings),
    identity: readIdentity(join(folder, settings.certificate_file), join(folder, settings.key_file)),
    authorityCaPem: read(join(folder, settings.authority_ca_file)),
    journalPath: join(folder, 'journal.sqlite'),
    labelsFolder: join(folder, 'labels'),
  };
}

/** The same station with lanes replaced or added, as the command line names them. */
export function withLanes(home: StationHome, lanes: readonly LaneSettings[], baud?: number): StationHome {
  const byNumber = new Map(home.settings.lanes.map((lane) => [lane.lane, lane]));
  for (const lane of lanes) byNumber.set(lane.lane, lane);
  const merged = [...byNumber.values()]
    .sort((a, b) => a.lane - b.lane)
    .map((lane) => (baud === undefined ? lane : { ...lane, baud }));
  if (merged.length === 0) {
    throw new ImprintError('usage', 'this station has no lane', {
      hint: 'Name one in station.json, or with --lane 1=tcp://host:port.',
    });
  }
  const settings = { ...home.settings, lanes: merged };
  return { ...home, settings, configurationSha256: configurationHash(settings) };
}

function configurationHash(settings: StationSettings): string {
  return sha256Hex(new TextEncoder().encode(canonicalJson(settings)));
}

/** Makes the folder where it is not there, for its owner alone; its name is on the disk. @throws path_refused */
export function makeStationFolder(folder: string): void {
  try {
    makeFolder(resolve(folder));
  } catch (cause) {
    throw new ImprintError('path_refused', `${folder} cannot be made: ${(cause as Error).message}`, {
      hint: 'Name a folder in a place where you may make one.',
      cause,
    });
  }
}

/** One after the other: made all at once, it never ends where the system lets nobody make any, such as in /proc. */
function makeFolder(path: string): void {
  if (!existsSync(path)) {
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
  try {
    syncFolder(dirname(path));
  } catch (error) {
    // whoever may not read the folder above cannot sync it; its owner made what is in it
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  }
}

/** Writes a file whole or not at all, readable by its owner alone; it is on the disk when this returns. */
export function writeOwn(path: string, text: string): void {
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  syncFolder(dirname(path));
}

/** A file's name is on the disk once the folder that holds it was synced. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function readSettings(path: string): StationSettings {
  let value: unknown;
  try {
    value = JSON.parse(read(path));
  } catch (cause) {
    if (cause instanceof ImprintError) throw cause;
    throw new ImprintError('file_invalid', `${path} is not JSON`, { cause });
  }
  const result = stationSettings.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new ImprintError(
      'file_invalid',
      `${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`,
      {
        hint: 'Mend the file; docs/guide/station.md says what stands in it.',
      },
    );
  }
  const lanes = result.data.lanes.map(({ lane }) => lane);
  if (new Set(lanes).size !== lanes.length)
    throw new ImprintError('file_invalid', `${path}: a lane stands twice`);
  return result.data;
}

/** A spoilt key would look like a network that is down, since no handshake succeeds with it. */
function readIdentity(certificatePath: string, keyPath: string): StationHome['identity'] {
  const [certificatePem, keyPem] = [read(certificatePath), read(keyPath)];
  refuseOpenToOthers(keyPath);
  let belongTogether = false;
  try {
    belongTogether = new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    // No cause: OpenSSL's could quote what it read.
  }
  if (belongTogether) return { certificatePem, keyPem };
  throw new ImprintError('file_invalid', `${keyPath} is not the key of ${certificatePath}`, {
    hint: 'Take both files from a backup. If there is none: revoke the station and enrol it anew.',
  });
}

function read(path: string): string {
  try {
    if (statSync(path).size > limits.requestBytes) throw new RangeError('it is too long');
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ImprintError('file_invalid', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function refuseOpenToOthers(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o077) === 0) return;
  throw new ImprintError('file_invalid', `${path} can be read by others`, {
    hint: `Find out who had access. If nobody had: chmod 600 ${path}. Otherwise revoke the station and enrol it anew.`,
  });
}
