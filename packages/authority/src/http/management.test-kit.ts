/** For tests: a management listener over real TLS on loopback, with people behind it. */

import type { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ManagementRouteName, managementRoutes } from '@imprint/contract/api/management';
import { fillPath } from '@imprint/contract/api/route';
import type { OidcSignIn } from '../access/oidc-sign-in.ts';
import { openPeople, type People } from '../access/people.test-kit.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { makeTestRealm, pem, type TestRealm } from '../trust/hierarchy.test-kit.ts';
import { type Answer, agentFor, ask } from './listeners.test-kit.ts';
import { createManagementListener } from './management-listener.ts';

export interface Management {
  people: People;
  realm: TestRealm;
  port: number;
  faults: unknown[];
  /** One connection that is kept. */
  agent: Agent;
  /** Calls a route with these headers. */
  call(
    name: ManagementRouteName,
    headers: Record<string, string>,
    body?: unknown,
    params?: Record<string, string>,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export async function openManagement(
  oidcOf?: (people: People, port: number) => OidcSignIn,
  /** What has to be there before it, at a port that is known by then. */
  before?: (realm: TestRealm, port: number) => Promise<void>,
): Promise<Management> {
  const people = await openPeople();
  // OpenSSL judges certificates by the machine's clock, so this realm lives now
  const realm = await makeTestRealm('dev', new Date(Date.now() - 3_600_000));
  const { certificates, keys } = realm.hierarchy;
  const faults: unknown[] = [];
  let oidc: OidcSignIn | undefined;
  const listener = createManagementListener({
    core: { ...people.core, organization: 'Example Devices', contracts: new ContractShelf() },
    hosts: [],
    key: keys.server,
    certificateChainPem: pem(certificates.server) + pem(certificates.stationCa),
    ...(oidcOf === undefined
      ? {}
      : {
          oidc: {
            begin: () => oidc!.begin(),
            finish: (...back: [URLSearchParams, string, string]) => oidc!.finish(...back),
          } as OidcSignIn,
        }),
    report: (error) => faults.push(error),
  });
  await listener.listen({ host: '127.0.0.1', port: 0 });
  const { port } = listener.server.address() as AddressInfo;
  await before?.(realm, port);
  oidc = oidcOf?.(people, port);
  const agent = agentFor({ realm });
  return {
    people,
    realm,
    port,
    faults,
    agent,
    call: (name, headers, body, params = {}) => {
      const { method, path } = managementRoutes[name];
      return ask({ port }, agent, {
        method,
        path: fillPath(path, params),
        headers,
        ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
      });
    },
    close: async () => {
      agent.destroy();
      await listener.close();
      await people.close();
    },
  };
}
