/**
 * Lets the lanes of a station ask for their certificates together, as the boards of a gang fixture make their keys at one
 * time. Each lane asks as if it were alone, and gets its own credential or its own refusal.
 */
import { fromProblem } from '@imprint/contract/api/problem';
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { AuthorityClient } from './authority-client.ts';

type Credential = StationResponse<'issueCredential'>;

interface Ask {
  unit: StationRequest<'issueCredentials'>['units'][number];
  answer(credential: Credential): void;
  refuse(error: unknown): void;
}

/** Text of the longest certification request that an authority takes. */
const csrTextLength = Math.ceil(limits.csrBytes / 3) * 4;

/**
 * The first `issueCredential` goes at once; those that come while it is under way wait for its end and go in one
 * `issueCredentials`. Every other request passes through. One attempt for one call: whoever wants more wraps it, and each
 * lane then asks again for itself, under its own request ID (I-22).
 */
export class GatheringAuthority implements AuthorityClient {
  readonly #inner: AuthorityClient;
  #waiting: Ask[] = [];
  #isAsking = false;

  constructor(inner: AuthorityClient) {
    this.#inner = inner;
  }

  call<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>> {
    if (route !== 'issueCredential') return this.#inner.call(route, params, request);
    const own = request as StationRequest<'issueCredential'>;
    return new Promise<Credential>((answer, refuse) => {
      this.#waiting.push({ unit: { ...own, job_id: params.job_id! }, answer, refuse });
      if (!this.#isAsking) void this.#askForAll();
    }) as Promise<StationResponse<N>>;
  }

  async #askForAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const asks = this.#takeNext();
      try {
        if (asks.length === 1) await this.#askAlone(asks[0]!);
        else await this.#askTogether(asks);
      } catch (error) {
        // nobody answered, or what was said is said of this station and not of a unit
        for (const { refuse } of asks) refuse(error);
      }
    }
    this.#isAsking = false;
  }

  /** Those that wait, in order. What no authority takes goes alone, so that the others are not refused with it. */
  #takeNext(): Ask[] {
    const tooLong = this.#waiting.findIndex(({ unit }) => unit.csr_b64.length > csrTextLength);
    const most = tooLong < 0 ? limits.unitsPerRequest : Math.max(1, tooLong);
    return this.#waiting.splice(0, Math.min(most, limits.unitsPerRequest));
  }

  async #askAlone({ unit: { job_id, ...request }, answer }: Ask): Promise<void> {
    answer(await this.#inner.call('issueCredential', { job_id }, request));
  }

  async #askTogether(asks: readonly Ask[]): Promise<void> {
    const units = asks.map(({ unit }) => unit);
    const { chain_pem, outcomes } = await this.#inner.call('issueCredentials', {}, { units });
    // an answer to another request says nothing of these units: they ask again
    if (outcomes.length !== asks.length) {
      const message = `the authority answered for ${outcomes.length} units and not for ${asks.length}`;
      throw new ImprintError('unavailable', message, {
        hint: 'Scan the units again; if it stays, call the person who runs the authority.',
      });
    }
    for (const [at, outcome] of outcomes.entries()) {
      const { answer, refuse } = asks[at]!;
      if ('credential' in outcome) answer({ chain_pem, ...outcome.credential });
      else refuse(fromProblem(outcome.problem));
    }
  }
}
