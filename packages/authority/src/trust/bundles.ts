/** The bundles of trust anchors that an authority publishes: each newer than the last, each signed by the root that devices pin. */
import type { Actor } from '@imprint/contract/audit/entry';
import { toBase64, toUtf8 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import {
  type BundleTrust,
  bundleBytes,
  verifyTrustBundle,
  writeTrustBundle,
} from '@imprint/contract/trust-bundle';
import type { Kysely, Selectable } from 'kysely';
import type { Issuer } from '../issuing/issuer.ts';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import type { Tables, TrustBundleTable } from '../storage/tables.ts';
import type { RealmRoots } from './cas.ts';

/** The newest bundle; undefined before the first. */
export function latestBundle(db: Kysely<Tables>): Promise<Selectable<TrustBundleTable> | undefined> {
  return db.selectFrom('trust_bundle').selectAll().orderBy('version', 'desc').limit(1).executeTakeFirst();
}

/**
 * Publishes a bundle that the root has signed; the one that is out already stays as it is.
 * @throws bundle_invalid (not signed by this root, or older), realm_mismatch, certificate_refused
 */
export async function publishBundle(
  ledger: Ledger,
  by: Actor,
  text: string,
  { root, realm }: Pick<RealmRoots, 'root' | 'realm'>,
): Promise<void> {
  await ledger.submit(async ({ tx }) => {
    const last = await latestBundle(tx);
    if (last?.text === text) return { entries: [], reply: () => undefined };
    const newerThan = last?.version ?? 0;
    return { entries: [bundleDraft(by, text, { root, realm, newerThan })], reply: () => undefined };
  });
}

/** @throws bundle_invalid, realm_mismatch, certificate_refused */
export function bundleDraft(by: Actor, text: string, trust: BundleTrust): Draft {
  const { version } = verifyTrustBundle(text, trust);
  const data = { version, sha256: sha256Hex(toUtf8(text)), text };
  return { type: 'bundle.published', actor: by, data };
}

/** The text of a bundle with this root as its anchor, signed by it. */
export async function signBundle(
  root: Issuer,
  version: number,
  intermediates: readonly Uint8Array[],
  now: Date,
): Promise<string> {
  const { der, sha256 } = root.certificate;
  const parts = {
    ...{
      format: 'imprint-trust-bundle-v1' as const,
      realm: root.realm,
      version,
      issued_at: now.toISOString(),
    },
    anchors_b64: [toBase64(der)],
    intermediates_b64: intermediates.slice(-limits.bundleCertificates).map(toBase64),
  };
  const signature = await root.signer.sign(bundleBytes(parts));
  return writeTrustBundle(parts, [{ rootSha256: sha256, signature }]);
}
