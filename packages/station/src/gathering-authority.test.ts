import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { toBase64 } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { AuthorityDouble } from './authority.double.ts';
import type { AuthorityClient } from './authority-client.ts';
import { gatewayIds, gatewayText } from './bench.double.ts';
import { certificationRequest } from './certification-request.ts';
import { GatheringAuthority } from './gathering-authority.ts';
import { RetryingAuthority } from './retrying-authority.ts';
import { RushedTimers } from './rushed-timers.double.ts';

type Units = StationRequest<'issueCredentials'>['units'];

const newId = () => randomBytes(16).toString('hex');

function csr(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return toBase64(certificationRequest('unit', publicKey, privateKey));
}

/** An authority with an open job for each of the gateway's IDs, and what each of their units asks. */
async function withJobs() {
  const authority = new AuthorityDouble({ contractText: gatewayText, deviceIds: gatewayIds });
  const { contract } = authority.contract;
  const { shift_id } = await authority.call('openShift', {}, { request_id: newId(), badge: 'OP-1001' });
  const asks: Units = [];
  for (const [at, device_id] of gatewayIds.entries()) {
    const { job_id } = await authority.call(
      'openJob',
      {},
      {
        request_id: newId(),
        order_id: null,
        device_id,
        operation: 'provision',
        hardware_uid: contract.identity.hardware_uid.map((kind) => ({
          kind,
          value: randomBytes(8).toString('hex'),
        })),
        hw_rev: contract.hardware_revisions[0]!,
        firmware: contract.firmware,
        held: { device_id: null, public_key_sha256: null, certificate_sha256: null },
        where: { lane: at + 1, carrier: null, position: null },
        shift_id,
      },
    );
    asks.push({ job_id, request_id: newId(), attempt: 1, csr_b64: csr() });
  }
  authority.calls.length = 0;
  return { authority, asks };
}

function askAll(client: AuthorityClient, asks: Units) {
  return Promise.allSettled(
    asks.map(({ job_id, ...request }) => client.call('issueCredential', { job_id }, request)),
  );
}

/** How many units each request carried, in order. */
function sizes({ calls }: AuthorityDouble): number[] {
  return calls
    .filter(({ route }) => route.startsWith('issueCredential'))
    .map(({ request }) => (request as { units?: Units }).units?.length ?? 1);
}

/** Answers nobody before it is told to, and keeps what it was asked. */
class HeldAuthority implements AuthorityClient {
  readonly asked: { route: StationRouteName; request: unknown; answer: (answer: unknown) => void }[] = [];

  call<N extends StationRouteName>(route: N, _: object, request: StationRequest<N>) {
    return new Promise<StationResponse<N>>((resolve) => {
      this.asked.push({ route, request, answer: (answer) => resolve(answer as StationResponse<N>) });
    });
  }

  units(at: number): Units {
    return (this.asked[at]!.request as { units: Units }).units;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const ask = (change: Partial<Units[number]> = {}): Units[number] => ({
  job_id: 'j-1',
  request_id: newId(),
  attempt: 1,
  csr_b64: 'AAAA',
  ...change,
});

describe('lanes that ask for their certificates at one time', () => {
  it('the first asks at once and alone, and those that come meanwhile ask together', async () => {
    const { authority, asks } = await withJobs();
    const settled = await askAll(new GatheringAuthority(authority), asks);
    assert.deepEqual(sizes(authority), [1, 3]);
    for (const [at, { job_id, ...request }] of asks.entries()) {
      const alone = await authority.call('issueCredential', { job_id }, request);
      assert.deepEqual(settled[at], { status: 'fulfilled', value: alone }, 'I-22: the same either way');
    }
    assert.equal(authority.issued.length, asks.length);
  });

  it('each lane gets its own refusal, and the others their certificates', async () => {
    const { authority, asks } = await withJobs();
    const withStranger = [asks[0]!, { ...asks[1]!, job_id: 'j-of-nobody' }, asks[2]!, asks[3]!];
    const settled = await askAll(new GatheringAuthority(authority), withStranger);
    assert.deepEqual(sizes(authority), [1, 3]);
    const { job_id: _, ...own } = asks[1]!;
    const alone = await authority
      .call('issueCredential', { job_id: 'j-of-nobody' }, { ...own, request_id: newId() })
      .catch((error: unknown) => error);
    assert.ok(isImprintError(alone, 'unknown_job'));
    for (const [at, outcome] of settled.entries()) {
      if (at !== 1) assert.equal(outcome.status, 'fulfilled');
      else {
        assert.ok(outcome.status === 'rejected' && isImprintError(outcome.reason, alone.code));
        assert.equal(outcome.reason.message, alone.message);
      }
    }
  });

  it('I-22, I-29: a lost request or answer is asked again by each lane under its own ID, and nothing is issued twice', async () => {
    for (const loss of ['request', 'reply'] as const) {
      const { authority, asks } = await withJobs();
      authority.loss = (route, count) => (route === 'issueCredentials' && count === 1 ? loss : undefined);
      const client = new RetryingAuthority(new GatheringAuthority(authority), new RushedTimers());
      const settled = await askAll(client, asks);
      assert.ok(settled.every(({ status }) => status === 'fulfilled'));
      assert.equal(authority.issued.length, asks.length);
      const ids = authority.calls.flatMap(
        ({ request }) => (request as { units?: Units }).units?.map((unit) => unit.request_id) ?? [],
      );
      assert.ok(ids.every((sent) => asks.some(({ request_id }) => request_id === sent)));
    }
  });

  it('what the authority says of the station is said to each lane', async () => {
    const { authority, asks } = await withJobs();
    const revoked = new ImprintError('station_revoked', 'this station was revoked');
    const client = new GatheringAuthority({
      call: (route, params, request) =>
        route === 'issueCredentials' ? Promise.reject(revoked) : authority.call(route, params, request),
    });
    const settled = await askAll(client, asks);
    assert.deepEqual(
      settled.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.status)),
      ['fulfilled', revoked, revoked, revoked],
    );
    const [again] = await askAll(client, [asks[1]!]);
    assert.equal(again!.status, 'fulfilled', 'the next one is asked for as ever');
  });

  it('an answer about another number of units is believed by nobody', async () => {
    const { authority, asks } = await withJobs();
    const client = new GatheringAuthority({
      call: async (route, params, request) => {
        const answer = await authority.call(route, params, request);
        if (route !== 'issueCredentials') return answer;
        const { chain_pem, outcomes } = answer as StationResponse<'issueCredentials'>;
        return { chain_pem, outcomes: outcomes.slice(1) } as never;
      },
    });
    const settled = await askAll(client, asks);
    for (const outcome of settled.slice(1))
      assert.ok(outcome.status === 'rejected' && isImprintError(outcome.reason, 'unavailable'));
  });

  it('no request is for more units than the API takes, and one is under way at a time', async () => {
    const held = new HeldAuthority();
    const client = new GatheringAuthority(held);
    void askAll(
      client,
      Array.from({ length: limits.lanesPerStation }, () => ask()),
    );
    await turn();
    assert.equal(held.asked.length, 1);
    held.asked[0]!.answer({});
    await turn();
    assert.equal(held.asked.length, 2);
    assert.equal(held.units(1).length, limits.unitsPerRequest);
    held.asked[1]!.answer({ chain_pem: '', outcomes: held.units(1).map(() => ({ credential: {} })) });
    await turn();
    assert.equal(held.units(2).length, limits.lanesPerStation - 1 - limits.unitsPerRequest);
  });

  it('a certification request that no authority takes goes alone, so that it takes no other with it', async () => {
    const held = new HeldAuthority();
    const long = ask({ csr_b64: 'A'.repeat(2 * limits.csrBytes) });
    void askAll(new GatheringAuthority(held), [ask(), ask(), long, ask(), ask()]);
    for (const [at, size] of [1, 1, 1, 2].entries()) {
      await turn();
      assert.equal(held.asked.length, at + 1);
      const { route, answer } = held.asked[at]!;
      assert.equal(route === 'issueCredential' ? 1 : held.units(at).length, size);
      answer(route === 'issueCredential' ? {} : { chain_pem: '', outcomes: [] });
    }
    assert.deepEqual(held.asked[2]!.request, {
      request_id: long.request_id,
      attempt: 1,
      csr_b64: long.csr_b64,
    });
  });

  it('whatever else is asked passes through meanwhile', async () => {
    const held = new HeldAuthority();
    const client = new GatheringAuthority(held);
    void askAll(client, [ask(), ask()]);
    void client.call('closeShift', { shift_id: 's-1' }, { request_id: newId() });
    assert.deepEqual(
      held.asked.map(({ route }) => route),
      ['issueCredential', 'closeShift'],
    );
  });
});
