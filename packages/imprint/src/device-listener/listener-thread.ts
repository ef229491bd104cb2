/**
 * The thread of the listener for devices: TLS, HTTP, JSON and the gate. It decides nothing and holds no key but the server's; it reads
 * the tables over a connection of its own, at every request, so that what another process decided counts at once.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createAuthorizeListener } from '@imprint/authority/http/authorize-listener';
import {
  addConfigurationRoutes,
  type ConfigurationDecisions,
} from '@imprint/authority/http/configuration-route';
import { createDeviceListener, type DeviceListenerTls } from '@imprint/authority/http/device-listener';
import { addEstRoutes, caCertificatesOf } from '@imprint/authority/http/est-route';
import { GatheredContacts } from '@imprint/authority/onboarding/contacts';
import { findCredential } from '@imprint/authority/onboarding/found-credential';
import { ContractShelf } from '@imprint/authority/registry/contract-shelf';
import { trustedCas } from '@imprint/authority/trust/issuers';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import { authorityHome, readCertificate, readConfiguration } from '../authority-home.ts';
import { openReader } from '../home-storage.ts';
import { listenOn } from '../listen-on.ts';
import { reportFault } from '../report-fault.ts';
import { callsBetweenThreads } from '../station-listener/between-threads.ts';
import type { DeviceDeciding, DeviceListenerData, DeviceListening } from './start-listener.ts';

if (isMainThread || parentPort === null) throw new TypeError('this is the program of a thread');

const { folder, server } = workerData as DeviceListenerData;
const home = authorityHome(folder);
const configuration = readConfiguration(home);
const reader = await openReader(home, configuration);
const contracts = new ContractShelf();
const contacts = new GatheredContacts();
const rootPem = toPem('CERTIFICATE', readCertificate(home, 'root'));
const casPem = async () =>
  (await trustedCas(reader, 'device')).map((der) => toPem('CERTIFICATE', der)).join('') + rootPem;
let tls: DeviceListenerTls = { ...server, deviceCaPem: await casPem() };

const deciding = callsBetweenThreads<DeviceDeciding, DeviceListening>(parentPort, {
  listen: (host, port) => listenOn(listener, host, port, '--device-port'),
  listenToDoors: (host, port) => listenOn(doors, host, port, '--authorize-port'),
  renew: async (next) => change({ ...next }),
  close: async () => {
    for (const timer of timers) clearInterval(timer);
    await Promise.all([listener.close(), doors.close()]);
    await writeDown();
    await reader.destroy();
  },
});
const { listener, gate, renew } = createDeviceListener({
  realm: configuration.realm,
  hosts: configuration.hosts,
  tls,
  find: findCredential(reader),
  successorDays: async (sha256) => (await contracts.get(reader, sha256)).credential.profile.successor_days,
  decisions: {
    activate: (known) => deciding.activate(known),
    endPredecessor: (known) => deciding.endPredecessor(known),
    suspectClone: (...suspicion) => deciding.suspectClone(...suspicion),
    report: (known, report) => deciding.report(known, report),
  },
  contacts,
  clock: () => new Date(),
  monotonicMs: () => performance.now(),
  report: reportFault,
  mount: (to, deviceOf) => {
    const configuring = {
      configurationFor: (...asked) => deciding.configurationFor(...asked),
      configurationApplied: (...asked) => deciding.configurationApplied(...asked),
    } satisfies ConfigurationDecisions;
    addConfigurationRoutes(to, configuring, deviceOf);
    addEstRoutes(to, {
      enrolment: {
        enrol: (...asked) => deciding.enrol(...asked),
        renew: (...asked) => deciding.renew(...asked),
        keyTypeFor: (known) => deciding.keyTypeFor(known),
      },
      deviceOf,
      caCertificates: caCertificatesOf(reader, rootPem),
    });
  },
});
const doors = createAuthorizeListener(gate, reportFault);
const every = (ms: number, work: () => Promise<void>) =>
  setInterval(() => void work().catch(reportFault), ms);
const timers = [
  every(limits.contactsEveryMs, writeDown),
  // a CA that was added, retired or given up elsewhere counts for who connects from then on
  every(limits.revocationPollMs, async () => change({ deviceCaPem: await casPem() })),
];

function change(changed: Partial<DeviceListenerTls>): void {
  const next = { ...tls, ...changed };
  if (next.deviceCaPem === tls.deviceCaPem && next.certificateChainPem === tls.certificateChainPem) return;
  tls = next;
  renew(tls);
}

async function writeDown(): Promise<void> {
  while (!contacts.isEmpty) await deciding.writeContacts(contacts.take());
}
