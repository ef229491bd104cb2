/**
 * The newest CRL of each root, as the authority keeps and serves it. The root signs it elsewhere; here it is verified under the root and
 * its number never goes back, so that a stick of yesterday takes no revocation back.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { equalBytes, toBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { Kysely, Selectable } from 'kysely';
import type { Issuer } from '../issuing/issuer.ts';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import type { RootCrlTable, Tables } from '../storage/tables.ts';
import type { CaKind } from './ca-request.ts';
import { type Ca, listCas, type RealmRoots } from './cas.ts';
import { issueRootCrl, type RevokedCa, type RootCrl, readRootCrl } from './root-crl.ts';

export type KeptRootCrl = Selectable<RootCrlTable>;

/** A root's CRL as it came: DER. */
export interface BroughtRootCrl {
  branch: CaKind;
  der: Uint8Array;
}

/** At most one of each branch. */
export function keptRootCrls(db: Kysely<Tables>): Promise<KeptRootCrl[]> {
  return db.selectFrom('root_crl').selectAll().orderBy('branch').execute();
}

/** What installing a CRL writes. @throws ceremony_invalid where it is not this root's */
export function rootCrlDraft(by: Actor, { branch, der }: BroughtRootCrl, root: Uint8Array): Draft {
  const crl = readRootCrl(der, parseCertificate(root));
  return {
    type: 'root-crl.installed',
    actor: by,
    data: {
      branch,
      number: crl.number,
      this_update: crl.thisUpdate,
      next_update: crl.nextUpdate,
      revoked: crl.revoked.length,
      crl_sha256: sha256Hex(der),
      crl_b64: toBase64(der),
    },
  };
}

/** What a root's CRL did when it was installed. */
export interface InstalledRootCrl {
  branch: CaKind;
  number: number;
  nextUpdate: string;
  /** False where it was here already. */
  isNew: boolean;
  /** CAs that certified until now, and are retired with it. */
  retired: string[];
}

/**
 * Installs the CRLs of the roots, all or none. A CA that one of them revokes certifies nobody from this decision on. Installed again,
 * one stays as it is.
 * @throws ceremony_invalid where one is not its root's, where its number would go back, or where another CRL has its number
 */
export function installRootCrls(
  ledger: Ledger,
  by: Actor,
  brought: readonly BroughtRootCrl[],
  roots: Pick<RealmRoots, 'root' | 'stationRoot'>,
): Promise<InstalledRootCrl[]> {
  return ledger.submit(async ({ tx }) => {
    const kept = await keptRootCrls(tx);
    const cas = await listCas(tx);
    const installed: InstalledRootCrl[] = [];
    const entries: Draft[] = [];
    for (const one of brought) {
      const root = one.branch === 'device' ? roots.root : roots.stationRoot;
      const crl = readRootCrl(one.der, parseCertificate(root));
      const last = kept.find(({ branch }) => branch === one.branch);
      const isNew = follows(one, crl, last);
      const ended = isNew ? certifying(cas, one.branch, crl) : [];
      if (isNew) entries.push(rootCrlDraft(by, one, root));
      for (const ca_id of ended) {
        const reason = `revoked by CRL ${crl.number} of the ${one.branch} root`;
        entries.push({ type: 'ca.retired', actor: by, data: { ca_id, reason } });
      }
      const { number, nextUpdate } = crl;
      installed.push({ branch: one.branch, number, nextUpdate, isNew, retired: ended });
    }
    return { entries, reply: () => installed };
  });
}

/** False where it is the one that is here. @throws ceremony_invalid */
function follows(
  { branch, der }: BroughtRootCrl,
  { number }: RootCrl,
  last: KeptRootCrl | undefined,
): boolean {
  if (last === undefined || number > last.number) return true;
  if (number === last.number && equalBytes(der, last.crl)) return false;
  throw new ImprintError(
    'ceremony_invalid',
    number === last.number
      ? `this is another CRL ${number} of the ${branch} root than the one that is installed`
      : `the CRL number of the ${branch} root would go back, from ${last.number} to ${number}`,
    {
      hint: 'It is an older stick, or two sticks went separate ways: bring the one with the newest head. Nothing was installed.',
    },
  );
}

/** CAs of a branch that certify now, and that the CRL revokes. */
function certifying(cas: readonly Ca[], branch: CaKind, { revoked }: RootCrl): string[] {
  return cas
    .filter(({ kind, status }) => kind === branch && status === 'active')
    .filter(({ certificate }) => {
      const { serialHex } = parseCertificate(certificate!);
      return revoked.some(({ serial }) => serial === serialHex);
    })
    .map(({ ca_id }) => ca_id);
}

/** Whether the kept CRL of its root revokes a CA: what others believe of it. */
export async function isRevokedByRoot(
  db: Kysely<Tables>,
  ca: Ca,
  roots: Pick<RealmRoots, 'root' | 'stationRoot'>,
): Promise<boolean> {
  const kept = (await keptRootCrls(db)).find(({ branch }) => branch === ca.kind);
  if (kept === undefined || ca.certificate === null) return false;
  const root = parseCertificate(ca.kind === 'device' ? roots.root : roots.stationRoot);
  const { serialHex } = parseCertificate(ca.certificate);
  return readRootCrl(kept.crl, root).revoked.some(({ serial }) => serial === serialHex);
}

/** The next CRL of a root whose key is on this machine: what the last one revokes and what is added, and `days` to live. */
export async function nextRootCrl(
  root: Issuer,
  last: KeptRootCrl | undefined,
  now: Date,
  days: number,
  added: readonly RevokedCa[] = [],
): Promise<Uint8Array> {
  const before = last === undefined ? [] : readRootCrl(last.crl, root.certificate).revoked;
  const revoked = [...before, ...added];
  return issueRootCrl(root, {
    number: (last?.number ?? 0) + 1,
    thisUpdate: now.toISOString(),
    nextUpdate: new Date(now.getTime() + days * 86_400_000).toISOString(),
    revoked,
  });
}
