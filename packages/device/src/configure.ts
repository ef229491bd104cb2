/** The configuration that a device is given: fetched where it changed, applied by the device's own program, and what came of it is said. */
import { deviceConfigurationRoutes } from '@imprint/contract/api/device-configuration';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import type { Connection } from './authority-connection.ts';
import { refusalOf } from './refusal.ts';

export type ConfigurationValues = Record<string, string | number | boolean>;

/** Makes the values the device's own, all or none. What it throws is reported, so its message holds no value. */
export type ApplyConfiguration = (values: ConfigurationValues) => Promise<void>;

export interface Configured {
  etag: string;
  outcome: 'applied' | 'failed';
}

/**
 * Applies the configuration where it is another one than `held`; undefined where it is not. Broken off after it was applied, the next call
 * applies it once more.
 * @throws what the authority refuses, under its code; unavailable
 */
export async function configure(
  connection: Connection,
  held: string | undefined,
  apply: ApplyConfiguration,
): Promise<Configured | undefined> {
  const { getConfiguration: get, reportConfiguration: report } = deviceConfigurationRoutes;
  const headers: Record<string, string> = held === undefined ? {} : { 'if-none-match': `"${held}"` };
  const answer = await connection.ask({ method: get.method, path: get.path, headers });
  if (answer.status === 304) return undefined;
  if (answer.status !== 200) throw refusalOf(answer);
  const given = get.response.safeParse(parseJson(answer.body));
  if (!given.success) {
    throw new ImprintError('unavailable', 'the authority answered with no configuration', {
      hint: 'Nothing was applied. Check that device and authority are of versions that fit.',
    });
  }
  const { etag, values } = given.data;
  const detail = await failureOf(apply, values);
  const configured: Configured = { etag, outcome: detail === null ? 'applied' : 'failed' };
  const said = await connection.ask({
    method: report.method,
    path: report.path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...configured, detail }),
  });
  if (said.status === 200) return configured;
  const refusal = refusalOf(said);
  // it is to have another one by now, or has said enough of this one: the next contact brings what comes of it
  if (isImprintError(refusal, 'configuration_conflict', 'rate_limited')) return configured;
  throw refusal;
}

async function failureOf(apply: ApplyConfiguration, values: ConfigurationValues): Promise<string | null> {
  try {
    await apply(values);
    return null;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).slice(0, 200) || 'it failed';
  }
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
