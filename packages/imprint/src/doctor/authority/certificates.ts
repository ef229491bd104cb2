/** When the authority's own certificates end: its CAs, and what its listener shows. */
import { X509Certificate } from 'node:crypto';
import { limits } from '@imprint/contract/limits';
import { type AuthorityHome, certificateFiles, readCertificate } from '../../authority-home.ts';
import { type Check, type Finding, together } from '../check.ts';
import { endOf } from '../ends.ts';
import type { AuthorityFacts } from './facts.ts';

const renewCa =
  'Plan its successor now: new devices need an issuing CA that outlives the end of their line, and stations one that outlives their certificates.';
const renewServer = 'Issue a new one: no station speaks to an authority whose certificate is over.';

/** Each certificate of the home: its name, and when it ends. */
export function ownCertificates(home: AuthorityHome): { name: keyof typeof certificateFiles; end: Date }[] {
  return (Object.keys(certificateFiles) as (keyof typeof certificateFiles)[]).map((name) => ({
    name,
    end: new X509Certificate(readCertificate(home, name)).validToDate,
  }));
}

export const certificates: Check<AuthorityFacts> = {
  name: 'certificates',
  look: ({ home, now }): Finding => {
    const all = ownCertificates(home);
    const findings = all.map(({ name, end }) =>
      name === 'server'
        ? endOf(certificateFiles.server, end, now, limits.serverEndsSoonDays, renewServer)
        : endOf(certificateFiles[name], end, now, limits.caEndsSoonDays, renewCa),
    );
    const first = all.reduce((a, b) => (b.end < a.end ? b : a));
    return together(
      findings,
      `the first of ${all.length} to end is ${certificateFiles[first.name]}, on ${first.end.toISOString().slice(0, 10)}`,
    );
  },
};
