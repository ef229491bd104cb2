/**
 * Makes the home of a test or prod authority as far as it goes without a root: keys of its own, and the requests that are carried to the
 * ceremony. Nothing opens it before the answers are installed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey } from '@imprint/authority/signer/software';
import { firstCa, listsBelow } from '@imprint/authority/trust/ca-request';
import { fingerprintOf, writeCaRequest } from '@imprint/authority/trust/ca-request-file';
import { keyNames, logId, rawEd25519 } from '@imprint/authority/trust/hierarchy';
import { createKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { formatVerifierKey, verifierKey } from '@imprint/contract/audit/checkpoint';
import { sha256Hex } from '@imprint/contract/hash';
import { type AuthorityConfiguration, beginHome } from './authority-home.ts';
import { caSigners, type KeyInToken, openToken } from './ca-signers.ts';
import { homePassphrase, systemClock, systemEntropy } from './open-authority.ts';

export interface CarriedRequest {
  ca_id: string;
  /** In the home. */
  file: string;
  /** SHA-256 of the file, hex: what people compare at the ceremony. */
  fingerprint: string;
}

/**
 * @param issuingKey where absent, the issuing key is made here and sealed as the others are
 * @param logN what a guess at the passphrase costs, as `createKeyFolder` takes it
 * @throws home_exists, passphrase_wrong, file_invalid, usage without a passphrase; of a token as `CaSigners.open`, before anything
 * is made
 */
export async function prepareAuthority(
  folder: string,
  configuration: AuthorityConfiguration,
  passphraseFile?: string,
  issuingKey?: KeyInToken,
  logN?: number,
): Promise<CarriedRequest[]> {
  if (issuingKey !== undefined) await (await openToken(issuingKey.reference, issuingKey.pinFile)).close();
  const { realm, organization, log_origin, public_url } = configuration;
  const { home, finish } = beginHome(folder, configuration);
  const passphrase = await homePassphrase(home, realm, passphraseFile);
  const keys = await createKeyFolder(home.keys, passphrase, systemEntropy, logN);
  const log = makeKey('ed25519');
  await keys.write(keyNames.log, log);
  await keys.write(keyNames.badges, makeKey('ed25519'));
  await keys.write(keyNames.secondFactors, makeKey('ed25519'));
  await keys.write(keyNames.server, makeKey('ec-p256'));
  const logPublicKey = rawEd25519(log);
  writeFileSync(home.logKeyFile, `${formatVerifierKey(verifierKey(log_origin, logPublicKey))}\n`, {
    flag: 'wx',
  });
  mkdirSync(home.requests, { mode: 0o755 });
  const origin = {
    ...{ realm, organization, log_id: logId(logPublicKey) },
    made_at: systemClock().toISOString(),
    ...(public_url !== undefined && { public_url }),
  };
  const carried: CarriedRequest[] = [];
  const signers = caSigners(keys, issuingKey?.pinFile);
  try {
    for (const caId of [keyNames.issuing, keyNames.stationCa]) {
      const inToken = caId === keyNames.issuing ? issuingKey : undefined;
      if (inToken === undefined) await keys.write(caId, makeKey('ec-p256'));
      const signer = inToken ? await signers.adopt(caId, inToken.reference) : await signers.open(caId);
      const terms = firstCa(caId, listsBelow(public_url));
      const request = { ...terms, public_key_sha256: sha256Hex(signer.spki) };
      const text = await writeCaRequest(origin, request, signer);
      const file = join(home.requests, `${caId}.json`);
      writeFileSync(file, text, { mode: 0o644, flag: 'wx' });
      carried.push({ ca_id: caId, file, fingerprint: fingerprintOf(text) });
    }
  } finally {
    await signers.close();
  }
  finish('waiting');
  return carried;
}
