/**
 * Every secret that a demo created, learnt the way its owner could: with the passphrase, from the station's own files,
 * from the seed of the simulated units. Each says where it must stand; anywhere else it is a leak.
 */
import { createPrivateKey, hash, hkdfSync, type KeyObject, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { seededEntropy } from '@imprint/sim/entropy';
import { SoftwareKeySlot } from '@imprint/sim/key-slot';
import { authorityHome } from 'imprint/authority-home';
import { openAuthority } from 'imprint/open-authority';
import type { Secret } from './search.ts';

export const secretKinds = [
  'passphrase',
  'authority key',
  'token',
  'station key',
  'badge',
  'unit key',
] as const;

export interface CreatedSecret extends Secret {
  kind: (typeof secretKinds)[number];
  /** Names of places: it stands in one of each, and in no other. */
  standsIn: RegExp[];
}

export interface DemoRun {
  home: string;
  stations: readonly string[];
  seed: string;
  devices: number;
  /** The operator's badge, as it was scanned. */
  badge: string;
}

/** A unit makes a new key where it lost the old one; the attempts cap ends that long before. */
const keysPerUnit = 16;

/** @throws Error where the demo's records name a key or badge that is not among the secrets: then the search proves nothing */
export async function createdSecrets(run: DemoRun): Promise<CreatedSecret[]> {
  const home = authorityHome(join(run.home, 'authority'));
  const authority = await openAuthority(home.folder);
  try {
    const { keys, line } = await authority.unlock();
    const units = unitKeys(run);
    const owners = await authority.ledger.reader
      .selectFrom('public_key')
      .select('public_key_sha256')
      .execute();
    for (const { public_key_sha256: known } of owners) {
      if (!units.some((unit) => unit.publicKeySha256 === known))
        throw new Error('a unit has a key of no seed');
    }
    const people = await authority.ledger.reader.selectFrom('person').select('badge_sha256').execute();
    if (people.some((person) => person.badge_sha256 !== line.badgeHash(run.badge))) {
      throw new Error('somebody has another badge');
    }
    const sealed: [string, KeyObject][] = [];
    for (const name of await keys.names()) sealed.push([name, await keys.read(name)]);
    return [
      ...passphraseAndItsKey(home),
      ...sealed.map(([name, key]) => secret('authority key', name, [privateHalf(key)])),
      badgeKey(sealed.find(([name]) => name === keyNames.badges)![1]),
      ...run.stations.flatMap((station) => [tokenOf(run, station), stationKey(run, station)]),
      badgeOf(run),
      ...units.map(({ name, scalar }) => secret('unit key', name, [scalar])),
    ];
  } finally {
    await authority.close();
  }
}

function secret(
  kind: CreatedSecret['kind'],
  name: string,
  values: Uint8Array[],
  standsIn: RegExp[] = [],
): CreatedSecret {
  return { kind, name: `${kind} ${name}`, values, standsIn };
}

/** Of an EC key its scalar, of an Ed25519 key its seed: what PKCS #8, SEC 1 and JWK all hold. */
function privateHalf(key: KeyObject): Uint8Array {
  return Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
}

function passphraseAndItsKey(home: ReturnType<typeof authorityHome>): CreatedSecret[] {
  const text = readFileSync(home.devPassphrase, 'utf8').trim();
  const { log_n, salt_b64 } = JSON.parse(readFileSync(join(home.keys, 'folder.json'), 'utf8'));
  const cost = { N: 2 ** log_n, r: 8, p: 1, maxmem: 2 ** log_n * 8 * 256 };
  const folderKey = scryptSync(text, Buffer.from(salt_b64, 'base64'), 32, cost);
  return [
    secret(
      'passphrase',
      'of the key folder',
      [Buffer.from(text), Buffer.from(text, 'base64')],
      [/^home\/authority\/dev-passphrase$/],
    ),
    secret('authority key', 'that seals the others', [folderKey]),
  ];
}

function badgeKey(key: KeyObject): CreatedSecret {
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  const derived = hkdfSync('sha256', pkcs8, new Uint8Array(0), 'imprint badges v1', 32);
  return secret('authority key', 'under which badges are hashed', [new Uint8Array(derived)]);
}

function tokenOf({ home }: DemoRun, station: string): CreatedSecret {
  const text = readFileSync(join(home, `${station}.token`), 'utf8').trim();
  const spoken = parseEnrolmentToken(text).secret;
  return secret(
    'token',
    `of ${station}`,
    [Buffer.from(spoken), Buffer.from(spoken, 'hex')],
    [new RegExp(`^home/${station}\\.token$`), new RegExp(`^station enroll (${station}|new): tls-\\d+-out$`)],
  );
}

function stationKey({ home }: DemoRun, station: string): CreatedSecret {
  const key = createPrivateKey(readFileSync(join(home, station, 'station-key.pem')));
  return secret(
    'station key',
    `of ${station}`,
    [privateHalf(key)],
    [new RegExp(`^home/${station}/station-key\\.pem$`)],
  );
}

/** The person scans it at each station, and the station asks the authority whose it is. */
function badgeOf({ badge }: DemoRun): CreatedSecret {
  const standsIn = [/^demo home: pipe-\d+-out$/, /^station run [a-z0-9-]+: (stdin-\d+-in|tls-\d+-out)$/];
  return secret(
    'badge',
    'of the operator',
    [Buffer.from(badge), Buffer.from(badge.slice(3), 'hex')],
    standsIn,
  );
}

/** The keys that a unit of this seed makes, one after another. */
function unitKeys({
  seed,
  devices,
}: DemoRun): { name: string; scalar: Uint8Array; publicKeySha256: string }[] {
  return Array.from({ length: devices }, (_, at) => at + 1).flatMap((unit) => {
    const entropy = seededEntropy(seed, `unit ${unit} key`);
    let scalar: Uint8Array = new Uint8Array(0);
    const slot = new SoftwareKeySlot((length) => {
      scalar = entropy(length);
      return scalar.slice();
    });
    return Array.from({ length: keysPerUnit }, (_, at) => {
      slot.generate('ec-p256');
      const publicKeySha256 = hash('sha256', slot.publicKey()!.spki, 'hex');
      return { name: `${at + 1} of unit ${unit}`, scalar, publicKeySha256 };
    });
  });
}
