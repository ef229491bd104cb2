/** For tests: further CAs of a test line, made as an authority makes them, under the line's own roots. */
import { sha256Hex } from '@imprint/contract/hash';
import { anyScope, type CaScope } from '@imprint/contract/x509/ca-scope';
import { openIssuer } from '../issuing/issuer.ts';
import type { Line } from '../jobs/line.test-kit.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { furtherCa } from './ca-request.ts';
import { type Ca, installCa, type RealmRoots, requestCa } from './cas.ts';
import { issueIntermediate } from './issue-ca.ts';

const person = { kind: 'person', id: 'tester' } as const;

export function rootsOf({ hierarchy }: Line): RealmRoots {
  const { root, stationRoot } = hierarchy.certificates;
  return { realm: 'dev', organization: 'Example', root, stationRoot };
}

/** Makes the CA and installs it; it certifies from then on. */
export async function addCa(
  line: Line,
  caId: string,
  scope: Partial<CaScope> = {},
  replaces?: string,
): Promise<Ca> {
  const { core, hierarchy, signers } = line;
  const signer = softwareSigner(makeKey('ec-p256'));
  const terms = furtherCa(caId, { ...anyScope, ...scope }, replaces === undefined ? {} : { replaces });
  const which = terms.kind === 'device' ? 'root' : 'stationRoot';
  const request = { ...terms, public_key_sha256: sha256Hex(signer.spki) };
  await requestCa(core.ledger, person, request);
  const root = openIssuer(hierarchy.certificates[which], softwareSigner(hierarchy.keys[which]), 'dev');
  const by = { realm: 'dev', organization: 'Example', now: core.clock(), entropy: core.entropy } as const;
  const certificate = await issueIntermediate(by, terms, root, signer.spki);
  signers.set(caId, signer);
  return installCa(core.ledger, person, caId, certificate, rootsOf(line));
}
