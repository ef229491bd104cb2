/**
 * What one life of the authority tells of revocation, put together as `imprint serve` does: CRLs, OCSP and their rounds. Rounds come more
 * seldom here, since what keeps the bound must not hang on how often one comes.
 */

import type { Issuer } from '@imprint/authority/issuing/issuer';
import { CrlPublisher } from '@imprint/authority/revocation/crl-publisher';
import { CrlShelf } from '@imprint/authority/revocation/crl-shelf';
import { keepGoing } from '@imprint/authority/revocation/keep-going';
import { OcspResponder, type ResponderCore } from '@imprint/authority/revocation/ocsp-responder';
import type { Issuers } from '@imprint/authority/trust/issuers';
import { toHex } from '@imprint/contract/bytes';
import type { Life } from './life.ts';

/** How much longer the poll of these rounds is than the program's. */
const timesSlower = 10;

/** The CRLs of a CA as a client fetches them: undefined where one is not given now. */
export interface FetchedCrls {
  issuerSha256: string;
  lists: (Uint8Array | undefined)[];
}

export class AuthorityRevocation {
  readonly #shelf: CrlShelf;
  readonly #responder: OcspResponder;
  readonly #issuers: () => Promise<readonly Issuer[]>;

  constructor(life: Life, core: Omit<ResponderCore, 'issuers'>, issuers: Issuers) {
    const { ledger, clock, report } = core;
    this.#issuers = () => issuers.telling(ledger.reader, ['device']);
    const publisher = new CrlPublisher({
      ...core,
      issuers: () => issuers.telling(ledger.reader, ['device', 'station']),
    });
    this.#responder = new OcspResponder({ ...core, issuers: this.#issuers });
    this.#shelf = new CrlShelf({
      reader: ledger.reader,
      clock,
      issuers: this.#issuers,
      damaged: (issuerSha256, partition) => publisher.reportDamaged(issuerSha256, partition),
    });
    for (const one of [publisher, this.#responder]) {
      keepGoing(
        () => one.round(),
        (ms, act) => {
          life.every(ms * timesSlower, act);
          return { stop: () => undefined };
        },
        report,
      );
    }
  }

  /** Every CRL of every CA for devices. @throws what the database throws where the CAs cannot be read */
  async crls(): Promise<FetchedCrls[]> {
    const fetched: FetchedCrls[] = [];
    for (const { certificate, keyIdentifier, revocation } of await this.#issuers()) {
      const lists: FetchedCrls['lists'] = [];
      for (let partition = 0; partition < revocation.crlPartitions; partition++) {
        lists.push(await this.#shelf.get(toHex(keyIdentifier), partition).then(crlOf, () => undefined));
      }
      fetched.push({ issuerSha256: certificate.sha256, lists });
    }
    return fetched;
  }

  /** The OCSPResponse to a request, DER both. */
  async ocsp(request: Uint8Array): Promise<Uint8Array> {
    return (await this.#responder.answer(request, () => true)).response;
  }
}

function crlOf(served: { crl: Uint8Array } | undefined): Uint8Array | undefined {
  return served?.crl;
}
