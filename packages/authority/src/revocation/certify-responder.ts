/** Certifies a key that answers OCSP for a CA. The key stays in the memory of the process that made it. */
import { type CertifyCore, certifyProcessKey } from '../issuing/certify-process-key.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { prepareResponder } from '../issuing/prepare.ts';
import { responderProfile } from '../issuing/responder-profile.ts';
import type { OcspIdentity } from './ocsp-response.ts';

export type { CertifyCore };

/** @throws as {@link certifyProcessKey} */
export async function certifyResponder(core: CertifyCore, issuer: Issuer): Promise<OcspIdentity> {
  const signer = core.newSigner();
  const profile = responderProfile(core.organization, issuer.realm);
  const certified = await certifyProcessKey(core, 'responder', issuer, (serial, now) =>
    prepareResponder(issuer, profile, signer.spki, serial, now),
  );
  return { signer, ...certified };
}
