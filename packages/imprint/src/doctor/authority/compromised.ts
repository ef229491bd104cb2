/** Whether what follows from a stolen key was carried out to its end. */
import { planOf } from '@imprint/authority/compromise/plan';
import { listCas } from '@imprint/authority/trust/cas';
import { equalBytes } from '@imprint/contract/bytes';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { readCertificate } from '../../authority-home.ts';
import { type Finding, fail, together } from '../check.ts';
import { ofDatabase } from './facts.ts';

export const compromised = ofDatabase('compromised CAs', async ({ storage }, { home }) => {
  const cas = (await listCas(storage.reader)).filter(({ status }) => status === 'compromised');
  const findings: Finding[] = [];
  const server = parseCertificate(readCertificate(home, 'server'));
  for (const ca of cas) {
    const { credentials, outcomes } = await planOf(storage.reader, ca, ca.compromised_since!);
    const left = credentials - outcomes.revoked;
    if (left > 0) {
      findings.push(
        fail(
          `${left} certificates by the stolen key of ${ca.ca_id} are not revoked`,
          `Go on with it: imprint ca compromise ${ca.ca_id}`,
        ),
      );
    }
    const { subjectKeyIdentifier } = parseCertificate(ca.certificate!).extensions;
    const { authorityKeyIdentifier } = server.extensions;
    if (
      subjectKeyIdentifier &&
      authorityKeyIdentifier &&
      equalBytes(subjectKeyIdentifier, authorityKeyIdentifier)
    ) {
      findings.push(
        fail(
          `the listener's certificate is by the stolen key of ${ca.ca_id}: no station takes it`,
          'Make another station CA (imprint ca create --kind station), then imprint ca renew-server, and start imprint serve anew.',
        ),
      );
    }
  }
  return together(findings, cas.length === 0 ? 'there is none' : `${cas.length}, and nothing is left to do`);
});
