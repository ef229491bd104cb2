/** The first entries of a log: who this authority is, and the CAs that it begins with. */
import type { Actor } from '@imprint/contract/audit/entry';
import { sha256Hex } from '@imprint/contract/hash';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { Realm } from '@imprint/contract/x509/realm';
import type { Draft } from '../ledger/ledger.ts';
import { bundleDraft } from './bundles.ts';
import { firstCa } from './ca-request.ts';
import { installDrafts } from './cas.ts';
import { type HierarchyCertificates, keyNames, logId } from './hierarchy.ts';
import { type BroughtRootCrl, rootCrlDraft } from './root-crls.ts';

export interface RealmFacts {
  realm: Realm;
  organization: string;
  logOrigin: string;
  /** 32 bytes. */
  logPublicKey: Uint8Array;
  certificates: Pick<HierarchyCertificates, 'root' | 'issuing' | 'stationRoot' | 'stationCa'>;
  /** CRLs of the first device CA; absent, as many as a large one has. */
  crlPartitions?: number | undefined;
  /** The first bundle of trust anchors, where the root has signed one. */
  bundle?: string | undefined;
  /** The first CRLs of the roots, where they have signed some. */
  rootCrls?: readonly BroughtRootCrl[];
}

/** Drafts of `realm.created` and of the first device CA and station CA. */
export function realmDrafts(by: Actor, facts: RealmFacts): Draft[] {
  const { root, issuing, stationRoot, stationCa } = facts.certificates;
  return [
    {
      type: 'realm.created',
      actor: by,
      data: {
        organization: facts.organization,
        root_sha256: sha256Hex(root),
        log_origin: facts.logOrigin,
        log_id: logId(facts.logPublicKey),
        issuing_ca_sha256: sha256Hex(issuing),
        station_ca_sha256: sha256Hex(stationCa),
      },
    },
    ...caDrafts(by, keyNames.issuing, issuing, facts.crlPartitions),
    ...caDrafts(by, keyNames.stationCa, stationCa),
    ...(facts.rootCrls ?? []).map((one) =>
      rootCrlDraft(by, one, one.branch === 'device' ? root : stationRoot),
    ),
    ...(facts.bundle === undefined ? [] : [bundleDraft(by, facts.bundle, { root, realm: facts.realm })]),
  ];
}

function caDrafts(by: Actor, caId: string, der: Uint8Array, crlPartitions?: number): Draft[] {
  const certificate = parseCertificate(der);
  const request = {
    ...firstCa(caId, crlPartitions),
    public_key_sha256: sha256Hex(certificate.publicKey.spki),
  };
  return [{ type: 'ca.requested', actor: by, data: request }, ...installDrafts(by, request, certificate)];
}
