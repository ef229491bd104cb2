/**
 * What a station may rely on in any authority, run against the double of the station's tests and against the real one: the
 * same request is the same answer, nonces serve once and for one thing, and states come in order.
 */
import assert from 'node:assert/strict';
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { describe, it } from 'node:test';
import type { JobView, SessionView, StationRequest } from '@imprint/contract/api/station';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { toBase64 } from '@imprint/contract/bytes';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
} from '@imprint/contract/dut/statement';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { AuthorityClient } from './authority-client.ts';
import { certificationRequest } from './certification-request.ts';
import { GatheringAuthority } from './gathering-authority.ts';

export interface AuthorityUnderTest {
  /** A client of an enrolled station with at least two lanes, that is assigned to the order. */
  client: AuthorityClient;
  /** IDs of one open order under the contract that was given; at least three. */
  deviceIds: string[];
  /** A badge that is registered. */
  badge: string;
  close(): Promise<void>;
}

/** `open` makes a fresh authority with one order under this contract (P-256, preprinted labels, one visit). */
export function authorityContractSuite(
  kind: string,
  contractText: string,
  open: () => Promise<AuthorityUnderTest>,
): void {
  const parsed = parseProvisioningContract(contractText, 'contract.yaml');
  const { contract } = parsed;

  const id = () => randomBytes(16).toString('hex');
  const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const code =
    (...codes: ErrorCode[]) =>
    (error: unknown) => {
      assert.ok(isImprintError(error, ...codes), `${String(error)} instead of ${codes.join(' or ')}`);
      return true;
    };

  /** A unit on paper: a key, and the statements that it would compose. */
  class PaperUnit {
    readonly uid: HardwareUid = contract.identity.hardware_uid.map((unitKind) => ({
      kind: unitKind,
      value: randomBytes(8).toString('hex'),
    }));
    readonly keys: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
    });
    sign(message: Uint8Array): string {
      return toBase64(new Uint8Array(sign('sha256', message, this.keys.privateKey)));
    }
    get csr(): string {
      return toBase64(certificationRequest('unit', this.keys.publicKey, this.keys.privateKey));
    }
  }

  async function begin() {
    const under = await open();
    const { client } = under;
    const session = await client.call(
      'openSession',
      {},
      {
        station_version: '0.1.0',
        configuration_sha256: '00'.repeat(32),
        station_time: '2026-01-01T00:00:00.000Z',
        last_checkpoint: null,
      },
    );
    const { shift_id } = await client.call('openShift', {}, { request_id: id(), badge: under.badge });
    const openRequest = (unit: PaperUnit, deviceId: string | null): StationRequest<'openJob'> => ({
      request_id: id(),
      order_id: null,
      device_id: deviceId,
      operation: 'provision',
      hardware_uid: unit.uid,
      hw_rev: contract.hardware_revisions[0]!,
      firmware: contract.firmware,
      held: { device_id: null, public_key_sha256: null, certificate_sha256: null },
      where: { lane: 1, carrier: null, position: null },
      shift_id,
    });
    return { ...under, session, openRequest };
  }

  const statement = (
    session: SessionView,
    job: JobView,
    unit: PaperUnit,
    leafPem: string,
    nonce: string,
  ): ProveStatement => ({
    realm: session.realm,
    logId: sha256(parseVerifierKey(session.log_verifier_key).publicKey),
    jobId: job.job_id,
    attempt: job.attempt,
    deviceId: job.device_id,
    hardwareUid: unit.uid,
    certificateSha256: sha256(new X509Certificate(leafPem).raw),
    contractSha256: parsed.sha256,
    nonce,
  });
  const readBackOf = (job: JobView, leafPem: string, chainPem: string) => ({
    device_id: job.device_id,
    certificate_sha256: sha256(new X509Certificate(leafPem).raw),
    chain_sha256: sha256(
      Buffer.concat(
        chainPem
          .split(/(?<=-----END CERTIFICATE-----\n)/)
          .filter((pem) => pem.trim() !== '')
          .map((pem) => new X509Certificate(pem).raw),
      ),
    ),
    trust_anchor_sha256: sha256(new X509Certificate(job.trust_anchor_pem).raw),
    factory_config_sha256: sha256(job.factory_config),
  });
  const sealed = { debug_lock: contract.lock_policy.debug, boot_flags: contract.boot_flags };
  const stateOf = (job: JobView): AttestedState => ({
    ...sealed,
    firmware_build_id: contract.firmware.build_id,
    firmware_sha256: contract.firmware.sha256,
    rollback_counter: contract.firmware.rollback_counter,
    boot_count: 3,
    trust_anchor_sha256: sha256(new X509Certificate(job.trust_anchor_pem).raw),
    factory_config_sha256: sha256(job.factory_config),
    storage_map_sha256: storageMapSha256(contract),
  });

  /** Brings a paper unit to `proven`. */
  async function toProven(work: Awaited<ReturnType<typeof begin>>, unit: PaperUnit, deviceId: string) {
    const { client, session } = work;
    const job = await client.call('openJob', {}, work.openRequest(unit, deviceId));
    const at = { job_id: job.job_id };
    const issued = await client.call('issueCredential', at, {
      request_id: id(),
      attempt: job.attempt,
      csr_b64: unit.csr,
    });
    const { nonce } = await client.call('reportWritten', at, {
      request_id: id(),
      attempt: job.attempt,
      read_back: readBackOf(job, issued.device_cert_pem, issued.chain_pem),
    });
    const signature_b64 = unit.sign(proveBytes(statement(session, job, unit, issued.device_cert_pem, nonce)));
    const proof = { request_id: id(), attempt: job.attempt, nonce, signature_b64 };
    const proven = await client.call('submitProof', at, proof);
    assert.equal(proven.state, 'proven');
    return { job, at, issued, proof };
  }

  async function complete(work: Awaited<ReturnType<typeof begin>>, unit: PaperUnit, deviceId: string) {
    const { client, session } = work;
    const { job, at, issued } = await toProven(work, unit, deviceId);
    const { nonce } = await client.call('reportSealed', at, {
      request_id: id(),
      attempt: job.attempt,
      seal: {
        before: { debug_lock: 'open', boot_flags: {} },
        after: sealed,
        acts: ['write_boot_flags', 'finalize'],
      },
    });
    const state = stateOf(job);
    const completion = {
      request_id: id(),
      attempt: job.attempt,
      nonce,
      state,
      signature_b64: unit.sign(
        attestBytes(statement(session, job, unit, issued.device_cert_pem, nonce), state),
      ),
      selftest: { passed: true, checks: ['key'] },
      label: { mode: contract.label.mode, scanned_back: job.device_id },
      durations_ms: { key: 5 },
    };
    return { job, at, completion, completed: await client.call('completeJob', at, completion) };
  }

  describe(`an authority (${kind})`, { timeout: 60_000 }, () => {
    it('brings a unit from its scan to its receipt, and gives the receipt again whenever it is scanned', async () => {
      const work = await begin();
      try {
        const unit = new PaperUnit();
        const { job, at, completion, completed } = await complete(work, unit, work.deviceIds[0]!);
        assert.equal(typeof JSON.parse(completed.receipt), 'object');
        assert.deepEqual(
          await work.client.call('completeJob', at, completion),
          completed,
          'the same request, the same answer',
        );
        const again = await work.client.call('openJob', {}, work.openRequest(unit, job.device_id));
        assert.equal(again.state, 'done');
        assert.equal(again.job_id, job.job_id);
        assert.notEqual(again.receipt, null);
      } finally {
        await work.close();
      }
    });

    it('I-22: the same request gets the same answer; the same ID with another body is refused', async () => {
      const work = await begin();
      try {
        const unit = new PaperUnit();
        const request = work.openRequest(unit, work.deviceIds[0]!);
        const job = await work.client.call('openJob', {}, request);
        const twice = await work.client.call('openJob', {}, request);
        assert.equal(twice.job_id, job.job_id);
        assert.equal(twice.attempt, job.attempt);
        await assert.rejects(
          work.client.call('openJob', {}, { ...request, hw_rev: contract.hardware_revisions.at(-1)! }),
          code('idempotency_conflict'),
        );
        const at = { job_id: job.job_id };
        const credential = { request_id: id(), attempt: job.attempt, csr_b64: unit.csr };
        const issued = await work.client.call('issueCredential', at, credential);
        assert.deepEqual(await work.client.call('issueCredential', at, credential), issued);
      } finally {
        await work.close();
      }
    });

    it('I-26: a proof under another key, for another nonce or sent twice is refused', async () => {
      const work = await begin();
      try {
        const { job, at, proof } = await toProven(work, new PaperUnit(), work.deviceIds[0]!);
        const reused = { ...proof, request_id: id() };
        await assert.rejects(work.client.call('submitProof', at, reused), code('nonce_invalid'));
        const foreign = { ...proof, request_id: id(), nonce: 'ab'.repeat(32) };
        await assert.rejects(work.client.call('submitProof', at, foreign), code('nonce_invalid'));
        const late = { ...proof, request_id: id(), attempt: job.attempt + 1 };
        await assert.rejects(
          work.client.call('submitProof', at, late),
          code('job_not_open', 'nonce_invalid'),
        );
      } finally {
        await work.close();
      }
    });

    it('I-27: nothing is completed before it was proven and sealed', async () => {
      const work = await begin();
      try {
        const unit = new PaperUnit();
        const job = await work.client.call('openJob', {}, work.openRequest(unit, work.deviceIds[0]!));
        const at = { job_id: job.job_id };
        const seal = { before: sealed, after: sealed, acts: [] };
        await assert.rejects(
          work.client.call('reportSealed', at, { request_id: id(), attempt: job.attempt, seal }),
          code('job_state_wrong'),
        );
      } finally {
        await work.close();
      }
    });

    it('I-22: many units ask in one request, and each has an outcome of its own: the same as if it asked alone', async () => {
      const work = await begin();
      try {
        const [first, second] = work.deviceIds as [string, string];
        const units = [new PaperUnit(), new PaperUnit()] as const;
        const jobs = [
          await work.client.call('openJob', {}, work.openRequest(units[0], first)),
          await work.client.call('openJob', {}, work.openRequest(units[1], second)),
        ] as const;
        const asks = units.map(({ csr }, at) => ({
          job_id: jobs[at]!.job_id,
          request_id: id(),
          attempt: 1,
          csr_b64: csr,
        }));
        const stranger = { ...asks[0]!, job_id: 'j-of-nobody', request_id: id() };
        const { chain_pem, outcomes } = await work.client.call(
          'issueCredentials',
          {},
          { units: [asks[0]!, stranger, asks[1]!] },
        );
        assert.equal(outcomes.length, 3);
        const [one, nobodys, two] = outcomes;
        assert.ok('problem' in nobodys! && nobodys.problem.code === 'unknown_job', JSON.stringify(nobodys));
        for (const [at, outcome] of [one, two].entries()) {
          assert.ok('credential' in outcome!);
          const { job_id, ...alone } = asks[at]!;
          assert.deepEqual(await work.client.call('issueCredential', { job_id }, alone), {
            ...outcome.credential,
            chain_pem,
          });
        }
        const again = await work.client.call('issueCredentials', {}, { units: [...asks] });
        assert.deepEqual(again.outcomes, [one, two]);
      } finally {
        await work.close();
      }
    });

    it('I-22: lanes that ask at one time are asked for together, and each is told what it would be told alone', async () => {
      const work = await begin();
      try {
        const asks = [];
        for (const deviceId of work.deviceIds.slice(0, 2)) {
          const unit = new PaperUnit();
          const { job_id } = await work.client.call('openJob', {}, work.openRequest(unit, deviceId));
          asks.push({ at: { job_id }, request: { request_id: id(), attempt: 1, csr_b64: unit.csr } });
        }
        const [first, second] = asks as [(typeof asks)[0], (typeof asks)[0]];
        const stranger = { at: { job_id: 'j-of-nobody' }, request: { ...first.request, request_id: id() } };
        const together = new GatheringAuthority(work.client);
        const settled = await Promise.allSettled(
          [first, stranger, second].map(({ at, request }) => together.call('issueCredential', at, request)),
        );
        for (const [ask, outcome] of [
          [first, settled[0]],
          [second, settled[2]],
        ] as const) {
          assert.equal(outcome?.status, 'fulfilled');
          const alone = await work.client.call('issueCredential', ask.at, ask.request);
          assert.deepEqual(outcome?.status === 'fulfilled' && outcome.value, alone);
        }
        const [, refused] = settled;
        assert.ok(refused?.status === 'rejected' && code('unknown_job')(refused.reason));
      } finally {
        await work.close();
      }
    });

    it('I-7: one unit has one ID, one ID has one unit, and one key serves one ID', async () => {
      const work = await begin();
      try {
        const [first, second] = work.deviceIds as [string, string];
        const unit = new PaperUnit();
        const job = await work.client.call('openJob', {}, work.openRequest(unit, first));
        await work.client.call(
          'issueCredential',
          { job_id: job.job_id },
          { request_id: id(), attempt: 1, csr_b64: unit.csr },
        );
        await assert.rejects(
          work.client.call('openJob', {}, work.openRequest(unit, second)),
          code('wrong_label'),
        );
        const cloned = new PaperUnit();
        Object.assign(cloned.keys, unit.keys);
        const other = await work.client.call('openJob', {}, work.openRequest(cloned, second));
        await assert.rejects(
          work.client.call(
            'issueCredential',
            { job_id: other.job_id },
            { request_id: id(), attempt: 1, csr_b64: cloned.csr },
          ),
          code('key_reused'),
        );
        await assert.rejects(
          work.client.call('openJob', {}, work.openRequest(new PaperUnit(), first)),
          code('unit_conflict'),
        );
      } finally {
        await work.close();
      }
    });

    it('a failed attempt leaves the job where it was; the next attempt goes on there, and a set-aside unit does not come back', async () => {
      const work = await begin();
      try {
        const unit = new PaperUnit();
        const { job, at } = await toProven(work, unit, work.deviceIds[0]!);
        const ended = {
          request_id: id(),
          attempt: job.attempt,
          outcome: 'failed' as const,
          step: 'seal',
          failure_code: 'link_lost' as const,
          reason: 'the cable was pulled',
          durations_ms: {},
        };
        const { attempts_left } = await work.client.call('endAttempt', at, ended);
        assert.ok(attempts_left > 0);
        const next = await work.client.call('openJob', {}, work.openRequest(unit, job.device_id));
        assert.equal(next.job_id, job.job_id);
        assert.equal(next.attempt, job.attempt + 1);
        assert.equal(next.state, 'proven');
        assert.notEqual(next.certificate, null);
        const told = {
          request_id: id(),
          attempt: next.attempt,
          step: 'seal',
          failure_code: 'seal_failed' as const,
          reason: 'a fuse did not take',
          other_unit: null,
        };
        assert.equal((await work.client.call('quarantineJob', at, told)).state, 'quarantined');
        await assert.rejects(
          work.client.call('openJob', {}, work.openRequest(unit, job.device_id)),
          code('device_quarantined'),
        );
      } finally {
        await work.close();
      }
    });

    it('an ID of no order, and work without a shift, are refused', async () => {
      const work = await begin();
      try {
        await assert.rejects(
          work.client.call('openJob', {}, work.openRequest(new PaperUnit(), 'SN-NONE')),
          code('not_allocated'),
        );
        const unsigned = { ...work.openRequest(new PaperUnit(), work.deviceIds[0]!), shift_id: null };
        await assert.rejects(work.client.call('openJob', {}, unsigned), code('shift_not_open'));
      } finally {
        await work.close();
      }
    });
  });
}
