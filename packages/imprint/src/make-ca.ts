/**
 * Makes a further CA for an authority that is at work: its key is made here and stays here. Broken off anywhere, the same command goes
 * on with the same key; nothing certifies before all of it stands in the log.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import { makeKey } from '@imprint/authority/signer/software';
import { latestBundle, publishBundle, signBundle } from '@imprint/authority/trust/bundles';
import { type CaRequest, furtherCa, suggestCaId } from '@imprint/authority/trust/ca-request';
import { fingerprintOf, writeCaRequest } from '@imprint/authority/trust/ca-request-file';
import {
  type Ca,
  installCa,
  listCas,
  type RealmRoots,
  requestCa,
  requireCa,
  requireFree,
  scopeOf,
} from '@imprint/authority/trust/cas';
import { keyNames, logId } from '@imprint/authority/trust/hierarchy';
import { issueIntermediate } from '@imprint/authority/trust/issue-ca';
import { trustedCas } from '@imprint/authority/trust/issuers';
import type { SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import type { CaScope } from '@imprint/contract/x509/ca-scope';
import type { ActingAuthority } from './act-as.ts';
import { readCertificate } from './authority-home.ts';
import { sealedSigner } from './ca-signers.ts';
import { readBoundedFile } from './read-bounded-file.ts';

export interface CaOrder {
  kind: 'device' | 'station';
  scope: CaScope;
  /** Absent: a name that says the scope. */
  id?: string | undefined;
  crlPartitions?: number | undefined;
  replaces?: string | undefined;
}

/** The terms of the new CA, where nothing stands against it. @throws usage, ca_conflict, ca_not_active, unknown_ca */
async function termsOf({ ledger }: ActingAuthority, order: CaOrder) {
  const cas = await listCas(ledger.reader);
  const begun = cas.find(
    (ca) =>
      ca.status === 'requested' &&
      ca.kind === order.kind &&
      ca.replaces === (order.replaces ?? null) &&
      (order.id === undefined || order.id === ca.ca_id) &&
      ca.product === order.scope.product &&
      ca.site === order.scope.site &&
      ca.year === order.scope.year,
  );
  const id =
    begun?.ca_id ?? order.id ?? suggestCaId(order.kind, order.scope, new Set(cas.map(({ ca_id }) => ca_id)));
  const terms = furtherCa(id, order.scope, {
    ...(order.crlPartitions === undefined ? {} : { crlPartitions: order.crlPartitions }),
    ...(order.replaces === undefined ? {} : { replaces: order.replaces }),
  });
  if (terms.kind !== order.kind) {
    throw new ImprintError('usage', `${id} names a ${terms.kind} CA, and a ${order.kind} CA is asked for`, {
      hint: `Let the name begin with ${order.kind}-.`,
    });
  }
  if (begun === undefined) requireFree(cas, terms);
  return terms;
}

/** The terms with the key that is made for them, recorded in the log. */
export async function askForCa(authority: ActingAuthority, order: CaOrder): Promise<CaRequest> {
  const terms = await termsOf(authority, order);
  const { keys } = await authority.unlock();
  if (!(await keys.names()).includes(terms.ca_id)) await keys.write(terms.ca_id, makeKey('ec-p256'));
  const { spki } = await sealedSigner(keys, terms.ca_id);
  const request = { ...terms, public_key_sha256: sha256Hex(spki) };
  await requestCa(authority.ledger, authority.person, request);
  return request;
}

/** Makes the CA and has the root of this machine sign it, which only the dev realm has. @throws as {@link askForCa}; certificate_refused */
export async function makeDevCa(authority: ActingAuthority, order: CaOrder): Promise<Ca> {
  const { ca_id } = await askForCa(authority, order);
  const { keys } = await authority.unlock();
  const ca = await requireCa(authority.ledger.reader, ca_id);
  const certificate = await signedByOwnRoot(authority, keys, ca);
  const installed = await installCa(
    authority.ledger,
    authority.person,
    ca_id,
    certificate,
    rootsOf(authority),
  );
  if (ca.kind === 'device') await publishOwnBundle(authority, keys);
  return installed;
}

/** The next bundle, signed by the root of this machine. */
async function publishOwnBundle(authority: ActingAuthority, keys: SealedKeyFolder): Promise<void> {
  const { ledger, person, clock } = authority;
  const root = await ownRoot(authority, keys, 'device');
  const version = ((await latestBundle(ledger.reader))?.version ?? 0) + 1;
  const text = await signBundle(root, version, await trustedCas(ledger.reader, 'device'), clock());
  await publishBundle(ledger, person, text, rootsOf(authority));
}

/** The request of a CA whose root is elsewhere, as the file that is carried to its ceremony. */
export async function askElsewhere(
  authority: ActingAuthority,
  order: CaOrder,
): Promise<{ request: CaRequest; file: string; fingerprint: string }> {
  const { home, configuration, clock, logKey } = authority;
  const request = await askForCa(authority, order);
  const file = join(home.requests, `${request.ca_id}.json`);
  // asked for before: its fingerprint may stand on paper already
  if (!existsSync(file)) {
    const { keys } = await authority.unlock();
    const { realm, organization } = configuration;
    const made_at = clock().toISOString();
    const origin = { realm, organization, log_id: logId(logKey.publicKey), made_at };
    const text = await writeCaRequest(origin, request, await sealedSigner(keys, request.ca_id));
    writeFileSync(file, text, { mode: 0o644, flush: true });
  }
  return { request, file, fingerprint: fingerprintOf(readBoundedFile(file, limits.caRequestBytes)) };
}

/** What the authority holds answers of the root against. */
export function rootsOf({ home, configuration }: ActingAuthority): RealmRoots {
  const { realm, organization } = configuration;
  return {
    realm,
    organization,
    root: readCertificate(home, 'root'),
    stationRoot: readCertificate(home, 'stationRoot'),
  };
}

async function signedByOwnRoot(
  authority: ActingAuthority,
  keys: SealedKeyFolder,
  ca: Ca,
): Promise<Uint8Array> {
  const { configuration, clock, entropy } = authority;
  const { realm, organization } = configuration;
  const root = await ownRoot(authority, keys, ca.kind);
  const { spki } = await sealedSigner(keys, ca.ca_id);
  const terms = { realm, organization, now: clock(), entropy };
  return issueIntermediate(terms, { subject: ca.subject, scope: scopeOf(ca) }, root, spki);
}

async function ownRoot(
  { home, configuration }: ActingAuthority,
  keys: SealedKeyFolder,
  kind: Ca['kind'],
): Promise<Issuer> {
  const [file, key] =
    kind === 'device' ? (['root', keyNames.root] as const) : (['stationRoot', keyNames.stationRoot] as const);
  return openIssuer(readCertificate(home, file), await sealedSigner(keys, key), configuration.realm);
}
