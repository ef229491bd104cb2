/**
 * The root signs an intermediate's request: once for each request, after people have compared its fingerprint with the one that the
 * authority printed. Broken off after the signature, the next run finds the certificate and records it; nothing is signed twice.
 */
import type { Issuer } from '@imprint/authority/issuing/issuer';
import { type CaRequestFile, readCaRequest } from '@imprint/authority/trust/ca-request-file';
import { checkAnswer } from '@imprint/authority/trust/cas';
import { issueIntermediate } from '@imprint/authority/trust/issue-ca';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem, toPem } from '@imprint/contract/x509/pem';
import { publicKeySha256 } from '@imprint/contract/x509/public-key';
import { systemEntropy } from '../open-authority.ts';
import { issueBundle } from './issue-bundle.ts';
import { type Branch, rootCertificate } from './root-keys.ts';
import { type Stick, stickFiles } from './stick.ts';

export interface SignTerms {
  people: [string, string];
  now: () => Date;
  openRoot: (branch: Branch) => Promise<Issuer>;
}

/**
 * The request, where this stick's root may sign it.
 * @throws realm_mismatch, ceremony_invalid, ca_conflict where the name or the key was signed before for something else
 */
export function requireSignable(stick: Stick, text: string, at: Date): CaRequestFile {
  const request = readCaRequest(text);
  const { realm, organization } = stick.first!;
  if (request.realm !== realm) {
    throw new ImprintError(
      'realm_mismatch',
      `the request is of the realm ${request.realm}, and this root of ${realm}`,
      {
        hint: 'Bring the stick of the right realm. Nothing was signed.',
      },
    );
  }
  const refuse = (what: string) =>
    new ImprintError('ceremony_invalid', `This root does not sign the request: ${what}.`, {
      hint: 'Nothing was signed. Check the request with whoever runs the authority.',
    });
  if (request.organization !== organization) {
    throw refuse(`it names the organization ${request.organization}, and the root ${organization}`);
  }
  if (request.scope.year !== null && request.scope.year < at.getUTCFullYear()) {
    throw refuse(`the year ${request.scope.year} is over`);
  }
  for (const branch of ['device', 'station'] as const) {
    const root = parseCertificate(rootCertificate(stick, branch));
    if (publicKeySha256(root.publicKey.spki) === request.public_key_sha256)
      throw refuse('its key is a root’s');
  }
  for (const { subject, in: files } of stick.transcript.lines.filter(({ act }) => act === 'ca.signed')) {
    if (files[0]!.sha256 === request.fingerprint) continue;
    const earlier = readCaRequest(stick.text(files[0]!.file, limits.caRequestBytes));
    if (subject === request.ca_id || earlier.public_key_sha256 === request.public_key_sha256) {
      throw new ImprintError('ca_conflict', `this root has signed ${subject} already, for another request`, {
        hint: 'A name and a key are certified once. Ask for another CA: imprint ca rotate.',
      });
    }
  }
  return request;
}

/** Signs it, and a bundle that holds it. @returns false where it was signed before: its certificate stands on the stick as it was */
export async function signRequest(stick: Stick, text: string, terms: SignTerms): Promise<boolean> {
  stick.requireClock(terms.now().toISOString());
  const request = requireSignable(stick, text, terms.now());
  const { ca_id, kind, fingerprint } = request;
  const isSigned = stick.transcript.lines.some(
    ({ act, in: files }) => act === 'ca.signed' && files[0]!.sha256 === fingerprint,
  );
  if (!isSigned) {
    const root = await terms.openRoot(kind);
    const asked = stick.write(stickFiles.request(ca_id), text);
    if (!stick.has(stickFiles.issued(ca_id))) {
      const { realm, organization } = stick.first!;
      const by = {
        realm,
        organization,
        now: terms.now(),
        entropy: systemEntropy,
        publicUrl: request.public_url,
      };
      const der = await issueIntermediate(by, request, root, request.publicKey.spki);
      stick.write(stickFiles.issued(ca_id), toPem('CERTIFICATE', der));
    }
    requireAnswer(stick, request, terms.now());
    stick.record({
      ...actOf(stick, terms, 'ca.signed', ca_id),
      in: [asked],
      out: [stick.named(stickFiles.issued(ca_id))],
    });
  }
  if (kind === 'device') await issueBundle(stick, terms);
  return !isSigned;
}

/** The certificate on the stick that answers a request. @throws certificate_refused, file_invalid */
export function requireAnswer(stick: Stick, request: CaRequestFile, at: Date) {
  const der = fromPem(
    'CERTIFICATE',
    stick.text(stickFiles.issued(request.ca_id), limits.dutMessageBytes),
    1,
  )[0]!;
  return checkAnswer(request, der, { ...rootsOnStick(stick), publicUrl: request.public_url }, at);
}

export function rootsOnStick(stick: Stick) {
  const { realm, organization } = stick.first!;
  const [root, stationRoot] = [rootCertificate(stick, 'device'), rootCertificate(stick, 'station')];
  return { realm, organization, root, stationRoot };
}

/** What every line of this run shares. */
export function actOf(
  stick: Stick,
  { people, now }: Pick<SignTerms, 'people' | 'now'>,
  act: 'ca.signed' | 'crl.issued' | 'bundle.issued',
  subject: string,
) {
  const { realm, organization } = stick.first!;
  return {
    at: now().toISOString(),
    act,
    realm,
    organization,
    people,
    subject,
    number: null,
    in: [],
    out: [],
  };
}
