/** The PC's clock against the authority's: it decides nothing, but a wrong one breaks TLS and misleads whoever reads its records. */
import { request } from 'node:https';
import { limits } from '@imprint/contract/limits';
import type { StationHome } from '@imprint/station/station-home';
import { ok, unknown, warn } from '../check.ts';
import { ofStation } from './facts.ts';

export const clock = ofStation('clock', async (station, { now }) => {
  const before = now().getTime();
  let theirs: Date;
  try {
    theirs = await dateOf(station);
  } catch (error) {
    return unknown(
      `the authority gives no time: ${(error as Error).message}`,
      'Look at the network between the two, then ask again.',
    );
  }
  // a Date header is good to a second
  const offMs = Math.max(before - theirs.getTime() - 1000, theirs.getTime() - now().getTime());
  const seconds = Math.max(0, Math.round(offMs / 1000));
  if (offMs <= limits.clockBoundMs) return ok(`it is within ${Math.max(1, seconds)} s of the authority's`);
  return warn(
    `this PC's clock is ${seconds} s off the authority's`,
    'Set it right (NTP): certificates look ended or not yet begun to a wrong clock.',
  );
});

/** The Date header (RFC 9110, 6.6.1) of any answer: no session is opened, so that a station at work is not disturbed. */
function dateOf({ settings, identity, authorityCaPem }: StationHome): Promise<Date> {
  return new Promise((resolve, reject) => {
    const asked = request(
      settings.authority_url,
      {
        method: 'HEAD',
        ca: authorityCaPem,
        allowPartialTrustChain: true,
        minVersion: 'TLSv1.3',
        cert: identity.certificatePem,
        key: identity.keyPem,
        agent: false,
        timeout: limits.requestTimeoutMs,
      },
      (answer) => {
        answer.resume();
        const date = new Date(answer.headers.date ?? '');
        if (Number.isNaN(date.getTime())) reject(new Error('its answer has no Date'));
        else resolve(date);
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('nobody answered in time')));
    asked.once('error', reject);
    asked.end();
  });
}
