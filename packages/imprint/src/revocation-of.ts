/** What an open authority tells of revocation with: its own CAs, real timers, and keys in the memory of this process. */
import type { OcspRouteOptions } from '@imprint/authority/http/ocsp-route';
import { CrlPublisher, type PublisherCore } from '@imprint/authority/revocation/crl-publisher';
import { CrlShelf } from '@imprint/authority/revocation/crl-shelf';
import { keepGoing } from '@imprint/authority/revocation/keep-going';
import { OcspResponder } from '@imprint/authority/revocation/ocsp-responder';
import { RootCrlShelf } from '@imprint/authority/revocation/root-crl-shelf';
import { makeKey, softwareSigner } from '@imprint/authority/signer/software';
import type { ActingAuthority } from './act-as.ts';
import { rootsOf } from './make-ca.ts';
import type { OpenAuthority, UnlockedAuthority } from './open-authority.ts';

/** What the public listener serves, and the rounds that keep it true. */
export interface Revocation extends OcspRouteOptions {
  shelf: Pick<CrlShelf, 'get'>;
  /** Begins the rounds; `close` ends them. */
  begin(): { close(): Promise<void> };
}

/** With what an authority publishes its CRLs. */
export function publisherCore(
  { ledger, contracts, clock }: Pick<ActingAuthority, 'ledger' | 'contracts' | 'clock'>,
  { line }: UnlockedAuthority,
): PublisherCore {
  return {
    ledger,
    contracts,
    clock,
    processId: line.processId,
    issuers: () => line.issuers.telling(ledger.reader, ['device', 'station']),
  };
}

export function revocationOf(
  authority: OpenAuthority,
  unlocked: UnlockedAuthority,
  report: (error: unknown) => void,
): Revocation {
  const { clock, clockGuard, entropy, configuration } = authority;
  const core = publisherCore(authority, unlocked);
  const publisher = new CrlPublisher(core);
  const responder = new OcspResponder({
    ...core,
    // nobody asks about stations: the authority alone lets them in
    issuers: () => unlocked.line.issuers.telling(core.ledger.reader, ['device']),
    clockGuard,
    entropy,
    organization: configuration.organization,
    newSigner: () => softwareSigner(makeKey('ec-p256')),
    report,
  });
  const own = new CrlShelf({
    reader: core.ledger.reader,
    clock,
    issuers: core.issuers,
    damaged: (issuerSha256, partition) => publisher.reportDamaged(issuerSha256, partition),
  });
  const ofRoots = new RootCrlShelf(core.ledger.reader, rootsOf(authority));
  return {
    shelf: {
      get: async (keyIdentifier, partition) =>
        (await ofRoots.get(keyIdentifier, partition)) ?? own.get(keyIdentifier, partition),
    },
    responder,
    clock,
    monotonicMs: () => performance.now(),
    begin: () => {
      const rounds = [publisher, responder].map((one) => keepGoing(() => one.round(), every, report));
      return { close: async () => void (await Promise.all(rounds.map((each) => each.stop()))) };
    },
  };
}

function every(ms: number, act: () => void): { stop: () => void } {
  const timer = setInterval(act, ms);
  return { stop: () => clearInterval(timer) };
}
