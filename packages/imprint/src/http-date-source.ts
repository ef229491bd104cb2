/** A clock to compare with: the Date header (RFC 9110 section 6.6.1) of a server that one names, good to a second. */
import type { ClockSource } from '@imprint/authority/clock/clock-guard';
import { limits } from '@imprint/contract/limits';

export function httpDateSource(url: string): ClockSource {
  return {
    name: new URL(url).host,
    now: async () => {
      const response = await fetch(url, {
        method: 'HEAD',
        redirect: 'manual',
        signal: AbortSignal.timeout(limits.requestTimeoutMs),
      });
      const date = new Date(response.headers.get('date') ?? '');
      if (Number.isNaN(date.getTime())) throw new Error('its answer has no Date');
      return date;
    },
  };
}
