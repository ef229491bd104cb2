/** A device's configuration as routes of a listener whose gate has let the device through. What it is given is decided behind this. */
import { deviceConfigurationRoutes } from '@imprint/contract/api/device-configuration';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ConfigurationCore } from '../configuration/core.ts';
import { getConfiguration, reportConfiguration } from '../configuration/device-configuration.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';

/** What these routes ask for. */
export interface ConfigurationDecisions {
  configurationFor(known: KnownDevice, ifNoneMatch: string | undefined): ReturnType<typeof getConfiguration>;
  configurationApplied(
    known: KnownDevice,
    report: Parameters<typeof reportConfiguration>[2],
  ): ReturnType<typeof reportConfiguration>;
}

export function configurationDecisions(core: ConfigurationCore): ConfigurationDecisions {
  return {
    configurationFor: (known, ifNoneMatch) => getConfiguration(core, known, ifNoneMatch),
    configurationApplied: (known, report) => reportConfiguration(core, known, report),
  };
}

/** 304 with nothing where the device names what it has (RFC 9110 section 15.4.5); secrets are in the answer, so that nobody may keep it. */
export function addConfigurationRoutes(
  listener: FastifyInstance,
  decisions: ConfigurationDecisions,
  deviceOf: (request: FastifyRequest) => KnownDevice,
): void {
  const { getConfiguration: get, reportConfiguration: report } = deviceConfigurationRoutes;
  listener.get(get.path, async (request, reply) => {
    const answer = await decisions.configurationFor(deviceOf(request), request.headers['if-none-match']);
    reply.header('etag', `"${answer.etag}"`).header('cache-control', 'no-store');
    if (answer.status === 304) return reply.code(304).send();
    return reply.type('application/json').send(JSON.stringify(get.response.parse(answer.body)));
  });
  listener.post(report.path, async (request, reply) => {
    const said = report.request.parse(request.body);
    const taken = await decisions.configurationApplied(deviceOf(request), said);
    return reply
      .header('cache-control', 'no-store')
      .type('application/json')
      .send(JSON.stringify(report.response.parse(taken)));
  });
}
