/**
 * The second half of certifying a device, whoever asked: the intent is durable; its bytes are signed, and the certificate is released by
 * compare-and-swap on the open intent (I-1, I-2). What may have been signed and was not released is revoked.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { toBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Selectable } from 'kysely';
import { newId } from '../jobs/new-id.ts';
import { closeAsUncertain } from '../jobs/revoke-intent.ts';
import type { Decision, Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';
import type { CertificationRequest } from './certification-request.ts';
import { type IssuedCertificate, issue } from './issue.ts';
import type { Issuer } from './issuer.ts';
import type { PreparedCertificate } from './prepare.ts';

type Credential = Selectable<CredentialTable>;
export type Intent = EntryData<'credential.intended'>;

/** An intent that is durable, and all that signing it takes. */
export interface ToSign {
  intent: Intent;
  token: PreparedCertificate;
  issuer: Issuer;
}

export interface ReleasesCore {
  ledger: Ledger;
  /** Names this process: the owner of the intents that it may sign. */
  processId: string;
  /** How long a process may take to sign what it intended. */
  intentLeaseMs: number;
  /** Cryptographically secure random bytes. */
  entropy: Entropy;
}

/** Whether somebody still waits for the certificate: the entries that come before its release, or undefined where nobody does. */
export type StillWanted = (reading: Reading) => Promise<Draft[] | undefined>;

export class Releases {
  readonly #core: ReleasesCore;
  /** Certificates that this process is signing now: a second request for one waits for the first. */
  readonly #inFlight = new Map<string, Promise<Credential>>();

  constructor(core: ReleasesCore) {
    this.#core = core;
  }

  /** The intent of a prepared certificate for a device, in the hands of this process. */
  intent(
    reading: Reading,
    { keyType, notes }: Pick<CertificationRequest, 'keyType' | 'notes'>,
    token: PreparedCertificate,
    of: Pick<Intent, 'job_id' | 'device_id' | 'profile'>,
  ): Intent {
    const { processId, intentLeaseMs, entropy } = this.#core;
    return {
      credential_id: newId('k', reading.now, entropy),
      ...of,
      profile_sha256: token.profileSha256,
      issuer_sha256: token.issuerSha256,
      serial: token.serialHex,
      tbs_sha256: token.tbsSha256,
      key_type: keyType,
      public_key_sha256: token.publicKeySha256,
      not_before: token.notBefore,
      not_after: token.notAfter,
      ignored: notes.map((note) => note.slice(0, 400)),
      owner: processId,
      lease_expires_at: new Date(reading.now.getTime() + intentLeaseMs).toISOString(),
    };
  }

  /**
   * Signs and releases; `by` is who the release is for, where that is not this process.
   * @throws unavailable where it may not be released any more (ask again); what {@link issue} throws, and then its serial is revoked
   */
  async run(signing: ToSign, stillWanted: StillWanted, by?: Actor): Promise<Credential> {
    const { credential_id } = signing.intent;
    const releasing = this.#signAndRelease(signing, stillWanted, by);
    this.#inFlight.set(credential_id, releasing);
    try {
      return await releasing;
    } finally {
      this.#inFlight.delete(credential_id);
    }
  }

  /** What comes of a release that is under way. @throws unavailable where another process does it */
  underWay(credentialId: string): Promise<Credential> {
    return this.#inFlight.get(credentialId) ?? Promise.reject(beingSigned());
  }

  async #signAndRelease(
    { intent, token, issuer }: ToSign,
    stillWanted: StillWanted,
    by: Actor | undefined,
  ): Promise<Credential> {
    const { ledger } = this.#core;
    let issued: IssuedCertificate;
    try {
      issued = await issue(token, issuer, {
        serialHex: intent.serial,
        tbsSha256: intent.tbs_sha256,
        profileSha256: intent.profile_sha256,
        issuerSha256: intent.issuer_sha256,
      });
    } catch (error) {
      await ledger.submit((reading) => closeAsUncertain(reading, intent.credential_id, error));
      throw error;
    }
    const released = await ledger.submit((reading) =>
      this.#release(reading, intent, issued, stillWanted, by),
    );
    if (!released) throw beingSigned();
    return released;
  }

  /** The compare-and-swap of I-2: only an open intent, by its owner, within its lease, that somebody still waits for. */
  async #release(
    reading: Reading,
    intent: Intent,
    { certificate, certificateSha256 }: IssuedCertificate,
    stillWanted: StillWanted,
    by: Actor | undefined,
  ): Promise<Decision<Credential | undefined>> {
    const [credential] = (await selectCredential(reading.tx, { credential_id: intent.credential_id })).rows;
    const { processId } = this.#core;
    const isOpen =
      credential?.status === 'intended' &&
      credential.owner === processId &&
      credential.lease_expires_at > reading.at;
    const before = isOpen ? await stillWanted(reading) : undefined;
    if (!isOpen || before === undefined) return { entries: [], reply: () => undefined };
    return {
      entries: [
        ...before,
        {
          type: 'credential.issued',
          actor: by ?? { kind: 'authority', id: processId },
          data: {
            credential_id: intent.credential_id,
            certificate_sha256: certificateSha256,
            certificate_b64: toBase64(certificate),
          },
        },
      ],
      reply: () => ({ ...credential, status: 'active', certificate, certificate_sha256: certificateSha256 }),
    };
  }
}

function beingSigned(): ImprintError {
  return new ImprintError('unavailable', 'this certificate is being signed, or its signing was broken off', {
    hint: 'Ask again in some seconds.',
  });
}

const selectCredential = statement<{ credential_id: string }, Credential>((db, arg) =>
  db.selectFrom('credential').selectAll().where('credential_id', '=', arg('credential_id')),
);
