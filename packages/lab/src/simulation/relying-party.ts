/**
 * Somebody who relies on the devices' certificates: fetches all CRLs and asks OCSP, now and then, of whichever process answers. At the end of the
 * day, when all faults are over and the bound has passed, each process has to answer, and rightly.
 */
import { hash } from 'node:crypto';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { derInteger, derNull, derOctetString, derOid, derSequence } from '@imprint/contract/x509/der-writer';
import type { AuthorityProcess } from './authority-process.ts';
import type { Model } from './model.ts';
import { visibleWithinMinutes } from './products.ts';
import { type Chance, chance, type World } from './world.ts';

const everyMs = 25_000;
/** Serials that are asked about at each turn. */
const asked = 3;
/** An OCSP request or a list of CRLs that is not there by then will never come: its process has ended. */
const patienceMs = 20_000;

export class RelyingParty {
  readonly #world: World;
  readonly #model: Model;
  readonly #processes: () => readonly AuthorityProcess[];
  readonly #draw: Chance;
  readonly #entropy;

  constructor(world: World, model: Model, processes: () => readonly AuthorityProcess[]) {
    this.#world = world;
    this.#model = model;
    this.#processes = processes;
    this.#draw = chance(world.entropy('relying party'));
    this.#entropy = world.entropy('unknown serials');
  }

  begin(): void {
    this.#world.after(everyMs, () => {
      const living = this.#processes();
      if (living.length > 0) void this.#ask(this.#draw.pick(living), false).catch(() => undefined);
      this.begin();
    });
  }

  /** All that was revoked is told by every process, once no fault is left and the bound has passed. */
  async atEnd(): Promise<void> {
    await this.#world.delay((visibleWithinMinutes + 1) * 60_000);
    for (const [at, process] of this.#processes().entries()) await this.#ask(process, true, at === 0);
  }

  async #ask({ revocation }: AuthorityProcess, must: boolean, ofAll = false): Promise<void> {
    const { log, cas, revocation: model } = this.#model;
    const fetched = await this.#within(revocation.crls());
    model.fetched(fetched, must);
    const known = [...log.credentials.values()];
    const about = known.length === 0 ? [] : Array.from({ length: asked }, () => this.#draw.pick(known));
    if (ofAll) about.push(...known.filter(({ status }) => status === 'revoked'));
    const unknown = fetched.map(({ issuerSha256 }) => ({
      issuerSha256,
      serial: Buffer.from([0x1f, ...this.#entropy(15)]).toString('hex'),
    }));
    for (const { issuerSha256, serial } of [...about, ...unknown]) {
      const request = ocspRequest(cas.installed.get(issuerSha256)!.certificate.raw, serial);
      model.answered(await this.#within(revocation.ocsp(request)), issuerSha256, serial, must);
    }
  }

  #within<T>(work: Promise<T>): Promise<T> {
    const late = this.#world.delay(patienceMs).then(() => Promise.reject(new Error('no answer')));
    return Promise.race([work, late]);
  }
}

/** An OCSPRequest about one serial (RFC 6960 section 4.1.1). */
function ocspRequest(ca: Uint8Array, serial: string): Uint8Array {
  const { subject, publicKey } = parseCertificate(ca);
  const certId = derSequence(
    derSequence(derOid('1.3.14.3.2.26'), derNull),
    derOctetString(hash('sha1', subject.der, 'buffer')),
    derOctetString(hash('sha1', publicKey.raw, 'buffer')),
    derInteger(Buffer.from(serial, 'hex')),
  );
  return derSequence(derSequence(derSequence(derSequence(certId))));
}
