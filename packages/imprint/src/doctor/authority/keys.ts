/**
 * Whether everything that signs can be reached: the folder opens, and each key is the one of its certificate. One in a token signs once.
 * The doctor is asked by timers: where a wrong PIN was given since the last right one it gives none, so that looking locks no token.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { tokenName } from '@imprint/authority/signer/pkcs11/token-place';
import { parseTokenReference, type TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { type Ca, listCas } from '@imprint/authority/trust/cas';
import { keyNames, rawEd25519 } from '@imprint/authority/trust/hierarchy';
import { openKeyFolder, type SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { equalBytes } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { readCertificate } from '../../authority-home.ts';
import { openToken } from '../../ca-signers.ts';
import { passphraseAtHand } from '../../open-authority.ts';
import { type Finding, fail, ok, together, unknown } from '../check.ts';
import { type AuthorityFacts, ofDatabase } from './facts.ts';

const give =
  'Give them as imprint serve gets them: --passphrase-file FILE and --pin-file FILE, or as systemd credentials.';

export const keys = ofDatabase('keys', async (authority, facts) => {
  const { home, configuration, secrets } = facts;
  const folder = await orFinding(async () =>
    openKeyFolder(
      home.keys,
      await passphraseAtHand(home, configuration.realm, secrets.passphraseFile),
      authority.entropy,
    ),
  );
  if ('verdict' in folder) return folder;
  const cas = (await listCas(authority.storage.reader)).filter(({ status }) => status === 'active');
  const findings = [
    await namedKey(folder, keyNames.log, (key) => equalBytes(rawEd25519(key), authority.logKey.publicKey)),
    await namedKey(folder, keyNames.server, (key) =>
      equalBytes(spki(key), parseCertificate(readCertificate(home, 'server')).publicKey.spki),
    ),
    ...(await keysOfCas(folder, cas, facts)),
  ];
  const inTokens = findings.filter((one) => one.verdict === 'ok' && one.detail.includes('signs')).length;
  return together(
    findings,
    `those of the log, the listeners and ${cas.length} CAs open${inTokens === 0 ? '' : `, and ${inTokens} in a token ${inTokens === 1 ? 'signs' : 'sign'}`}`,
  );
});

/** One after another, and no token is given a PIN that it has refused. */
async function keysOfCas(
  folder: SealedKeyFolder,
  cas: readonly Ca[],
  { secrets }: AuthorityFacts,
): Promise<Finding[]> {
  const locked = new Set<string>();
  const keyOf = async (ca: Ca): Promise<Finding> => {
    const text = await folder.readReference(ca.ca_id);
    if (text === undefined) {
      return ownKey(folder, ca.ca_id, (key) => sha256Hex(spki(key)) === ca.public_key_sha256);
    }
    const reference = parseTokenReference(text, `${ca.ca_id}.token.json`);
    const place = placeOf(reference);
    if (locked.has(place)) return unknown(`it was not asked for, since ${tokenName(reference)} is shut`);
    try {
      return await tokenKey(ca, reference, secrets.pinFile);
    } catch (error) {
      if (isImprintError(error, 'key_locked')) locked.add(place);
      throw error;
    }
  };
  const findings: Finding[] = [];
  for (const ca of cas) findings.push(named(ca.ca_id, await orFinding(() => keyOf(ca))));
  return findings;
}

const placeOf = ({ module, token, serial }: TokenReference) => JSON.stringify([module, token, serial]);

/** Opening has it sign once, and the signature verified. */
async function tokenKey(ca: Ca, reference: TokenReference, pinFile: string | undefined): Promise<Finding> {
  const signer = await openToken({ ...reference, processes: 1 }, pinFile, 'for a look');
  try {
    return sha256Hex(signer.spki) === ca.public_key_sha256
      ? ok(`${ca.ca_id} signs`)
      : fail(
          `the key in ${tokenName(reference)} is not that of ${ca.ca_id}`,
          `Correct keys/${ca.ca_id}.token.json: it names another key.`,
        );
  } finally {
    await signer.close();
  }
}

async function ownKey(
  folder: SealedKeyFolder,
  name: string,
  isRight: (key: KeyObject) => boolean,
): Promise<Finding> {
  return orFinding(async () =>
    isRight(await folder.read(name))
      ? ok(`${name} opens`)
      : fail(
          'it is not that of its certificate',
          `Put the right one back from the copy of the folder of the keys: ${name}.key.`,
        ),
  );
}

const namedKey = async (...told: Parameters<typeof ownKey>) => named(told[1], await ownKey(...told));

const named = (what: string, found: Finding): Finding =>
  found.verdict === 'ok' ? found : { ...found, detail: `${what}: ${found.detail}` };

const spki = (key: KeyObject) => createPublicKey(key).export({ format: 'der', type: 'spki' }) as Uint8Array;

/** A secret that nobody gave is no fault, and says nothing about the key. */
async function orFinding<T>(look: () => Promise<T>): Promise<T | Finding> {
  try {
    return await look();
  } catch (error) {
    if (isImprintError(error, 'usage')) {
      return unknown(sentence(error.message), give);
    }
    if (!isImprintError(error)) throw error;
    return fail(
      sentence(error.message),
      error.hint ?? 'See docs/guide/hsm.md, and the log of imprint serve.',
    );
  }
}

const sentence = (text: string) => text.replace(/\.$/, '');
