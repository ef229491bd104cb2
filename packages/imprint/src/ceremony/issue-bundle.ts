/** The bundle of trust anchors that a root signs whenever it has certified a CA for devices: its anchors and every such CA. */

import { signBundle } from '@imprint/authority/trust/bundles';
import { equalBytes, fromUtf8 } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem } from '@imprint/contract/x509/pem';
import { lastCrl } from './issue-root-crl.ts';
import { rootCertificate } from './root-keys.ts';
import { actOf, type SignTerms } from './sign-request.ts';
import { type Stick, stickFiles } from './stick.ts';

/** Writes the next version where the last one lacks a CA. Its number is one more than the last of the transcript. */
export async function issueBundle(stick: Stick, terms: SignTerms): Promise<void> {
  const { realm } = stick.first!;
  const root = rootCertificate(stick, 'device');
  const revoked = new Set(lastCrl(stick, 'device')?.revoked.map(({ serial }) => serial));
  const intermediates = stick.transcript.lines
    .filter(({ act, subject }) => act === 'ca.signed' && subject.startsWith('device-'))
    .map(({ out }) => fromPem('CERTIFICATE', fromUtf8(stick.recorded(out[0]!)), 1)[0]!)
    .filter((der) => !revoked.has(parseCertificate(der).serialHex))
    .slice(-limits.bundleCertificates);
  const last = lastBundle(stick);
  if (last !== undefined) {
    const held = verifyTrustBundle(stick.text(stickFiles.bundle(last), limits.bundleBytes), { root, realm });
    if (isSame(held.intermediates, intermediates)) return;
  }
  const version = (last ?? 0) + 1;
  if (stick.has(stickFiles.bundle(version))) {
    // signed before a stop, and not recorded: no second one bears its version
    record(stick, terms, version);
    return issueBundle(stick, terms);
  }
  const signer = await terms.openRoot('device');
  const text = await signBundle(signer, version, intermediates, terms.now());
  verifyTrustBundle(text, { root, realm });
  stick.write(stickFiles.bundle(version), text);
  record(stick, terms, version);
}

function record(stick: Stick, terms: SignTerms, version: number): void {
  const file = stickFiles.bundle(version);
  const root = rootCertificate(stick, 'device');
  verifyTrustBundle(stick.text(file, limits.bundleBytes), { root, realm: stick.first!.realm });
  const out = [stick.named(file)];
  stick.record({ ...actOf(stick, terms, 'bundle.issued', ''), number: version, out });
}

const isSame = (held: readonly { der: Uint8Array }[], ders: readonly Uint8Array[]) =>
  held.length === ders.length && held.every(({ der }, at) => equalBytes(der, ders[at]!));

/** The version of the newest bundle of the transcript. */
export function lastBundle(stick: Stick): number | undefined {
  return stick.transcript.lines.findLast(({ act }) => act === 'bundle.issued')?.number ?? undefined;
}
