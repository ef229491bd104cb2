/** Makes a new authority of the dev realm: hierarchy, sealed keys, database, and the log's first entry. */
import { writeFileSync } from 'node:fs';
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import { TickLedger } from '@imprint/authority/ledger/tick-ledger';
import { type TokenReference, tokenReferenceText } from '@imprint/authority/signer/pkcs11/token-reference';
import type { Signer } from '@imprint/authority/signer/signer';
import { makeKey, softwareSigner } from '@imprint/authority/signer/software';
import { signBundle } from '@imprint/authority/trust/bundles';
import { listsBelow } from '@imprint/authority/trust/ca-request';
import { createHierarchy, createHierarchyAround, keyNames } from '@imprint/authority/trust/hierarchy';
import { realmDrafts } from '@imprint/authority/trust/realm-drafts';
import { nextRootCrl } from '@imprint/authority/trust/root-crls';
import { createKeyFolder, scryptLogN } from '@imprint/authority/trust/sealed-key-folder';
import { formatVerifierKey, verifierKey } from '@imprint/contract/audit/checkpoint';
import { toBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import {
  type AuthorityConfiguration,
  type AuthorityHome,
  beginHome,
  writeCertificate,
} from './authority-home.ts';
import { type KeyInToken, openToken } from './ca-signers.ts';
import { createStorage } from './home-storage.ts';
import { homePassphrase, systemClock, systemEntropy, thisPerson } from './open-authority.ts';

/**
 * @param issuingKey where absent, the issuing key is made here and sealed as the others are
 * @param passphraseFile where absent, the dev realm gets a random passphrase in a file of mode 0600 beside its keys
 * @throws home_exists, usage (another realm than dev), passphrase_wrong, file_invalid, storage_failed;
 * of a token as `CaSigners.open`, before anything is made
 */
export async function initAuthority(
  folder: string,
  configuration: AuthorityConfiguration,
  passphraseFile?: string,
  issuingKey?: KeyInToken,
): Promise<AuthorityHome> {
  const { realm } = configuration;
  if (realm !== 'dev') {
    throw new ImprintError('usage', `a root of the realm ${realm} is not made on a machine with a network`, {
      hint: 'Its home is prepared without one, and its requests are carried to the ceremony of its roots.',
    });
  }
  const token = issuingKey && (await openToken(issuingKey.reference, issuingKey.pinFile));
  try {
    return await makeHome(folder, configuration, passphraseFile, token && { ...issuingKey, signer: token });
  } finally {
    await token?.close();
  }
}

async function makeHome(
  folder: string,
  configuration: AuthorityConfiguration,
  passphraseFile: string | undefined,
  issuingKey: { reference: TokenReference; signer: Signer } | undefined,
): Promise<AuthorityHome> {
  const { realm, organization } = configuration;
  const { home, finish } = beginHome(folder, configuration);
  if (passphraseFile === undefined) {
    writeFileSync(home.devPassphrase, `${toBase64(systemEntropy(32))}\n`, { mode: 0o600, flag: 'wx' });
  }
  const passphrase = await homePassphrase(home, realm, passphraseFile);
  const request = {
    realm,
    organization,
    hosts: configuration.hosts,
    publicUrl: configuration.public_url,
    now: systemClock(),
    entropy: systemEntropy,
    makeKey,
    openSigner: softwareSigner,
  };
  const hierarchy =
    issuingKey === undefined
      ? await createHierarchy(request)
      : await createHierarchyAround(request, issuingKey.signer);
  // nobody guesses 256 random bits, however cheap a guess is; what a person chose is another matter
  const logN = passphraseFile === undefined ? scryptLogN.least : scryptLogN.default;
  const keys = await createKeyFolder(home.keys, passphrase, systemEntropy, logN);
  for (const [name, key] of Object.entries(hierarchy.keys)) {
    await keys.write(keyNames[name as keyof typeof keyNames], key);
  }
  if (issuingKey !== undefined) {
    await keys.writeReference(keyNames.issuing, tokenReferenceText(issuingKey.reference));
  }
  const { certificates } = hierarchy;
  for (const which of ['root', 'issuing', 'stationRoot', 'stationCa', 'server'] as const) {
    writeCertificate(home, which, certificates[which]);
  }
  const logKey = verifierKey(configuration.log_origin, hierarchy.logPublicKey);
  writeFileSync(home.logKeyFile, `${formatVerifierKey(logKey)}\n`, { flag: 'wx' });
  const storage = await createStorage(home, configuration);
  const ledger = new TickLedger({
    storage,
    realm,
    clock: systemClock,
    entropy: systemEntropy,
    serverClock: storage.serverClock,
  });
  const root = openIssuer(certificates.root, softwareSigner(hierarchy.keys.root), realm);
  const stationRoot = openIssuer(certificates.stationRoot, softwareSigner(hierarchy.keys.stationRoot), realm);
  const firstCrl = (issuer: Issuer) => nextRootCrl(issuer, undefined, systemClock(), limits.devRootCrlDays);
  const rootCrls = [
    { branch: 'device' as const, der: await firstCrl(root) },
    { branch: 'station' as const, der: await firstCrl(stationRoot) },
  ];
  const bundle = await signBundle(root, 1, [certificates.issuing], systemClock());
  await ledger.submit(async () => ({
    entries: realmDrafts(thisPerson(), {
      realm,
      organization,
      logOrigin: configuration.log_origin,
      logPublicKey: hierarchy.logPublicKey,
      certificates,
      bundle,
      rootCrls,
      crlPartitions: listsBelow(configuration.public_url),
    }),
    reply: () => undefined,
  }));
  await ledger.close();
  await storage.close();
  finish();
  return home;
}
