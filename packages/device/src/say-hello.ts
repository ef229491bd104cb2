/** The device says that it lives, and what it runs. Its first word after it was shipped activates it. */
import { type DeviceReport, deviceRoutes } from '@imprint/contract/api/device';
import { ImprintError } from '@imprint/contract/errors';
import type { Connection } from './authority-connection.ts';
import { refusalOf } from './refusal.ts';

/** When it is wanted again, in milliseconds, and what time it is there. @throws what the authority refuses, under its code; unavailable */
export async function sayHello(
  connection: Connection,
  report: DeviceReport,
  isStarted: boolean,
): Promise<{ nextContactMs: number; serverTime: string }> {
  const route = isStarted ? deviceRoutes.heartbeat : deviceRoutes.hello;
  const answer = await connection.ask({
    method: route.method,
    path: route.path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(report),
  });
  if (answer.status !== 200) throw refusalOf(answer);
  const said = route.response.safeParse(parseJson(answer.body));
  if (said.success) {
    const { next_contact_seconds, server_time } = said.data;
    return { nextContactMs: next_contact_seconds * 1000, serverTime: server_time };
  }
  throw new ImprintError('unavailable', 'the authority answered a hello with something else', {
    hint: 'Check that the address is that of the authority’s listener for devices.',
  });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
