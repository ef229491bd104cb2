/** For tests: a realm of one's own, and the openssl command as a judge of certificates. */
import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Realm } from '@imprint/contract/x509/realm';
import { type Issuer, openIssuer } from '../issuing/issuer.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { createHierarchy, type Hierarchy } from './hierarchy.ts';

export interface TestRealm {
  hierarchy: Hierarchy;
  issuing: Issuer;
  stationCa: Issuer;
}

/** When the realm was made, and a week later, when tests take place. */
export const testBegin = new Date('2026-01-01T00:00:00.500Z');
export const testNow = new Date('2026-01-09T08:00:00.500Z');

export async function makeTestRealm(
  realm: Realm = 'dev',
  now: Date = testBegin,
  publicUrl?: string,
): Promise<TestRealm> {
  const hierarchy = await createHierarchy({
    realm,
    organization: 'Example Devices',
    hosts: ['authority.example.com', '2001:db8::10'],
    now,
    publicUrl,
    entropy: randomBytes,
    makeKey,
    openSigner: softwareSigner,
  });
  const { certificates, keys } = hierarchy;
  return {
    hierarchy,
    issuing: openIssuer(certificates.issuing, softwareSigner(keys.issuing), realm),
    stationCa: openIssuer(certificates.stationCa, softwareSigner(keys.stationCa), realm),
  };
}

export function pem(der: Uint8Array): string {
  return new X509Certificate(der).toString();
}

/** What `openssl verify` says of a chain (leaf first, without the root) at a time: '' where it agrees, else its complaint. */
export function opensslVerify(
  chain: readonly Uint8Array[],
  root: Uint8Array,
  purpose: 'sslclient' | 'sslserver' | 'any',
  at: Date = testNow,
): string {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'leaf.pem'), pem(chain[0]!));
    writeFileSync(join(folder, 'root.pem'), pem(root));
    writeFileSync(join(folder, 'above.pem'), chain.slice(1).map(pem).join(''));
    const seconds = String(Math.floor(at.getTime() / 1000));
    const above = chain.length > 1 ? ['-untrusted', 'above.pem'] : [];
    return complaint(folder, [
      ...['verify', '-x509_strict', '-check_ss_sig', '-purpose', purpose, '-attime', seconds],
      ...['-CAfile', 'root.pem', ...above, 'leaf.pem'],
    ]);
  });
}

/** The certificate as `openssl x509 -text` shows it. */
export function opensslText(der: Uint8Array): string {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'one.der'), der);
    return execFileSync('openssl', ['x509', '-inform', 'DER', '-in', 'one.der', '-noout', '-text'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  });
}

/** '' where openssl agrees, else what it says of its reason. */
export function complaint(folder: string, arguments_: string[]): string {
  try {
    execFileSync('openssl', arguments_, { cwd: folder, stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr) || 'openssl failed';
  }
}

export function inFolder<Result>(act: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-openssl-'));
  try {
    return act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
