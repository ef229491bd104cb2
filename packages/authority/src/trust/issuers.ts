/**
 * Which CA certifies whom: the narrowest one that is active and whose scope holds the product, the site and this year (I-9). It is
 * looked up in the tables at each decision, so that a CA that was added or retired by another process counts at once; a certificate
 * that was begun under a CA is finished under it.
 */
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { type CaScope, scopeHolds, scopeText } from '@imprint/contract/x509/ca-scope';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { toPem } from '@imprint/contract/x509/pem';
import type { Realm } from '@imprint/contract/x509/realm';
import type { Kysely } from 'kysely';
import { type Issuer, openIssuer } from '../issuing/issuer.ts';
import type { Signer } from '../signer/signer.ts';
import { statement } from '../storage/statement.ts';
import type { CaTable, Tables } from '../storage/tables.ts';
import type { CaKind } from './ca-request.ts';

/** What travels with a leaf: the intermediates up to the root, which is the trust anchor itself. */
export interface IssuerChain {
  /** DER, the nearest to the leaf first. */
  certificates: readonly Uint8Array[];
  pem: string;
  /** SHA-256 over the DER certificates, one after another. */
  sha256: string;
}

/** The signer of a CA's key by the CA's name. @throws file_invalid where it is not there; key_locked, unavailable */
export type OpenCaSigner = (caId: string) => Promise<Signer>;

type Choice = Pick<CaTable, 'ca_id' | 'product' | 'site' | 'year' | 'installed_at'> & {
  certificate_sha256: string;
};

export class Issuers {
  readonly #realm: Realm;
  readonly #openSigner: OpenCaSigner;
  readonly #publicUrl: string | undefined;
  /** By the SHA-256 of the certificate. A certificate never changes, so that these are good for as long as the process. */
  readonly #opened = new Map<string, Promise<Issuer>>();
  readonly #chains = new Map<string, IssuerChain>();

  /** `publicUrl`: below it revocation is told, and certificates say so; absent, they say nothing of it. */
  constructor(realm: Realm, openSigner: OpenCaSigner, publicUrl?: string) {
    this.#realm = realm;
    this.#openSigner = openSigner;
    this.#publicUrl = publicUrl;
  }

  /**
   * The CA for a new certificate.
   * @throws ca_missing where none may certify this; key_locked, unavailable for its key
   */
  async choose(db: Kysely<Tables>, kind: CaKind, wanted: CaScope): Promise<Issuer> {
    const { rows } = await selectActive(db, { kind });
    const chosen = narrowest(rows as Choice[], wanted);
    if (chosen === undefined) throw caMissing(kind, wanted);
    return this.#open(db, chosen.ca_id, chosen.certificate_sha256);
  }

  /**
   * The CA that certifies this authority's own listener for devices: it certifies for all of them, so the one that is bound to least.
   * @throws as {@link choose}
   */
  async forDeviceServer(db: Kysely<Tables>, year: number): Promise<Issuer> {
    const { rows } = await selectActive(db, { kind: 'device' });
    const ofYear = (rows as Choice[]).filter((ca) => ca.year === null || ca.year === year);
    const [chosen] = ofYear.sort(
      (one, other) => rank(one) - rank(other) || (one.installed_at! < other.installed_at! ? 1 : -1),
    );
    if (chosen === undefined) throw caMissing('device', { product: null, site: null, year });
    return this.#open(db, chosen.ca_id, chosen.certificate_sha256);
  }

  /** Certificate and key of every CA that is active: what a process that certifies holds against its home when it starts. */
  async openActive(db: Kysely<Tables>): Promise<Issuer[]> {
    const opened: Issuer[] = [];
    for (const kind of ['device', 'station'] as const) {
      const { rows } = await selectActive(db, { kind });
      for (const row of rows as Choice[]) {
        opened.push(await this.#open(db, row.ca_id, row.certificate_sha256));
      }
    }
    return opened;
  }

  /** That every CA that is active can sign now. @throws unavailable, key_locked of the first that cannot */
  async requireReady(db: Kysely<Tables>): Promise<void> {
    for (const { signer } of await this.openActive(db)) signer.requireReady?.();
  }

  /**
   * The CAs of these kinds that tell of revocation: all that were ever installed, one whose key was stolen among them: its CRL is for those who
   * have not heard of the root's yet. Of one that is not active the key may be gone from here: it tells nothing more, and its last CRL
   * ends. @throws as {@link choose} for the key of an active one
   */
  async telling(db: Kysely<Tables>, kinds: readonly CaKind[]): Promise<Issuer[]> {
    const rows = await db
      .selectFrom('ca')
      .select(['ca_id', 'certificate_sha256', 'status'])
      .where('kind', 'in', kinds)
      .where('status', 'in', ['active', 'retired', 'compromised'])
      .orderBy('ca_id')
      .execute();
    const telling: Issuer[] = [];
    for (const { ca_id, certificate_sha256, status } of rows) {
      try {
        telling.push(await this.#open(db, ca_id, certificate_sha256!));
      } catch (error) {
        if (status === 'active' || !isImprintError(error, 'key_locked')) throw error;
      }
    }
    return telling;
  }

  /** The chain above a leaf that the CA with this certificate signed, whatever has become of the CA. @throws unknown_ca */
  async chainOf(db: Kysely<Tables>, issuerSha256: string): Promise<IssuerChain> {
    const known = this.#chains.get(issuerSha256);
    if (known !== undefined) return known;
    const chain = await chainOf(db, issuerSha256);
    this.#chains.set(issuerSha256, chain);
    return chain;
  }

  #open(db: Kysely<Tables>, caId: string, certificateSha256: string): Promise<Issuer> {
    const known = this.#opened.get(certificateSha256);
    if (known !== undefined) return known;
    const opening = this.#openNew(db, caId, certificateSha256);
    this.#opened.set(certificateSha256, opening);
    // a key that is not there yet may be there at the next request
    opening.catch(() => this.#opened.delete(certificateSha256));
    return opening;
  }

  async #openNew(db: Kysely<Tables>, caId: string, certificateSha256: string): Promise<Issuer> {
    const { certificate, crl_partitions: crlPartitions } = await installed(db, certificateSha256);
    const signer = await this.#signerOf(caId);
    return openIssuer(certificate, signer, this.#realm, { crlPartitions, publicUrl: this.#publicUrl });
  }

  async #signerOf(caId: string): Promise<Signer> {
    try {
      return await this.#openSigner(caId);
    } catch (cause) {
      if (!isImprintError(cause, 'file_invalid')) throw cause;
      throw new ImprintError(
        'key_locked',
        `this process cannot open the key of the CA ${caId}: ${cause.message}`,
        {
          hint: `Copy keys/${caId}.* from a home of this authority that works: all of its processes certify under the same CAs.`,
          cause,
        },
      );
    }
  }
}

/** As {@link Issuers.chainOf}, for whoever signs nothing. @throws unknown_ca */
export async function chainOf(db: Kysely<Tables>, issuerSha256: string): Promise<IssuerChain> {
  const { certificate: der } = await installed(db, issuerSha256);
  return { certificates: [der], pem: toPem('CERTIFICATE', der), sha256: sha256Hex(der) };
}

/** The certificates of all CAs of a kind that were ever installed and are trusted, the first one first. */
export async function trustedCas(db: Kysely<Tables>, kind: CaKind): Promise<Uint8Array[]> {
  const rows = await db
    .selectFrom('ca')
    .select('certificate')
    .where('kind', '=', kind)
    .where('status', 'in', ['active', 'retired'])
    .orderBy('installed_at')
    .orderBy('ca_id')
    .execute();
  return rows.map(({ certificate }) => certificate!);
}

/** The certificate of the CA that signed a certificate of ours, by names and key identifiers; undefined where it is none of ours. */
export async function signerOf(
  db: Kysely<Tables>,
  kind: CaKind,
  certificate: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { issuer, extensions } = parseCertificate(certificate);
  return (await trustedCas(db, kind)).find((der) => {
    const ca = parseCertificate(der);
    return (
      hex(ca.subject.der) === hex(issuer.der) &&
      hex(ca.extensions.subjectKeyIdentifier) === hex(extensions.authorityKeyIdentifier)
    );
  });
}

/** Whether some active CA may certify devices of this product, site and year. */
export async function mayCertify(db: Kysely<Tables>, wanted: CaScope): Promise<boolean> {
  const { rows } = await selectActive(db, { kind: 'device' });
  return narrowest(rows as Choice[], wanted) !== undefined;
}

/** Of those that may, the one that is bound to most; among equals to a product before a site before a year; then the newest. */
function narrowest(active: readonly Choice[], wanted: CaScope): Choice | undefined {
  return active
    .filter((ca) => scopeHolds(ca, wanted))
    .sort((one, other) => rank(other) - rank(one) || (one.installed_at! < other.installed_at! ? 1 : -1))[0];
}

function rank({ product, site, year }: CaScope): number {
  const [byProduct, bySite, byYear] = [product, site, year].map((bound) => (bound === null ? 0 : 1));
  return (byProduct! + bySite! + byYear!) * 8 + byProduct! * 4 + bySite! * 2 + byYear!;
}

function caMissing(kind: CaKind, wanted: CaScope): ImprintError {
  return new ImprintError('ca_missing', `no active ${kind} CA may certify for ${scopeText(wanted)}`, {
    hint: 'Call the person who runs the authority: imprint ca list shows the CAs, imprint ca create makes one.',
    context: { kind, ...wanted },
  });
}

async function installed(
  db: Kysely<Tables>,
  sha256: string,
): Promise<{ certificate: Uint8Array; crl_partitions: number }> {
  const ca = (await selectInstalled(db, { certificate_sha256: sha256 })).rows[0];
  if (ca?.certificate != null) return { certificate: ca.certificate, crl_partitions: ca.crl_partitions };
  throw new ImprintError('unknown_ca', `the log names no CA with the certificate ${sha256}`, {
    hint: 'Run imprint audit verify: what was certified names a CA that is not there.',
  });
}

const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? '' : Buffer.from(bytes).toString('hex');

const selectActive = statement<{ kind: CaKind }, Choice>(
  (db, arg) =>
    db
      .selectFrom('ca')
      .select(['ca_id', 'product', 'site', 'year', 'installed_at', 'certificate_sha256'])
      .where('kind', '=', arg('kind'))
      .where('status', '=', 'active') as never,
);

const selectInstalled = statement<
  { certificate_sha256: string },
  Pick<CaTable, 'certificate' | 'crl_partitions'>
>((db, arg) =>
  db
    .selectFrom('ca')
    .select(['certificate', 'crl_partitions'])
    .where('certificate_sha256', '=', arg('certificate_sha256')),
);
