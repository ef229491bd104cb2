/**
 * The CAs of an authority in its log: asked for, installed once the root has signed, retired. Two that are active never have the
 * same scope, so that there is one answer to which of them certifies a unit.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { equalBytes, toBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { type CaScope, sameScope, scopeOfCa, scopeText } from '@imprint/contract/x509/ca-scope';
import type { Certificate } from '@imprint/contract/x509/certificate';
import { nameValue } from '@imprint/contract/x509/name';
import type { Realm } from '@imprint/contract/x509/realm';
import { verifyCa } from '@imprint/contract/x509/verify-chain';
import type { Kysely, Selectable } from 'kysely';
import { requireApproval } from '../access/require-approval.ts';
import { rootCrlUrl } from '../issuing/crl-partition.ts';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import type { CaTable, Tables } from '../storage/tables.ts';
import type { CaRequest } from './ca-request.ts';

export type Ca = Selectable<CaTable>;

/** What an intermediate is held against. */
export interface RealmRoots {
  realm: Realm;
  organization: string;
  /** DER. */
  root: Uint8Array;
  stationRoot: Uint8Array;
  /** Below it a CA's certificate may say that its root's CRL is told. */
  publicUrl?: string | undefined;
}

/** All CAs, in the order in which they were asked for. */
export function listCas(db: Kysely<Tables>): Promise<Ca[]> {
  return db.selectFrom('ca').selectAll().orderBy('requested_at').orderBy('ca_id').execute();
}

/** @throws unknown_ca */
export async function requireCa(db: Kysely<Tables>, caId: string): Promise<Ca> {
  const ca = await db.selectFrom('ca').selectAll().where('ca_id', '=', caId).executeTakeFirst();
  if (ca !== undefined) return ca;
  throw new ImprintError('unknown_ca', `there is no CA ${caId}`, { hint: 'See imprint ca list.' });
}

export function scopeOf({ product, site, year }: Pick<Ca, 'product' | 'site' | 'year'>): CaScope {
  return { product, site, year };
}

/**
 * Records that a CA is asked for. Asked again for the same key and terms, it stays as it is. It takes two people (I-18).
 * @throws approval_required, approval_invalid; ca_conflict where the name, the key or the scope is another CA's; ca_not_active, unknown_ca for the one that it replaces
 */
export function requestCa(ledger: Ledger, by: Actor, request: CaRequest): Promise<void> {
  return ledger.submit(async (reading) => {
    const cas = await listCas(reading.tx);
    const same = cas.find(({ ca_id }) => ca_id === request.ca_id);
    if (same !== undefined && isSameRequest(same, request)) return { entries: [], reply: () => undefined };
    requireFree(cas, request);
    const approved = await requireApproval(reading, 'ca.create-intermediate', request, by);
    const asked: Draft = { type: 'ca.requested', actor: by, data: request };
    return { entries: [...approved, asked], reply: () => undefined };
  });
}

function isSameRequest(ca: Ca, request: CaRequest): boolean {
  return (
    ca.status === 'requested' &&
    ca.public_key_sha256 === request.public_key_sha256 &&
    ca.replaces === request.replaces &&
    ca.crl_partitions === request.crl_partitions &&
    sameScope(scopeOf(ca), request.scope)
  );
}

/** @throws ca_conflict, ca_not_active, unknown_ca, usage */
export function requireFree(cas: readonly Ca[], request: Omit<CaRequest, 'public_key_sha256'>): void {
  const { ca_id, kind, scope, replaces } = request;
  if (cas.some((ca) => ca.ca_id === ca_id)) {
    throw new ImprintError('ca_conflict', `there is a CA ${ca_id} already`, {
      hint: 'Give the new one another name with --id; see imprint ca list.',
    });
  }
  const old = replaces === null ? undefined : cas.find((ca) => ca.ca_id === replaces);
  if (replaces !== null && old === undefined) {
    throw new ImprintError('unknown_ca', `there is no CA ${replaces}`, { hint: 'See imprint ca list.' });
  }
  if (old !== undefined && (old.status !== 'active' || old.kind !== kind)) {
    throw new ImprintError('ca_not_active', `${old.ca_id} is a ${old.kind} CA and ${old.status}`, {
      hint: 'Only a CA that certifies now is replaced, by one of its kind. See imprint ca list.',
    });
  }
  const rival = cas.find(
    (ca) =>
      ca.kind === kind &&
      ca.ca_id !== replaces &&
      (ca.status === 'active' || ca.status === 'requested') &&
      sameScope(scopeOf(ca), scope),
  );
  if (rival !== undefined) {
    throw new ImprintError(
      'ca_conflict',
      `${rival.ca_id} is ${rival.status} for the same scope (${scopeText(scope)}) already`,
      { hint: `To put a new one in its place: imprint ca rotate ${rival.ca_id}.` },
    );
  }
}

/**
 * Holds a certificate against what was asked for, under the strict verifier: chain to the root of its branch, realm, subject,
 * organization, key and scope.
 * @throws certificate_refused (`context.reason`)
 */
export function checkAnswer(
  asked: Pick<Ca, 'kind' | 'subject' | 'public_key_sha256'> & { scope: CaScope },
  certificate: Uint8Array,
  roots: RealmRoots,
  at: Date,
): Certificate {
  const root = asked.kind === 'device' ? roots.root : roots.stationRoot;
  const ca = verifyCa({ certificate, root, at, realm: roots.realm, branch: asked.kind });
  const refuse = (what: string) =>
    new ImprintError('certificate_refused', `The certificate is not the one that was asked for: ${what}.`, {
      hint: 'Check that this stick answers this request, and of this authority.',
      context: { reason: 'answer_differs' },
    });
  if (sha256Hex(ca.publicKey.spki) !== asked.public_key_sha256) throw refuse('it is for another key');
  if (nameValue(ca.subject, 'commonName') !== asked.subject) throw refuse('it has another subject');
  if (nameValue(ca.subject, 'organization') !== roots.organization) {
    throw refuse('it names another organization');
  }
  if (!sameScope(scopeOfCa(ca), asked.scope)) {
    throw refuse(`its scope is ${scopeText(scopeOfCa(ca))}, and ${scopeText(asked.scope)} was asked for`);
  }
  if (ca.extensions.basicConstraints?.pathLength !== 0) throw refuse('a CA could stand beneath it');
  const told = ca.extensions.crlDistributionPoints;
  // absent where it was asked for without a public URL
  if (told !== undefined && told !== rootCrlUrlOf(ca, roots)) {
    throw refuse(`it says that its root's CRL is told at ${told}`);
  }
  return ca;
}

function rootCrlUrlOf({ extensions }: Certificate, { publicUrl }: RealmRoots): string | undefined {
  const rootKey = extensions.authorityKeyIdentifier;
  return publicUrl && rootKey && rootCrlUrl(publicUrl, rootKey);
}

/** What installing a certificate writes; where it replaces a CA, that one retires in the same decision. */
export function installDrafts(
  by: Actor,
  { ca_id, replaces }: Pick<Ca, 'ca_id' | 'replaces'>,
  certificate: Pick<Certificate, 'der' | 'sha256'>,
): Draft[] {
  const installed: Draft = {
    type: 'ca.installed',
    actor: by,
    data: { ca_id, certificate_sha256: certificate.sha256, certificate_b64: toBase64(certificate.der) },
  };
  if (replaces === null) return [installed];
  const data = { ca_id: replaces, reason: `replaced by ${ca_id}` };
  return [installed, { type: 'ca.retired', actor: by, data }];
}

/**
 * Installs the root's answer to a request, after all of it was checked. Installed again, it stays as it is.
 * @param also entries of the same decision, such as the bundle that tells devices of it
 * @throws certificate_refused, unknown_ca, ca_conflict where another certificate is installed
 */
export function installCa(
  ledger: Ledger,
  by: Actor,
  caId: string,
  certificate: Uint8Array,
  roots: RealmRoots,
  also: readonly Draft[] = [],
): Promise<Ca> {
  return ledger.submit(async ({ tx, now }) => {
    const ca = await requireCa(tx, caId);
    if (ca.certificate !== null) {
      if (equalBytes(ca.certificate, certificate)) return { entries: [], reply: () => ca };
      throw new ImprintError('ca_conflict', `${caId} has another certificate already`, {
        hint: 'A CA is certified once. To replace it: imprint ca rotate.',
      });
    }
    const checked = checkAnswer({ ...ca, scope: scopeOf(ca) }, certificate, roots, now);
    const old = ca.replaces === null ? undefined : await requireCa(tx, ca.replaces);
    // one of another year goes on in its own; one that was retired by hand meanwhile needs no successor's word for it
    const ends = old?.status === 'active' && sameScope(scopeOf(old), scopeOf(ca));
    const replaces = ends ? ca.replaces : null;
    return {
      entries: [...installDrafts(by, { ca_id: caId, replaces }, checked), ...also],
      reply: () => ({ ...ca, status: 'active', certificate, certificate_sha256: checked.sha256 }),
    };
  });
}

/** It certifies nobody from the next decision on. @throws unknown_ca, ca_not_active */
export function retireCa(ledger: Ledger, by: Actor, caId: string, reason: string): Promise<void> {
  return ledger.submit(async ({ tx }) => {
    const ca = await requireCa(tx, caId);
    if (ca.status !== 'active') {
      throw new ImprintError('ca_not_active', `${caId} is ${ca.status} and certifies nobody`, {
        hint: 'See imprint ca list.',
      });
    }
    return {
      entries: [{ type: 'ca.retired', actor: by, data: { ca_id: caId, reason } }],
      reply: () => undefined,
    };
  });
}
