/** For tests: one attempt of one unit, step by step, each step right in all but what the test changes. */

import assert from 'node:assert/strict';
import type { StationRequest, StationRouteName } from '@imprint/contract/api/station';
import { type AuditEntry, decodeEntry, type EntryType } from '@imprint/contract/audit/entry';
import type { AttestedState, ProveStatement } from '@imprint/contract/dut/statement';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { fromPem, toPem } from '@imprint/contract/x509/pem';
import { unpackEntry } from '../storage/packed-entry.ts';
import { completeJob } from './complete-job.ts';
import type { IssuedCredential } from './issue-credential.ts';
import { jobView } from './job-view.ts';
import { type Line, requestId, rightReadBack, sealedState, type TestUnit } from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { openJob } from './open-job.ts';
import { presentedKey } from './presented-key.ts';
import { reportSealed } from './report-sealed.ts';
import { reportWritten } from './report-written.ts';
import { submitProof } from './submit-proof.ts';

type Changes<N extends StationRouteName> = Partial<StationRequest<N>>;

export class Walk {
  readonly line: Line;
  readonly unit: TestUnit;
  readonly caller: StationCaller;
  jobId = '';
  attempt = 0;
  deviceId = '';
  der: Uint8Array = new Uint8Array();
  chainPem: string;
  factoryConfig = '';
  nonce = '';

  private constructor(line: Line, unit: TestUnit, caller: StationCaller) {
    this.line = line;
    this.unit = unit;
    this.caller = caller;
    this.chainPem = toPem('CERTIFICATE', line.hierarchy.certificates.issuing);
  }

  /** Scans `deviceId` with the unit in the fixture. */
  static async open(
    line: Line,
    unit: TestUnit,
    deviceId: string | null,
    change: Changes<'openJob'> = {},
    caller = line.caller,
  ): Promise<Walk> {
    const walk = new Walk(line, unit, caller);
    const { job_id, attempt } = await openJob(line.core, caller, {
      ...unit.openRequest('', `shift-${caller.stationId}`),
      device_id: deviceId,
      ...change,
    });
    const view = await jobView(line.core, job_id, attempt);
    Object.assign(walk, {
      jobId: job_id,
      attempt,
      deviceId: view.device_id,
      factoryConfig: view.factory_config,
      der: view.certificate ? fromPem('CERTIFICATE', view.certificate.device_cert_pem)[0]! : walk.der,
      chainPem: view.certificate?.chain_pem ?? walk.chainPem,
    });
    return walk;
  }

  async issue(change: Changes<'issueCredential'> = {}): Promise<IssuedCredential> {
    const { line, caller, unit, attempt } = this;
    const { csr_b64 = unit.csr(), ...changed } = change;
    const issued = await line.issuing.issue(caller, this.jobId, {
      request_id: requestId(),
      attempt,
      key: presentedKey(csr_b64),
      ...changed,
    });
    this.der = fromPem('CERTIFICATE', issued.device_cert_pem)[0]!;
    this.chainPem = issued.chain_pem;
    return issued;
  }

  get readBack() {
    return rightReadBack(this.line.core, this.deviceId, this.der, this.chainPem, this.factoryConfig);
  }

  async write(change: Changes<'reportWritten'> = {}): Promise<string> {
    const { line, caller, attempt, readBack } = this;
    const body = { request_id: requestId(), attempt, read_back: readBack, ...change };
    this.nonce = (await reportWritten(line.core, caller, this.jobId, body)).nonce;
    return this.nonce;
  }

  statement(change: Partial<ProveStatement> = {}): ProveStatement {
    const { line, unit, jobId, attempt, deviceId, nonce, der } = this;
    return { ...unit.statement(line.core, jobId, attempt, deviceId, nonce, der), ...change };
  }

  prove(change: Changes<'submitProof'> = {}) {
    const { line, caller, attempt, nonce, unit } = this;
    const signature_b64 = change.signature_b64 ?? unit.prove(this.statement());
    const body = { request_id: requestId(), attempt, nonce, ...change, signature_b64 };
    return submitProof(line.core, caller, this.jobId, body);
  }

  get state(): AttestedState {
    return sealedState(this.line.core, this.factoryConfig, this.line.product);
  }

  async seal(change: Changes<'reportSealed'> = {}): Promise<string> {
    const { line, caller, attempt, state } = this;
    const after = { debug_lock: state.debug_lock, boot_flags: state.boot_flags };
    const before = { debug_lock: 'open' as const, boot_flags: {} };
    const seal = { before, after, acts: [] };
    const body = { request_id: requestId(), attempt, seal, ...change };
    this.nonce = (await reportSealed(line.core, caller, this.jobId, body)).nonce;
    return this.nonce;
  }

  /** What the unit signs follows `change.state`, unless the test gives a signature. */
  complete(change: Changes<'completeJob'> = {}) {
    const { line, caller, attempt, nonce, unit, deviceId } = this;
    const state = change.state ?? this.state;
    const body: StationRequest<'completeJob'> = {
      request_id: requestId(),
      attempt,
      nonce,
      state,
      signature_b64: unit.attest(this.statement({ nonce: change.nonce ?? nonce }), state),
      selftest: { passed: true, checks: ['storage'] },
      label: { mode: line.product.contract.label.mode, scanned_back: deviceId },
      durations_ms: {},
      ...change,
    };
    return completeJob(line.core, caller, this.jobId, body);
  }
}

/** A unit that was walked as far as proven. */
export async function provenUnit(...args: Parameters<typeof Walk.open>): Promise<Walk> {
  const walk = await Walk.open(...args);
  await walk.issue();
  await walk.write();
  await walk.prove();
  return walk;
}

/** A unit that is done. */
export async function doneUnit(...args: Parameters<typeof Walk.open>): Promise<Walk> {
  const walk = await provenUnit(...args);
  await walk.seal();
  await walk.complete();
  return walk;
}

export function refuses(promise: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    if (!isImprintError(error, code)) {
      assert.fail(`not refused with ${code}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (message) assert.match(error.message, message);
    return true;
  });
}

/** All entries of the log, oldest first; of one type where one is named. */
export async function entriesOf<T extends EntryType>(
  line: Line,
  type?: T,
): Promise<Extract<AuditEntry, { type: T }>[]> {
  const rows = await line.core.ledger.reader
    .selectFrom('log_entry')
    .select('packed')
    .orderBy('log_index')
    .execute();
  const all = rows.map(({ packed }) => decodeEntry(unpackEntry(packed)));
  return all.filter((entry) => type === undefined || entry.type === type) as never;
}

export async function deviceOf(line: Line, deviceId: string) {
  const device = await line.core.ledger.reader
    .selectFrom('device')
    .selectAll()
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  const credentials = await line.core.ledger.reader
    .selectFrom('credential')
    .selectAll()
    .where('device_id', '=', deviceId)
    .orderBy('intended_at')
    .execute();
  const unit = await line.core.ledger.reader
    .selectFrom('unit')
    .selectAll()
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  const job = await line.core.ledger.reader
    .selectFrom('job')
    .selectAll()
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  return { device, credentials, unit, job };
}

export const quotaUsed = async (line: Line, orderId = 'order-1'): Promise<number> =>
  (
    await line.core.ledger.reader
      .selectFrom('production_order')
      .select('issued')
      .where('order_id', '=', orderId)
      .executeTakeFirstOrThrow()
  ).issued;
