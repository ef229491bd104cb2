/**
 * Gives the newest CRL of a partition, whichever process made it. Its bytes are held against the hash that the log has of them, once, and
 * then kept; where the database cannot be read, what is kept is given for as long as it is valid.
 */
import { hash } from 'node:crypto';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Issuer } from '../issuing/issuer.ts';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';
import type { Clock } from '../surroundings.ts';

export interface ServedCrl {
  /** DER. */
  crl: Buffer;
  number: number;
  sha256: string;
  /** ISO 8601. */
  thisUpdate: string;
  nextUpdate: string;
}

export interface CrlShelfOptions {
  reader: Kysely<Tables>;
  clock: Clock;
  /** Whose CRLs these are, as it is now. */
  issuers: () => Promise<readonly Issuer[]>;
  /** Hears of a CRL whose stored bytes are not what was published. */
  damaged: (issuerSha256: string, partition: number) => void;
}

export class CrlShelf {
  readonly #options: CrlShelfOptions;
  /** By the CA's key identifier, hex. */
  readonly #issuers = new Map<string, Issuer>();
  readonly #kept = new Map<string, ServedCrl>();

  constructor(options: CrlShelfOptions) {
    this.#options = options;
  }

  /**
   * The CRL of a partition of the CA with this key identifier (hex); undefined where there is no such CA or partition.
   * @throws unavailable where it was not published yet, or is damaged: it is made within seconds
   */
  async get(keyIdentifier: string, partition: number): Promise<ServedCrl | undefined> {
    const issuer = await this.#issuerOf(keyIdentifier);
    if (issuer === undefined || partition >= issuer.revocation.crlPartitions) return undefined;
    const key = { issuer_sha256: issuer.certificate.sha256, partition };
    const name = `${key.issuer_sha256} ${partition}`;
    const kept = this.#kept.get(name);
    try {
      const fresh = await this.#read(key, kept);
      this.#kept.set(name, fresh);
      return fresh;
    } catch (error) {
      const isValid = kept !== undefined && Date.parse(kept.nextUpdate) > this.#options.clock().getTime();
      if (isValid) return kept;
      throw error;
    }
  }

  /** Those that are known are not asked for again, so that a database that is away keeps nobody from what is kept. */
  async #issuerOf(keyIdentifier: string): Promise<Issuer | undefined> {
    const known = this.#issuers.get(keyIdentifier);
    if (known !== undefined) return known;
    for (const issuer of await this.#options.issuers()) {
      this.#issuers.set(toHex(issuer.keyIdentifier), issuer);
    }
    return this.#issuers.get(keyIdentifier);
  }

  async #read(
    key: { issuer_sha256: string; partition: number },
    kept: ServedCrl | undefined,
  ): Promise<ServedCrl> {
    const { reader, damaged } = this.#options;
    const published = (await selectPublished(reader, key)).rows[0];
    if (published === undefined) throw notThere('was not published yet');
    if (published.crl_sha256 === kept?.sha256) return kept;
    const { number, crl_sha256, this_update, next_update } = published;
    const stored = (await selectFile(reader, key)).rows[0];
    // another one was published between the two
    if (stored !== undefined && stored.number > number) return this.#read(key, kept);
    if (stored === undefined || hash('sha256', stored.crl, 'hex') !== crl_sha256) {
      damaged(key.issuer_sha256, key.partition);
      throw notThere('is not what was published, and is made anew');
    }
    const crl = Buffer.from(stored.crl);
    return { crl, number, sha256: crl_sha256, thisUpdate: this_update, nextUpdate: next_update };
  }
}

function notThere(what: string): ImprintError {
  return new ImprintError('unavailable', `This CRL ${what}.`, { hint: 'Ask again in some seconds.' });
}

type Key = { issuer_sha256: string; partition: number };
type Published = { number: number; crl_sha256: string; this_update: string; next_update: string };

const selectPublished = statement<Key, Published>((db, arg) =>
  db
    .selectFrom('crl')
    .select(['number', 'crl_sha256', 'this_update', 'next_update'])
    .where('issuer_sha256', '=', arg('issuer_sha256'))
    .where('partition', '=', arg('partition')),
);

const selectFile = statement<Key, { number: number; crl: Uint8Array }>((db, arg) =>
  db
    .selectFrom('crl_file')
    .select(['number', 'crl'])
    .where('issuer_sha256', '=', arg('issuer_sha256'))
    .where('partition', '=', arg('partition')),
);
