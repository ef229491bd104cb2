/** A root's CRL: which of the CAs that it signed are revoked. Each one is complete, and its number is one more than the last. */
import {
  issueRootCrl,
  type RevokedCa,
  type RootCrl,
  type RootCrlReason,
  readRootCrl,
} from '@imprint/authority/trust/root-crl';
import { fromUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem } from '@imprint/contract/x509/pem';
import { type Branch, rootCertificate } from './root-keys.ts';
import { actOf, type SignTerms } from './sign-request.ts';
import { type Stick, stickFiles } from './stick.ts';

export interface CrlOrder {
  branch: Branch;
  /** Names of CAs that this root signed, beside those that its last CRL has. */
  revoke: readonly string[];
  reason: RootCrlReason;
  days: number;
}

const dayMs = 86_400_000;

/** @returns the path of the CRL on the stick, and what it says. @throws unknown_ca, ceremony_invalid */
export async function issueNextCrl(
  stick: Stick,
  { branch, revoke, reason, days }: CrlOrder,
  terms: SignTerms,
): Promise<{ file: string; crl: RootCrl }> {
  stick.requireClock(terms.now().toISOString());
  recordFound(stick, branch, terms);
  const last = lastCrl(stick, branch);
  const now = terms.now();
  const added = revoke.map(
    (caId): RevokedCa => ({
      serial: serialOf(stick, branch, caId),
      revokedAt: now.toISOString(),
      reason,
    }),
  );
  const before = last?.revoked ?? [];
  const crl: RootCrl = {
    number: (last?.number ?? 0) + 1,
    thisUpdate: now.toISOString(),
    nextUpdate: new Date(now.getTime() + days * dayMs).toISOString(),
    revoked: [...before, ...added.filter(({ serial }) => !before.some((one) => one.serial === serial))],
  };
  const root = await terms.openRoot(branch);
  const der = await issueRootCrl(root, crl);
  readRootCrl(der, root.certificate);
  const file = stickFiles.crl(branch, crl.number);
  stick.write(file, der);
  record(stick, branch, crl.number, terms);
  return { file, crl };
}

/** What was signed before a stop, and not recorded, counts: no other CRL bears its number. @throws ceremony_invalid */
function recordFound(stick: Stick, branch: Branch, terms: SignTerms): void {
  const number = (lastCrl(stick, branch)?.number ?? 0) + 1;
  if (!stick.has(stickFiles.crl(branch, number))) return;
  const root = parseCertificate(rootCertificate(stick, branch));
  readRootCrl(stick.bytes(stickFiles.crl(branch, number), limits.rootCrlBytes), root);
  record(stick, branch, number, terms);
}

function record(stick: Stick, branch: Branch, number: number, terms: SignTerms): void {
  const out = [stick.named(stickFiles.crl(branch, number))];
  stick.record({ ...actOf(stick, terms, 'crl.issued', `${branch}-root`), number, out });
}

/** The newest CRL of a root that its transcript names. */
export function lastCrl(stick: Stick, branch: Branch): RootCrl | undefined {
  const line = stick.transcript.lines.findLast(
    ({ act, subject }) => act === 'crl.issued' && subject === `${branch}-root`,
  );
  if (line === undefined) return undefined;
  const root = parseCertificate(rootCertificate(stick, branch));
  return readRootCrl(stick.recorded(line.out[0]!), root);
}

function serialOf(stick: Stick, branch: Branch, caId: string): string {
  const line = stick.transcript.lines.find(({ act, subject }) => act === 'ca.signed' && subject === caId);
  if (line === undefined || !caId.startsWith(`${branch}-`)) {
    throw new ImprintError('unknown_ca', `the ${branch} root has signed no CA ${caId}`, {
      hint: 'See imprint root check --stick DIR for what it has signed.',
    });
  }
  const [der] = fromPem('CERTIFICATE', fromUtf8(stick.recorded(line.out[0]!)), 1);
  return parseCertificate(der!).serialHex;
}
