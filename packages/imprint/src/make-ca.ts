/**
 * Makes a further CA for an authority that is at work: its key is made here and stays here. Broken off anywhere, the same command goes
 * on with the same key; nothing certifies before all of it stands in the log.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import type { Draft } from '@imprint/authority/ledger/ledger';
import { type TokenReference, tokenReferenceText } from '@imprint/authority/signer/pkcs11/token-reference';
import type { Signer } from '@imprint/authority/signer/signer';
import { makeKey } from '@imprint/authority/signer/software';
import { bundleDraft, latestBundle, signBundle } from '@imprint/authority/trust/bundles';
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
import type { RevokedCa } from '@imprint/authority/trust/root-crl';
import {
  isRevokedByRoot,
  type KeptRootCrl,
  keptRootCrls,
  nextRootCrl,
  rootCrlDraft,
} from '@imprint/authority/trust/root-crls';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import type { CaScope } from '@imprint/contract/x509/ca-scope';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { ActingAuthority } from './act-as.ts';
import { readCertificate } from './authority-home.ts';
import type { CaSigners } from './ca-signers.ts';
import { readBoundedFile } from './read-bounded-file.ts';

export interface CaOrder {
  kind: 'device' | 'station';
  scope: CaScope;
  /** Absent: a name that says the scope. */
  id?: string | undefined;
  crlPartitions?: number | undefined;
  replaces?: string | undefined;
  /** The key is in a token, where it was made before; absent: one is made here and sealed. */
  inToken?: TokenReference | undefined;
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
  const { spki } = await keyOf(authority, terms.ca_id, order.inToken);
  const request = { ...terms, public_key_sha256: sha256Hex(spki) };
  await requestCa(authority.ledger, authority.person, request);
  return request;
}

/** The key under this name, made or taken over where there is none yet. @throws ca_conflict where it is another than was asked for */
async function keyOf(
  authority: ActingAuthority,
  caId: string,
  inToken: TokenReference | undefined,
): Promise<Signer> {
  const { keys, signers } = await authority.unlock();
  const kept = await keys.readReference(caId);
  const isSealed = (await keys.names()).includes(caId);
  if (kept === undefined && !isSealed) {
    if (inToken !== undefined) return signers.adopt(caId, inToken);
    await keys.write(caId, makeKey('ec-p256'));
  } else if (inToken !== undefined && kept !== tokenReferenceText(inToken)) {
    throw new ImprintError('ca_conflict', `${caId} was begun with another key than this one`, {
      hint: 'Go on without --key, or give the new CA another name with --id.',
    });
  }
  return signers.open(caId);
}

/** Makes the CA and has the root of this machine sign it, which only the dev realm has. @throws as {@link askForCa}; certificate_refused */
export async function makeDevCa(authority: ActingAuthority, order: CaOrder): Promise<Ca> {
  const { ca_id } = await askForCa(authority, order);
  const { signers } = await authority.unlock();
  const ca = await requireCa(authority.ledger.reader, ca_id);
  const certificate = await signedByOwnRoot(authority, signers, ca);
  const also = [await ownRootCrl(authority, ca.kind)];
  if (ca.kind === 'device') also.push(await ownBundle(authority, [certificate]));
  return installCa(authority.ledger, authority.person, ca_id, certificate, rootsOf(authority), also);
}

/**
 * Has the root of this machine revoke a CA whose key was stolen, and tells devices to trust it no longer; what was done before is not done
 * again. For the dev realm, which has its root here.
 */
export async function revokeDevCa(authority: ActingAuthority, ca: Ca): Promise<void> {
  const { ledger, clock } = authority;
  if (!(await isRevokedByRoot(ledger.reader, ca, rootsOf(authority)))) {
    const { serialHex: serial } = parseCertificate(ca.certificate!);
    const revokedAt = clock().toISOString();
    const draft = await ownRootCrl(authority, ca.kind, [{ serial, revokedAt, reason: 'ca-compromise' }]);
    await ledger.submit(async () => ({ entries: [draft], reply: () => undefined }));
  }
  if (ca.kind === 'device') await publishOwnBundle(authority);
}

/** Makes the next CRL of each root of this machine whose last one ends soon, or of both. For the dev realm, which has its roots here. */
export async function renewDevRootCrls(authority: ActingAuthority, all: boolean): Promise<KeptRootCrl[]> {
  const { ledger, clock } = authority;
  const soon = new Date(clock().getTime() + limits.rootCrlEndsSoonDays * 86_400_000).toISOString();
  const kept = await keptRootCrls(ledger.reader);
  const due = (['device', 'station'] as const).filter(
    (branch) => all || (kept.find((one) => one.branch === branch)?.next_update ?? '') < soon,
  );
  const entries: Draft[] = [];
  for (const branch of due) entries.push(await ownRootCrl(authority, branch));
  if (entries.length > 0) await ledger.submit(async () => ({ entries, reply: () => undefined }));
  return (await keptRootCrls(ledger.reader)).filter(({ branch }) => due.includes(branch));
}

/** The next CRL of the root of this machine: what the last one revokes, and as long to live as the first one had. */
async function ownRootCrl(
  authority: ActingAuthority,
  branch: Ca['kind'],
  added: readonly RevokedCa[] = [],
): Promise<Draft> {
  const { ledger, person, clock } = authority;
  const { signers } = await authority.unlock();
  const root = await ownRoot(authority, signers, branch);
  const last = (await keptRootCrls(ledger.reader)).find((one) => one.branch === branch);
  const der = await nextRootCrl(root, last, clock(), limits.devRootCrlDays, added);
  return rootCrlDraft(person, { branch, der }, root.certificate.der);
}

/** Publishes what the CAs are that devices may trust, where the last bundle says something else. */
async function publishOwnBundle(authority: ActingAuthority): Promise<void> {
  const { ledger } = authority;
  const last = await latestBundle(ledger.reader);
  if (last === undefined) return;
  const { intermediates } = verifyTrustBundle(last.text, rootsOf(authority));
  const trusted = (await trustedCas(ledger.reader, 'device')).slice(-limits.bundleCertificates);
  const isSaid =
    trusted.length === intermediates.length &&
    trusted.every((der, at) => equalBytes(der, intermediates[at]!.der));
  if (isSaid) return;
  const draft = await ownBundle(authority, []);
  await ledger.submit(async () => ({ entries: [draft], reply: () => undefined }));
}

/** The next bundle, with further CAs, signed by the root of this machine. */
async function ownBundle(authority: ActingAuthority, further: readonly Uint8Array[]): Promise<Draft> {
  const { ledger, person, clock } = authority;
  const { signers } = await authority.unlock();
  const root = await ownRoot(authority, signers, 'device');
  const last = (await latestBundle(ledger.reader))?.version ?? 0;
  const cas = [...(await trustedCas(ledger.reader, 'device')), ...further];
  const text = await signBundle(root, last + 1, cas, clock());
  return bundleDraft(person, text, { ...rootsOf(authority), newerThan: last });
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
    const { signers } = await authority.unlock();
    const { realm, organization, public_url } = configuration;
    const made_at = clock().toISOString();
    const origin = {
      realm,
      organization,
      log_id: logId(logKey.publicKey),
      made_at,
      ...(public_url !== undefined && { public_url }),
    };
    const text = await writeCaRequest(origin, request, await signers.open(request.ca_id));
    writeFileSync(file, text, { mode: 0o644, flush: true });
  }
  return { request, file, fingerprint: fingerprintOf(readBoundedFile(file, limits.caRequestBytes)) };
}

/** What the authority holds answers of the root against. */
export function rootsOf({
  home,
  configuration,
}: Pick<ActingAuthority, 'home' | 'configuration'>): RealmRoots {
  const { realm, organization, public_url: publicUrl } = configuration;
  return {
    realm,
    organization,
    publicUrl,
    root: readCertificate(home, 'root'),
    stationRoot: readCertificate(home, 'stationRoot'),
  };
}

async function signedByOwnRoot(authority: ActingAuthority, signers: CaSigners, ca: Ca): Promise<Uint8Array> {
  const { configuration, clock, entropy } = authority;
  const { realm, organization, public_url: publicUrl } = configuration;
  const root = await ownRoot(authority, signers, ca.kind);
  const { spki } = await signers.open(ca.ca_id);
  const terms = { realm, organization, now: clock(), entropy, publicUrl };
  return issueIntermediate(terms, { subject: ca.subject, scope: scopeOf(ca) }, root, spki);
}

async function ownRoot(
  { home, configuration }: ActingAuthority,
  signers: CaSigners,
  kind: Ca['kind'],
): Promise<Issuer> {
  const [file, key] =
    kind === 'device' ? (['root', keyNames.root] as const) : (['stationRoot', keyNames.stationRoot] as const);
  return openIssuer(readCertificate(home, file), await signers.open(key), configuration.realm);
}
