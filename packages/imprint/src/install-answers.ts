/**
 * Brings what the roots signed back to the authority. The stick is replayed and each certificate held against the request that is here,
 * before a byte of it is taken over; a home that waited is usable only when all of it is there.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openIssuer } from '@imprint/authority/issuing/issuer';
import { TickLedger } from '@imprint/authority/ledger/tick-ledger';
import { latestBundle, publishBundle } from '@imprint/authority/trust/bundles';
import { firstCa } from '@imprint/authority/trust/ca-request';
import { type CaRequestFile, readCaRequest } from '@imprint/authority/trust/ca-request-file';
import { type Ca, checkAnswer, installCa, listCas, type RealmRoots } from '@imprint/authority/trust/cas';
import { issueServerCertificate, keyNames, rawEd25519 } from '@imprint/authority/trust/hierarchy';
import { realmDrafts } from '@imprint/authority/trust/realm-drafts';
import { type InstalledRootCrl, installRootCrls } from '@imprint/authority/trust/root-crls';
import { openKeyFolder, type SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Certificate } from '@imprint/contract/x509/certificate';
import { publicKeySha256 } from '@imprint/contract/x509/public-key';
import type { ActingAuthority } from './act-as.ts';
import {
  type AuthorityConfiguration,
  type AuthorityHome,
  certificateFiles,
  finishWaiting,
  readWaitingConfiguration,
  writeCertificate,
} from './authority-home.ts';
import { type CaSigners, caSigners } from './ca-signers.ts';
import { type CheckedStick, checkStick } from './ceremony/check-stick.ts';
import { Stick } from './ceremony/stick.ts';
import { clearBegunStorage, createStorage } from './home-storage.ts';
import { rootsOf } from './make-ca.ts';
import { homePassphrase, systemClock, systemEntropy, thisPerson } from './open-authority.ts';
import { readBoundedFile } from './read-bounded-file.ts';

/**
 * Finishes a home that waits: roots, both CAs, the certificate of its listeners, its database and the log's first entries.
 * @param head the hash of the transcript, as two people wrote it down: nothing else tells the right roots from others
 * @throws realm_mismatch, ceremony_invalid, certificate_refused, file_invalid, key_locked, passphrase_wrong, storage_failed; of a key in
 * a token as `CaSigners.open`
 */
export async function installFirst(
  home: AuthorityHome,
  from: string,
  head: string,
  passphraseFile?: string,
  pinFile?: string,
): Promise<{ ca_id: string; sha256: string }[]> {
  const configuration = readWaitingConfiguration(home);
  const { realm, organization, log_origin } = configuration;
  const stick = Stick.ofRoot(from);
  const checked = checkStick(stick, head);
  requireRealm(stick, configuration);
  const roots = {
    ...{ realm, organization, publicUrl: configuration.public_url },
    ...{ root: checked.roots.device.der, stationRoot: checked.roots.station.der },
  };
  const keys = await openKeyFolder(
    home.keys,
    await homePassphrase(home, realm, passphraseFile),
    systemEntropy,
  );
  const [issuing, stationCa] = [keyNames.issuing, keyNames.stationCa].map((caId) =>
    answerTo(checked, ownRequest(home, caId), roots),
  ) as [Certificate, Certificate];
  const now = systemClock();
  const server = await withSigners(keys, pinFile, async (signers) => {
    const stationIssuer = openIssuer(stationCa.der, await signers.open(keyNames.stationCa), realm);
    openIssuer(issuing.der, await signers.open(keyNames.issuing), realm);
    const { spki } = await signers.open(keyNames.server);
    const { hosts } = configuration;
    const terms = { realm, organization, hosts, now, entropy: systemEntropy, spki };
    return issueServerCertificate(terms, stationIssuer);
  });
  const certificates = {
    ...{ root: roots.root, issuing: issuing.der },
    ...{ stationRoot: roots.stationRoot, stationCa: stationCa.der, server },
  };
  for (const which of Object.keys(certificates) as (keyof typeof certificates)[]) {
    // of a run that was broken off; the home still waits
    rmSync(join(home.certificates, certificateFiles[which]), { force: true });
    writeCertificate(home, which, certificates[which]);
  }
  clearBegunStorage(home, configuration);
  const storage = await createStorage(home, configuration);
  const clock = systemClock;
  const ledger = new TickLedger({
    ...{ storage, realm, clock, entropy: systemEntropy },
    serverClock: storage.serverClock,
  });
  const logPublicKey = rawEd25519(await keys.read(keyNames.log));
  await ledger.submit(async () => ({
    entries: realmDrafts(thisPerson(), {
      ...{ realm, organization, logOrigin: log_origin, logPublicKey, certificates },
      bundle: checked.bundle,
      rootCrls: checked.crls,
      crlPartitions: ownRequest(home, keyNames.issuing).crl_partitions,
    }),
    reply: () => undefined,
  }));
  await ledger.close();
  await storage.close();
  finishWaiting(home);
  return [
    { ca_id: keyNames.issuing, sha256: issuing.sha256 },
    { ca_id: keyNames.stationCa, sha256: stationCa.sha256 },
  ];
}

export interface InstalledAnswers {
  installed: Ca[];
  /** Of each root whose CRL is on the stick. */
  crls: InstalledRootCrl[];
  /** The version that devices are told of. */
  bundle: number | null;
}

/**
 * Installs what the roots have signed since: the answers to what an authority at work has asked for, as far as they are on the stick, the
 * newest CRL of each root, and the newest bundle.
 * @throws as {@link installFirst}; ceremony_invalid where the stick is another root's, older than what is installed, or has nothing
 * for this authority
 */
export async function installFurther(
  authority: ActingAuthority,
  from: string,
  head?: string,
): Promise<InstalledAnswers> {
  const { ledger, person, configuration } = authority;
  const stick = Stick.ofRoot(from);
  const checked = checkStick(stick, head);
  requireRealm(stick, configuration);
  const roots = rootsOf(authority);
  if (!isSameRoot(checked, roots)) {
    throw new ImprintError('realm_mismatch', 'the stick is of other roots than this authority’s', {
      hint: 'Bring the stick of the roots whose certificates stand in certificates/. Nothing was installed.',
    });
  }
  const asked = (await listCas(ledger.reader)).filter(({ status }) => status === 'requested');
  const answered = asked.flatMap(({ ca_id, public_key_sha256 }) => {
    const answer = checked.signed.find(
      ({ request, certificate }) =>
        request.ca_id === ca_id && publicKeySha256(certificate.publicKey.spki) === public_key_sha256,
    );
    return answer === undefined ? [] : [{ ca_id, certificate: answer.certificate }];
  });
  for (const { ca_id, certificate } of answered) requireNotRevoked(checked, ca_id, certificate);
  // first, since an older stick is known by its CRLs
  const crls = await installRootCrls(ledger, person, checked.crls, roots);
  if (answered.length === 0 && asked.length > 0 && !crls.some(({ isNew }) => isNew)) {
    throw noAnswer(asked.map(({ ca_id }) => ca_id));
  }
  const installed: Ca[] = [];
  for (const { ca_id, certificate } of answered) {
    installed.push(await installCa(ledger, person, ca_id, certificate.der, roots));
  }
  if (checked.bundle !== undefined) await publishBundle(ledger, person, checked.bundle, roots);
  return { installed, crls, bundle: (await latestBundle(ledger.reader))?.version ?? null };
}

async function withSigners<T>(
  keys: SealedKeyFolder,
  pinFile: string | undefined,
  work: (signers: CaSigners) => Promise<T>,
): Promise<T> {
  const signers = caSigners(keys, pinFile);
  try {
    return await work(signers);
  } finally {
    await signers.close();
  }
}

function requireRealm(stick: Stick, { realm, organization }: AuthorityConfiguration): void {
  const { first } = stick;
  if (first!.realm === realm && first!.organization === organization) return;
  throw new ImprintError(
    'realm_mismatch',
    `the stick is of the realm ${first!.realm} of ${first!.organization}, and this home of ${realm} of ${organization}`,
    { hint: 'Bring the stick of the right ceremony. Nothing was installed.' },
  );
}

function isSameRoot({ roots }: CheckedStick, own: RealmRoots): boolean {
  const hex = (der: Uint8Array) => Buffer.from(der).toString('hex');
  return hex(roots.device.der) === hex(own.root) && hex(roots.station.der) === hex(own.stationRoot);
}

function ownRequest(home: AuthorityHome, caId: string): CaRequestFile {
  const file = join(home.requests, `${caId}.json`);
  if (!existsSync(file)) {
    throw new ImprintError('file_invalid', `${file} is missing`, {
      hint: 'Take it from the backup of this home.',
    });
  }
  return readCaRequest(readBoundedFile(file, limits.caRequestBytes));
}

/** The certificate that answers a request of this home. */
function answerTo(checked: CheckedStick, own: CaRequestFile, roots: RealmRoots): Certificate {
  const answer = checked.signed.find(({ request }) => request.ca_id === own.ca_id);
  if (answer === undefined) throw noAnswer([own.ca_id]);
  if (answer.request.fingerprint !== own.fingerprint) {
    throw new ImprintError(
      'ceremony_invalid',
      `the stick answers another request for ${own.ca_id} than this home’s`,
      {
        hint: 'It is the stick of another authority, or the home was made anew since. Nothing was installed.',
      },
    );
  }
  requireNotRevoked(checked, own.ca_id, answer.certificate);
  return checkAnswer(
    { ...firstCa(own.ca_id), public_key_sha256: own.public_key_sha256 },
    answer.certificate.der,
    roots,
    systemClock(),
  );
}

/** @throws certificate_refused where the root has taken its signature back since */
function requireNotRevoked({ revoked }: CheckedStick, caId: string, { serialHex }: Certificate): void {
  if (!revoked.has(serialHex)) return;
  throw new ImprintError('certificate_refused', `the root has revoked ${caId} in its CRL`, {
    hint: 'Ask for another CA: imprint ca create. Nothing was installed.',
    context: { reason: 'revoked' },
  });
}

function noAnswer(caIds: readonly string[]): ImprintError {
  return new ImprintError('ceremony_invalid', `the stick has no answer to ${caIds.join(', ')}`, {
    hint: 'Carry requests/ of this home to the ceremony first: imprint root sign. Nothing was installed.',
  });
}
