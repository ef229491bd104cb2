/** A new certificate for the authority's own listeners, for the same key: before the old one ends, or when its CA was compromised. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueServerCertificate, keyNames } from '@imprint/authority/trust/hierarchy';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { toPem } from '@imprint/contract/x509/pem';
import type { ActingAuthority } from './act-as.ts';
import { certificateFiles } from './authority-home.ts';
import { syncToDisk } from './sync-to-disk.ts';

/**
 * Has an active station CA that is bound to no site certify the server's key, and puts the certificate in the place of the old one, whole
 * or not at all. Processes that serve show it when they start anew.
 * @throws ca_missing, key_locked, unavailable
 */
export async function renewServer(authority: ActingAuthority): Promise<{ sha256: string; notAfter: string }> {
  const { ledger, clock, entropy, configuration, home } = authority;
  const { line, signers } = await authority.unlock();
  const now = clock();
  const wanted = { product: null, site: null, year: now.getUTCFullYear() };
  const stationCa = await line.issuers.choose(ledger.reader, 'station', wanted);
  const { spki } = await signers.open(keyNames.server);
  const { realm, organization, hosts } = configuration;
  const der = await issueServerCertificate({ realm, organization, hosts, now, entropy, spki }, stationCa);
  const path = join(home.certificates, certificateFiles.server);
  const draft = `${path}.new`;
  writeFileSync(draft, toPem('CERTIFICATE', der), { flush: true });
  renameSync(draft, path);
  syncToDisk(home.certificates);
  const { sha256, notAfter } = parseCertificate(der);
  return { sha256, notAfter };
}
