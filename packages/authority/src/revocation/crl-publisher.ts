/**
 * Keeps every CRL of the authority's CAs as it has to be: made where there is none, anew where something was revoked that is not on it, and
 * before it ends (I-17). It works in rounds, in each process of an authority; which of them makes a CRL is decided in the ledger.
 */
import { limits } from '@imprint/contract/limits';
import { partitionOf } from '../issuing/crl-partition.ts';
import type { Issuer } from '../issuing/issuer.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { CrlTable } from '../storage/tables.ts';
import type { Clock } from '../surroundings.ts';
import { type CrlCore, type PublishedCrl, publishCrl } from './publish-crl.ts';
import { revocationsSince } from './revocations-since.ts';
import { refreshAtMs, tightestVisibility, type Visibility } from './visibility.ts';

export interface PublisherCore extends CrlCore {
  contracts: ContractShelf;
  clock: Clock;
  /** Whose CRLs these are, as it is now: a CA may be added while a process runs. */
  issuers: () => Promise<readonly Issuer[]>;
}

/** One CRL that a round has made. */
export interface Publication extends PublishedCrl {
  issuer: Issuer;
  partition: number;
}

const crlsAtOnce = 4;

export class CrlPublisher {
  readonly #core: PublisherCore;
  /** The first entry of the log that no round has looked at; undefined before the first round. */
  #next: number | undefined;
  /** The newest revocation of each CRL, by its name, as far as rounds have met one. */
  readonly #newest = new Map<string, number>();
  /** CRLs whose stored bytes are not what was published. */
  readonly #damaged = new Set<string>();

  constructor(core: PublisherCore) {
    this.#core = core;
  }

  /** The stored bytes of a CRL are not what was published: the next round makes another one. */
  reportDamaged(issuerSha256: string, partition: number): void {
    this.#damaged.add(nameOf(issuerSha256, partition));
  }

  /**
   * Makes what is due, and all CRLs where `all` says so; gives what this process has made. One that fails does not keep the others from
   * being made: its error is thrown at the end of the round, and the next round tries again.
   */
  async round(all = false): Promise<Publication[]> {
    const { ledger, contracts } = this.#core;
    const visibility = await tightestVisibility(ledger.reader, contracts);
    const crls = await ledger.reader.selectFrom('crl').selectAll().execute();
    const known = new Map(crls.map((crl) => [nameOf(crl.issuer_sha256, crl.partition), crl]));
    const issuers = await this.#core.issuers();
    await this.#readRevocations(crls, issuers);
    const due = issuers
      .flatMap((issuer) =>
        Array.from({ length: issuer.revocation.crlPartitions }, (_, partition) => ({ issuer, partition })),
      )
      .map((one) => {
        const name = nameOf(one.issuer.certificate.sha256, one.partition);
        return { ...one, name, crl: known.get(name) };
      })
      .filter(({ name, crl }) => all || this.#damaged.has(name) || this.#isDue(name, crl, visibility));
    return this.#publish(due, visibility);
  }

  #isDue(name: string, crl: CrlTable | undefined, { validityMs }: Visibility): boolean {
    if (crl === undefined) return true;
    if ((this.#newest.get(name) ?? -1) >= crl.log_size) return true;
    // a contract that came since asks for less
    if (Date.parse(crl.next_update) - Date.parse(crl.this_update) > validityMs) return true;
    const nowMs = this.#core.clock().getTime();
    // a clock that was ahead made it, and until then nobody whose clock is right believes it
    if (Date.parse(crl.this_update) - nowMs > limits.clockBoundMs) return true;
    return nowMs >= refreshAtMs(crl);
  }

  async #publish(
    due: readonly { issuer: Issuer; partition: number; name: string; crl: CrlTable | undefined }[],
    visibility: Visibility,
  ): Promise<Publication[]> {
    const published: Publication[] = [];
    const failed: unknown[] = [];
    for (let at = 0; at < due.length; at += crlsAtOnce) {
      await Promise.all(
        due.slice(at, at + crlsAtOnce).map(async ({ issuer, partition, name, crl: before }) => {
          try {
            const crl = await publishCrl(this.#core, issuer, partition, visibility, before?.number ?? 0);
            this.#damaged.delete(name);
            if (crl !== undefined) published.push({ issuer, partition, ...crl });
          } catch (error) {
            failed.push(error);
          }
        }),
      );
    }
    if (failed.length > 0) throw failed[0];
    return published;
  }

  /** Notes which CRLs the entries since the last round belong to; in the first round, what the oldest CRL may not hold. */
  async #readRevocations(crls: readonly CrlTable[], issuers: readonly Issuer[]): Promise<void> {
    this.#next ??= Math.min(
      ...crls.map(({ log_size }) => log_size),
      // a CRL that is made from now on holds what there is now
      (await this.#core.ledger.head()).size,
    );
    const partitions = new Map(
      issuers.map(({ certificate, revocation }) => [certificate.sha256, revocation.crlPartitions]),
    );
    for (;;) {
      const { revocations, next } = await revocationsSince(this.#core.ledger.reader, this.#next);
      for (const { issuer_sha256, serial, log_index } of revocations) {
        const of = partitions.get(issuer_sha256);
        if (of !== undefined) this.#newest.set(nameOf(issuer_sha256, partitionOf(serial, of)), log_index);
      }
      if (next === undefined) return;
      this.#next = next;
    }
  }
}

function nameOf(issuerSha256: string, partition: number): string {
  return `${issuerSha256} ${partition}`;
}
