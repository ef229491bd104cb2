/** When the authority's own certificates end: its roots, what its listener shows, and every CA that certifies. */
import { X509Certificate } from 'node:crypto';
import type { Tables } from '@imprint/authority/storage/tables';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import { type AuthorityHome, certificateFiles, readCertificate } from '../../authority-home.ts';
import { type Check, type Finding, together } from '../check.ts';
import { endOf } from '../ends.ts';
import type { AuthorityFacts } from './facts.ts';

const renewCa =
  'Plan its successor now (imprint ca create, imprint ca rotate): new devices need a CA that outlives the end of their line, and stations one that outlives their certificates.';
const renewServer =
  'imprint ca renew-server, then start imprint serve anew: no station speaks to an authority whose certificate is over.';

export interface End {
  name: string;
  end: Date;
}

/** Of the certificates that a home has in files and that the log does not replace. */
export function homeCertificates(home: AuthorityHome): (End & { name: 'root' | 'stationRoot' | 'server' })[] {
  return (['root', 'stationRoot', 'server'] as const).map((name) => ({
    name,
    end: new X509Certificate(readCertificate(home, name)).validToDate,
  }));
}

/** Of the CAs that certify, the first to end first. */
export async function activeCas(reader: Kysely<Tables>): Promise<(End & { kind: 'device' | 'station' })[]> {
  const rows = await reader
    .selectFrom('ca')
    .select(['ca_id', 'kind', 'certificate'])
    .where('status', '=', 'active')
    .execute();
  return rows
    .map(({ ca_id, kind, certificate }) => ({
      name: ca_id,
      kind,
      end: new X509Certificate(certificate!).validToDate,
    }))
    .sort((a, b) => a.end.getTime() - b.end.getTime());
}

export const certificates: Check<AuthorityFacts> = {
  name: 'certificates',
  look: async ({ home, now, opened }): Promise<Finding> => {
    const files = homeCertificates(home);
    const cas = opened instanceof Error ? [] : await activeCas(opened.storage.reader);
    const findings = [
      ...files.map(({ name, end }) =>
        name === 'server'
          ? endOf(certificateFiles.server, end, now, limits.serverEndsSoonDays, renewServer)
          : endOf(certificateFiles[name], end, now, limits.caEndsSoonDays, renewCa),
      ),
      ...cas.map(({ name, end }) => endOf(`the CA ${name}`, end, now, limits.caEndsSoonDays, renewCa)),
    ];
    const all: End[] = [...files, ...cas];
    const first = all.reduce((a, b) => (b.end < a.end ? b : a));
    return together(
      findings,
      `the first of ${all.length} to end is ${first.name}, on ${first.end.toISOString().slice(0, 10)}`,
    );
  },
};
