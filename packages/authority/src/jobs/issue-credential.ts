/**
 * A unit's key becomes its certificate in two ticks: the intent (serial, TBS hash, audit entry) is durable before the
 * key signs, the certificate is durable before it leaves. What may have been signed and was not stored is revoked.
 */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import { toPem } from '@imprint/contract/x509/pem';
import { sql, type Transaction } from 'kysely';
import { requireTrustedClock } from '../clock/clock-guard.ts';
import type { CertificationRequest } from '../issuing/certification-request.ts';
import { DeviceProfiles } from '../issuing/device-profiles.ts';
import { prepareDevice } from '../issuing/prepare.ts';
import { Releases, type ToSign } from '../issuing/releases.ts';
import { makeSerial } from '../issuing/serial.ts';
import type { Decision, Draft, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';
import { authorizeStation } from './authorize-station.ts';
import { type Credential, type Job, requireLiveJob } from './job.ts';
import { knownKey } from './known-key.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { type Refusal, refusalError, refusalOf, rememberRequest, requireSameBody } from './once.ts';
import type { PresentedKey } from './presented-key.ts';
import { requireQuota } from './quota.ts';
import { revoked } from './revoke-intent.ts';
import { credentialsOf } from './rework.ts';

/** A station's request for one unit, in which the certification request has been read. */
export interface IssueRequest {
  request_id: string;
  attempt: number;
  key: PresentedKey;
}

export interface IssuedCredential {
  device_cert_pem: string;
  chain_pem: string;
  public_key_sha256: string;
  serial: string;
}

type Intended =
  | { kind: 'released'; credential: Credential }
  | ({ kind: 'to-sign' } & ToSign)
  | { kind: 'in-flight'; credentialId: string }
  | { kind: 'refused'; refusal: Refusal };

export class CredentialIssuing {
  readonly #core: LineCore;
  readonly #releases: Releases;
  readonly #profiles: DeviceProfiles;

  constructor(core: LineCore) {
    this.#core = core;
    this.#releases = new Releases(core);
    this.#profiles = new DeviceProfiles(core.realm);
  }

  /**
   * Guarantees I-1 to I-4, I-6, I-7, I-13, I-22 and I-23. The same key for the same job gives the identical
   * certificate, however often it is asked for, and with the same request also when the attempt is over.
   * @throws csr_invalid, csr_proof_wrong, key_unsupported, key_reused, quota_exhausted, job_not_open,
   * attempt_cap_reached (too many keys), ca_missing, job_state_wrong, unavailable (another process is signing it, or the signing
   * key is out of reach: ask again), key_locked, tbs_mismatch, lint_refused
   */
  async issue(
    caller: StationCaller,
    jobId: string,
    { request_id, attempt, key }: IssueRequest,
  ): Promise<IssuedCredential> {
    if ('refusal' in key) throw refusalError(key.refusal);
    const request = { request_id, attempt, csr_sha256: key.csrSha256 };
    const intended = await this.#core.ledger.submit((reading) =>
      this.#intend(reading, caller, jobId, request, key.csr),
    );
    switch (intended.kind) {
      case 'released':
        return this.#answer(intended.credential);
      case 'refused':
        throw refusalError(intended.refusal);
      case 'in-flight':
        return this.#answer(await this.#releases.underWay(intended.credentialId));
      case 'to-sign': {
        const { job_id } = intended.intent;
        return this.#answer(await this.#releases.run(intended, (reading) => isKeyed(reading, job_id)));
      }
    }
  }

  async #intend(
    reading: Reading,
    caller: StationCaller,
    jobId: string,
    request: { request_id: string; attempt: number; csr_sha256: string },
    csr: CertificationRequest,
  ): Promise<Decision<Intended>> {
    const station = await authorizeStation(reading, caller);
    if ('refusal' in station) return refused(station.alarms, refusalOf(station.refusal));
    const route = `issueCredential ${jobId}`;
    const earlier = await requireSameBody(reading, caller, route, request);
    const remember = async (tx: Transaction<Tables>, outcome: { refusal?: Refusal } = {}) => {
      if (earlier === undefined) await rememberRequest(tx, reading, caller, route, request, outcome);
    };
    const before = earlier === undefined ? undefined : await outcomeOf(reading, jobId, earlier, csr);
    if (before) return { entries: [], reply: () => before };
    const job = await requireLiveJob(reading, station.stationId, jobId, request.attempt, [
      'opened',
      'keyed',
      'issued',
      'written',
      'proven',
      'sealed',
    ]);
    const contract = await this.#core.contracts.get(reading.tx, job.contract_sha256);
    requireKeyType(contract, csr);
    const stranger = await knownKey(reading, caller, job, csr);
    if (stranger) {
      const { entries, refusal } = stranger;
      return { ...refused(entries, refusal), remember: (tx) => remember(tx, { refusal }) };
    }

    const by: Draft['actor'] = { kind: 'station', id: caller.stationId };
    const entries: Draft[] = [];
    const { own: certified, former } = await credentialsOf(reading.tx, job);
    // custody of what a former job left was lost: it ends before anything new begins, whoever should have ended it earlier
    for (const left of former)
      if (isLive(left) || left.status === 'superseded') entries.push(revoked(by, left, 'custody-lost'));
    for (const present of certified) {
      if (!isLive(present)) continue;
      const sameKey = present.public_key_sha256 === csr.publicKeySha256;
      if (present.status === 'active' && sameKey) {
        return { entries: [], remember, reply: () => ({ kind: 'released', credential: present }) };
      }
      // Somebody may be about to release it, here or in another process; once its lease is over nobody may.
      if (present.status === 'intended' && sameKey && present.lease_expires_at > reading.at) {
        return {
          entries: [],
          remember,
          reply: () => ({ kind: 'in-flight', credentialId: present.credential_id }),
        };
      }
      if (job.state === 'proven' || job.state === 'sealed') {
        throw new ImprintError('job_state_wrong', `${job.device_id} has proven another key already`, {
          hint: 'Set the unit aside: it lost its key after it was proven, or it is another unit.',
        });
      }
      entries.push(
        revoked(by, present, present.status === 'intended' && sameKey ? 'intent-uncertain' : 'key-lost'),
      );
    }
    await requireTrustedClock(reading, this.#core.clockGuard);
    await requireQuota(reading, job);
    requireFewKeys(job, certified.length);

    const { product } = contract;
    const { site } = station;
    const year = reading.now.getUTCFullYear();
    const issuer = await this.#core.issuers.choose(reading.tx, 'device', { product, site, year });
    // what cannot be signed now is not intended either: it would be revoked, and of those a job has only so many
    issuer.signer.requireReady?.();
    const token = prepareDevice(
      issuer,
      this.#profiles.of(contract, issuer),
      {
        deviceId: job.device_id,
        product,
        site,
        hardwareUid: job.hardware_uid,
        keyType: csr.keyType,
        spki: csr.spki,
      },
      makeSerial(reading.now, this.#core.entropy),
      reading.now,
    );
    const intent = this.#releases.intent(reading, csr, token, {
      job_id: job.job_id,
      device_id: job.device_id,
      profile: 'idevid',
    });
    entries.push({ type: 'credential.intended', actor: by, data: intent });
    return { entries, remember, reply: () => ({ kind: 'to-sign', intent, token, issuer }) };
  }

  async #answer(credential: Credential): Promise<IssuedCredential> {
    const { ledger, issuers } = this.#core;
    return {
      device_cert_pem: toPem('CERTIFICATE', credential.certificate!),
      chain_pem: (await issuers.chainOf(ledger.reader, credential.issuer_sha256)).pem,
      public_key_sha256: credential.public_key_sha256,
      serial: credential.serial,
    };
  }
}

function requireKeyType(contract: ProvisioningContract, csr: CertificationRequest): void {
  const wanted = contract.credential.key_type;
  if (csr.keyType === wanted) return;
  throw new ImprintError(
    'key_unsupported',
    `the unit made a key of type ${csr.keyType}; the contract asks for ${wanted}`,
    {
      hint: 'Flash the firmware of the contract and scan again.',
    },
  );
}

/** A unit loses its key now and then; a station that asks for key after key collects certificates. @throws attempt_cap_reached */
function requireFewKeys({ device_id }: Job, keys: number): void {
  if (keys < limits.keysPerJob) return;
  throw new ImprintError('attempt_cap_reached', `${keys} keys were certified for ${device_id} already`, {
    hint: 'Put the unit into the quarantine box; a line lead decides.',
  });
}

const isLive = ({ status }: Credential) => status === 'active' || status === 'intended';

/**
 * What a repeated request comes to before anything else is looked at: the certificate that it was given, for as long as
 * that is the job's, also when the attempt is over. A key that was replaced since is not certified again for it: such a
 * request was on its way for long. Undefined where the first one came to nothing.
 */
async function outcomeOf(
  reading: Reading,
  jobId: string,
  earlier: string,
  csr: CertificationRequest,
): Promise<Intended | undefined> {
  const { refusal } = JSON.parse(earlier) as { refusal?: Refusal };
  if (refusal) return { kind: 'refused', refusal };
  const last = await reading.tx
    .selectFrom('credential')
    .selectAll()
    .where('job_id', '=', jobId)
    .where('public_key_sha256', '=', csr.publicKeySha256)
    .orderBy(sql`case status when 'active' then 0 when 'intended' then 1 else 2 end`)
    .orderBy('revoked_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last?.status === 'active') return { kind: 'released', credential: last };
  if (last?.revocation_reason !== 'key-lost') return undefined;
  throw new ImprintError('job_state_wrong', `the unit of job ${jobId} made another key after this request`, {
    hint: 'Ask with a new request_id for the key that the unit holds now.',
  });
}

function refused(entries: Draft[], refusal: Refusal): Decision<Intended> {
  return { entries, reply: () => ({ kind: 'refused', refusal }) };
}

/** A job waits for its certificate until it has one; one that was set aside meanwhile waits no more. */
async function isKeyed({ tx }: Reading, jobId: string): Promise<Draft[] | undefined> {
  const [job] = (await selectJobState(tx, { job_id: jobId })).rows;
  return job?.state === 'keyed' ? [] : undefined;
}

// not joined with the credential: SQLite plans a join of these two anew at each run, which costs ten times as much as both
const selectJobState = statement<{ job_id: string }, Pick<Job, 'state'>>((db, arg) =>
  db.selectFrom('job').select('state').where('job_id', '=', arg('job_id')),
);
