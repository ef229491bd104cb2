/** What an open authority publishes CRLs with: its own CAs, under the name of this process. */
import type { PublisherCore } from '@imprint/authority/revocation/crl-publisher';
import type { OpenAuthority, UnlockedAuthority } from './open-authority.ts';

export function publisherCore(
  { ledger, contracts, clock }: OpenAuthority,
  { line, stations }: UnlockedAuthority,
): PublisherCore {
  return {
    ledger,
    contracts,
    clock,
    processId: line.processId,
    issuers: [line.issuer.issuer, stations.stationIssuer],
  };
}
