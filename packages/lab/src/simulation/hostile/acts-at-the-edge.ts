/** What a thief tries before any job: sessions, badges, tokens that it guesses, and what is no request at all. */
import { type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { type Act, type Outcome, refused, together } from './act.ts';
import { type StolenStation, stolenStation } from './stolen-station.ts';

export const routeNames = Object.keys(stationRoutes) as StationRouteName[];

/** Texts that are JSON and no request of any route; the parser of the listener has read them before. */
const nonsense: readonly string[] = [
  '[]',
  'null',
  '"x"',
  '0',
  '{"__proto__":{"a":1}}',
  '{"request_id":null}',
  JSON.stringify({ request_id: 'x'.repeat(9_999) }),
  `${'['.repeat(500)}${']'.repeat(500)}`,
  '{"request_id":"00000000000000000000000000000000","attempt":-1,"surplus":1e999}',
];
const noWords = ['../x', '', 'a/b', '%2e', 'x'.repeat(65), 'é', '\u0000', '-'];

async function mustBeBad(
  thief: StolenStation,
  route: StationRouteName,
  params: string,
  body: string,
): Promise<Outcome> {
  const { answer } = await thief.sayRaw({
    stationId: stolenStation,
    sessionId: thief.sessionId,
    route,
    params: { job_id: params, check_id: params, shift_id: params, contract_sha256: params },
    body,
  });
  if (answer === undefined) return 'not tried';
  if (answer.status === 400) return 'held';
  return { broken: `${route} answers ${answer.status} ${answer.text.slice(0, 100)} to ${body.slice(0, 60)}` };
}

export const actsAtTheEdge: Record<string, Act> = {
  'says what is no request, on every route': async (thief) => {
    const outcomes: Outcome[] = [];
    for (const route of routeNames) {
      outcomes.push(await mustBeBad(thief, route, 'a', thief.draw.pick(nonsense)));
      outcomes.push(await mustBeBad(thief, route, thief.draw.pick(noWords), '{}'));
    }
    return together(...outcomes);
  },
  'speaks in a session that it made up': async (thief) =>
    refused(
      await thief.say(
        'closeShift',
        { shift_id: thief.shiftId ?? 's' },
        { request_id: thief.requestId() },
        'w-0123456789abcdef0123',
      ),
      'station_session_taken',
      'not_authenticated',
    ),
  'speaks in its former session': async (thief) => {
    const former = thief.sessionId;
    if (former === undefined || !(await thief.signIn())) return 'not tried';
    return refused(
      await thief.say('closeShift', { shift_id: thief.shiftId! }, { request_id: thief.requestId() }, former),
      'station_session_taken',
    );
  },
  'guesses a badge': async (thief) =>
    refused(
      await thief.say('openShift', {}, { request_id: thief.requestId(), badge: `OP-${thief.requestId()}` }),
      'unknown_operator',
    ),
  'guesses an enrolment token': async (thief) => {
    const guess = { token: `imprint-${thief.requestId()}`, csr_b64: await thief.newUnit().csr() };
    return together(
      refused(await thief.say('requestEnrolment', {}, guess), 'token_invalid'),
      refused(await thief.say('collectEnrolment', {}, guess), 'token_invalid'),
    );
  },
};
