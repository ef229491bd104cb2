/**
 * Makes the roots of a realm: one that devices pin, one that stations pin. Broken off anywhere, the same command goes on with the keys
 * that are there; a second root is never made where one was begun.
 */
import { existsSync } from 'node:fs';
import type { TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import type { Signer } from '@imprint/authority/signer/signer';
import { makeKey } from '@imprint/authority/signer/software';
import { issueRoot } from '@imprint/authority/trust/issue-ca';
import {
  createKeyFolder,
  isKeyFolder,
  openKeyFolder,
  type SealedKeyFolder,
} from '@imprint/authority/trust/sealed-key-folder';
import type { Act } from '@imprint/authority/trust/transcript';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { toPem } from '@imprint/contract/x509/pem';
import type { Realm } from '@imprint/contract/x509/realm';
import { verifyRoot } from '@imprint/contract/x509/verify-chain';
import { type CaSigners, caSigners } from '../ca-signers.ts';
import { systemEntropy } from '../open-authority.ts';
import { requireKnownTranscript } from './known-transcript.ts';
import { type Branch, requireApart, rootCertificate, rootFiles, rootKeys } from './root-keys.ts';
import type { Stick } from './stick.ts';

export interface RootTerms {
  realm: Realm;
  organization: string;
  people: [string, string];
  keyFolder: string;
  /** Where a root's key is, if it was made in a token; otherwise it is made here. */
  tokens?: Partial<Record<Branch, TokenReference>>;
  pinFile?: string | undefined;
  /** Asked once all else is found right; `isNew` where the folder is made with it. */
  passphrase: (isNew: boolean) => Promise<Uint8Array>;
  /** What a guess at it costs, as `createKeyFolder` takes it. */
  logN?: number;
  now: () => Date;
}

const branches: readonly Branch[] = ['device', 'station'];

/** @throws home_exists (a root is there), realm_mismatch, ceremony_invalid, path_refused, passphrase_wrong, file_invalid */
export async function createRoot(stick: Stick, terms: RootTerms): Promise<void> {
  const { realm, organization, keyFolder } = terms;
  requireApart(stick.folder, keyFolder, 'the key folder');
  refuseSecondRoot(stick, terms);
  const isNew = !(await isKeyFolder(keyFolder));
  if (stick.first === undefined && !isNew) await refuseForeignKeys(keyFolder);
  requireKnownTranscript(keyFolder, stick.transcript);
  const passphrase = await terms.passphrase(isNew);
  const act = (name: Act['act']): Act => ({
    ...{ at: terms.now().toISOString(), act: name, realm, organization, people: terms.people },
    ...{ subject: '', number: null, in: [], out: [] },
  });
  if (stick.first === undefined) stick.record(act('root.begun'));
  const keys = isNew
    ? await createKeyFolder(keyFolder, passphrase, systemEntropy, terms.logN)
    : await openKeyFolder(keyFolder, passphrase, systemEntropy);
  stick.usedWith(keyFolder);
  const signers = caSigners(keys, terms.pinFile);
  const out = [];
  try {
    for (const branch of branches) {
      const signer = await keyOf(keys, signers, rootKeys[branch], terms.tokens?.[branch]);
      await writeRoot(stick, terms, signer, branch);
      out.push(stick.named(rootFiles[branch]));
    }
  } finally {
    await signers.close();
  }
  stick.record({ ...act('root.created'), out });
}

function refuseSecondRoot(stick: Stick, { realm, organization }: RootTerms): void {
  const { first } = stick;
  if (stick.isCreated) {
    throw new ImprintError('home_exists', `this stick has the root of the realm ${first!.realm} already`, {
      hint: 'A realm has one root. To look at it: imprint root check --stick DIR.',
    });
  }
  if (first !== undefined && (first.realm !== realm || first.organization !== organization)) {
    throw new ImprintError(
      'realm_mismatch',
      `a root of the realm ${first.realm} of ${first.organization} was begun on this stick, and not created`,
      { hint: 'Go on with the same realm and organization, or take an empty stick and another key folder.' },
    );
  }
}

/** A key folder without its stick is that of a root which was created somewhere else. */
async function refuseForeignKeys(keyFolder: string): Promise<void> {
  const sealed = branches.filter((branch) => existsSync(`${keyFolder}/${rootKeys[branch]}.key`));
  if (sealed.length === 0) return;
  throw new ImprintError('home_exists', `${keyFolder} holds the keys of a root that is not on this stick`, {
    hint: 'Bring the stick of that root, or name a new key folder.',
  });
}

/** The key under this name; one that is there already, of a run that was broken off, is gone on with. */
async function keyOf(
  keys: SealedKeyFolder,
  signers: CaSigners,
  name: string,
  inToken: TokenReference | undefined,
): Promise<Signer> {
  const isThere = (await keys.readReference(name)) !== undefined || (await keys.names()).includes(name);
  if (!isThere && inToken !== undefined) return signers.adopt(name, inToken);
  if (!isThere) await keys.write(name, makeKey('ec-p256'));
  return signers.open(name);
}

async function writeRoot(
  stick: Stick,
  { realm, organization, now }: RootTerms,
  signer: Signer,
  branch: Branch,
): Promise<void> {
  if (stick.has(rootFiles[branch])) {
    const der = rootCertificate(stick, branch);
    const { publicKey } = verifyRoot({ root: der, at: now(), realm, branch });
    if (equalBytes(publicKey.spki, signer.spki)) return;
    throw new ImprintError(
      'key_locked',
      `${rootFiles[branch]} is not the certificate of the key in this folder`,
      {
        hint: 'Bring the key folder with which this stick was begun.',
      },
    );
  }
  const der = await issueRoot({ realm, organization, now: now(), entropy: systemEntropy }, branch, signer);
  stick.write(rootFiles[branch], toPem('CERTIFICATE', der));
}
