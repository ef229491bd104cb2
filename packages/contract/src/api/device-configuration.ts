/**
 * What an activated device asks for and says of its configuration. The answer to `getConfiguration` bears its `etag` as strong entity
 * tag too (RFC 9110 section 8.8.3), and a request with `If-None-Match` that names it is answered with 304 and nothing.
 */
import { z } from 'zod';
import { configurationEtag, configurationOutcome, versionRef } from '../audit/entry.ts';
import { configurationName, configurationValue } from '../provisioning-contract/deferred-configuration.ts';
import { route } from './route.ts';

const configuration = z.strictObject({
  /** Changes when a value does, and at no other time. */
  etag: configurationEtag,
  values: z.record(configurationName, configurationValue),
  /** The versions of the sets that the device belongs to, the most specific first: a value is of the first that has one. */
  versions: z.array(versionRef),
});
export type DeviceConfiguration = z.infer<typeof configuration>;

const report = z.strictObject({
  /** Of the configuration that the device tried to apply. */
  etag: configurationEtag,
  outcome: configurationOutcome,
  /** Why it failed, in the device's words; no value of a configuration. */
  detail: z.nullable(z.string().min(1).max(200)),
});
export type ConfigurationReport = z.infer<typeof report>;

export const deviceConfigurationRoutes = {
  getConfiguration: route(
    'GET',
    '/v1/device/configuration',
    'What this device is to be configured with, secrets included.',
    z.strictObject({}),
    configuration,
  ),
  reportConfiguration: route(
    'POST',
    '/v1/device/configuration/applied',
    'The device applied the configuration, or could not; sent again it changes nothing.',
    report,
    z.strictObject({ etag: configurationEtag }),
  ),
} as const;
