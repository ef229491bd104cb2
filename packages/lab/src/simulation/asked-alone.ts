/** A request for many units, as what it stands for: each of them asked alone, and answered for itself. */
import type { StationRequest, StationResponse } from '@imprint/contract/api/station';
import type { Answer } from '@imprint/station/read-answer';
import type { Message } from './network.ts';

export interface Exchange {
  message: Message;
  answer: Answer;
}

/** One exchange for each unit that was answered; any other exchange stands for itself. */
export function askedAlone(exchange: Exchange): Exchange[] {
  const { message, answer } = exchange;
  if (message.route !== 'issueCredentials' || answer.status !== 200) return [exchange];
  const { units } = JSON.parse(message.body) as StationRequest<'issueCredentials'>;
  const { chain_pem, outcomes } = JSON.parse(answer.text) as StationResponse<'issueCredentials'>;
  return units.slice(0, outcomes.length).map(({ job_id, ...request }, at) => {
    const outcome = outcomes[at]!;
    const [status, told] =
      'credential' in outcome
        ? [200, { chain_pem, ...outcome.credential }]
        : [outcome.problem.status, outcome.problem];
    return {
      message: { ...message, route: 'issueCredential', params: { job_id }, body: JSON.stringify(request) },
      answer: { status, text: JSON.stringify(told) },
    };
  });
}
