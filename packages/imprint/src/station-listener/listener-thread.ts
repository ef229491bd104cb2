/**
 * The thread of the station listener: TLS, HTTP, JSON, the gate, and the reading of what stations send, signatures of
 * certification requests included. It decides nothing and holds no key but the server's; it reads the tables over a connection
 * of its own.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createStationListener } from '@imprint/authority/http/station-listener';
import { findStation } from '@imprint/authority/stations/find-station';
import { signerOf, trustedCas } from '@imprint/authority/trust/issuers';
import { toPem } from '@imprint/contract/x509/pem';
import { authorityHome, readCertificate, readConfiguration } from '../authority-home.ts';
import { computeByOpenssl } from '../compute-by-openssl.ts';
import { openReader } from '../home-storage.ts';
import { listenOn } from '../listen-on.ts';
import { reportFault } from '../report-fault.ts';
import { callsBetweenThreads } from './between-threads.ts';
import type { Deciding, ListenerData, Listening } from './start-listener.ts';

if (isMainThread || parentPort === null) throw new TypeError('this is the program of a thread');
computeByOpenssl();

const { folder, key } = workerData as ListenerData;
const home = authorityHome(folder);
const configuration = readConfiguration(home);
const reader = await openReader(home, configuration);
// a CA that comes later is shown by the stations that stand under it: the root is what is trusted
const [server, stationRoot] = [readCertificate(home, 'server'), readCertificate(home, 'stationRoot')];
const stationCas = await trustedCas(reader, 'station');
const serverCa = await signerOf(reader, 'station', server);
const pem = (certificates: readonly Uint8Array[]) =>
  certificates.map((der) => toPem('CERTIFICATE', der)).join('');

const deciding = callsBetweenThreads<Deciding, Listening>(parentPort, {
  listen: (host, port) => listenOn(listener, host, port, '--station-port'),
  close: async () => {
    await listener.close();
    await reader.destroy();
  },
});
const listener = createStationListener({
  realm: configuration.realm,
  hosts: configuration.hosts,
  key,
  certificateChainPem: pem([server, ...(serverCa === undefined ? [] : [serverCa]), stationRoot]),
  stationCaPem: pem([...stationCas, stationRoot]),
  findStation: findStation(reader),
  alarm: (...told) => deciding.alarm(...told),
  // a function for whatever name the listener asks
  handlers: deciding,
  clock: () => new Date(),
  report: reportFault,
});
