/**
 * Gives the newest CRL of each root under the key identifier of that root, beside those of the CAs. It is served past its end too:
 * whoever verifies sees that it ended, and that is worth more than no answer.
 */
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import type { CaKind } from '../trust/ca-request.ts';
import type { RealmRoots } from '../trust/cas.ts';
import { keptRootCrls } from '../trust/root-crls.ts';
import type { ServedCrl } from './crl-shelf.ts';

export class RootCrlShelf {
  readonly #reader: Kysely<Tables>;
  readonly #branches: ReadonlyMap<string, CaKind>;
  readonly #kept = new Map<CaKind, ServedCrl>();

  constructor(reader: Kysely<Tables>, roots: Pick<RealmRoots, 'root' | 'stationRoot'>) {
    this.#reader = reader;
    this.#branches = new Map([
      [keyIdentifierOf(roots.root), 'device'],
      [keyIdentifierOf(roots.stationRoot), 'station'],
    ]);
  }

  /**
   * Undefined where the key identifier (hex) is no root's, or the list is not its one. Where the database cannot be read, what was
   * read last.
   * @throws unavailable where none was installed yet, or the stored one is not what was installed
   */
  async get(keyIdentifier: string, partition: number): Promise<ServedCrl | undefined> {
    const branch = this.#branches.get(keyIdentifier);
    if (branch === undefined || partition !== 0) return undefined;
    try {
      const served = await this.#read(branch);
      this.#kept.set(branch, served);
      return served;
    } catch (error) {
      const kept = this.#kept.get(branch);
      if (kept === undefined || error instanceof ImprintError) throw error;
      return kept;
    }
  }

  async #read(branch: CaKind): Promise<ServedCrl> {
    const row = (await keptRootCrls(this.#reader)).find((one) => one.branch === branch);
    const crl = row && Buffer.from(row.crl);
    if (row === undefined || crl === undefined || sha256Hex(crl) !== row.crl_sha256) {
      throw new ImprintError(
        'unavailable',
        row === undefined
          ? `The CRL of the ${branch} root was not brought here yet.`
          : `The CRL of the ${branch} root is not the one that was installed.`,
        { hint: 'Whoever runs the authority brings it: imprint root crl, then imprint ca install.' },
      );
    }
    const { number, crl_sha256: sha256, this_update: thisUpdate, next_update: nextUpdate } = row;
    return { crl, number, sha256, thisUpdate, nextUpdate };
  }
}

/** Every root has one; under no name there is no CRL. */
function keyIdentifierOf(root: Uint8Array): string {
  return toHex(parseCertificate(root).extensions.subjectKeyIdentifier ?? new Uint8Array(0));
}
