/** `imprint serve`: the authority's listeners over its home, until it is told to stop. */
import { expireApprovals } from '@imprint/authority/access/approvals';
import { hashTile } from '@imprint/authority/audit/tiles';
import { haltForClock } from '@imprint/authority/clock/clock-guard';
import { caCertificatesOf } from '@imprint/authority/http/est-route';
import { lineHandlers } from '@imprint/authority/http/line-handlers';
import { createPublicListener } from '@imprint/authority/http/public-listener';
import { closeStaleIntents } from '@imprint/authority/jobs/close-stale-intents';
import { forgetEphemeral } from '@imprint/authority/jobs/forget-ephemeral';
import type { LineCore } from '@imprint/authority/jobs/line-core';
import { stationAlarms } from '@imprint/authority/jobs/station-alarms';
import { endOverdue } from '@imprint/authority/onboarding/successor';
import { latestBundle } from '@imprint/authority/trust/bundles';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { trustedCas } from '@imprint/authority/trust/issuers';
import type { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import type { Command } from 'commander';
import type { FastifyInstance } from 'fastify';
import { type AuthorityConfiguration, authorityHome, readConfiguration } from '../authority-home.ts';
import { DeviceDoor, type DoorAddresses } from '../device-listener/device-door.ts';
import { listenOn } from '../listen-on.ts';
import { managementListenerOf } from '../management-listener.ts';
import type { AuthorityMetrics } from '../metrics/authority-metrics.ts';
import { countRefusals } from '../metrics/count-refusals.ts';
import { createMetricsListener } from '../metrics/metrics-listener.ts';
import { type OpenAuthority, openAuthority, type UnlockedAuthority } from '../open-authority.ts';
import { reportFault } from '../report-fault.ts';
import { type Revocation, revocationOf } from '../revocation-of.ts';
import { startStationListener } from '../station-listener/start-listener.ts';
import { untilStopped } from '../until-stopped.ts';

const forgetEveryMs = 10 * 60_000;

interface ServeOptions {
  home: string;
  passphraseFile?: string;
  pinFile?: string;
  stationPort?: string;
  publicPort?: string;
  managementPort?: string;
  devicePort?: string;
  authorizePort?: string;
  json?: boolean;
}

/** Adds the command `serve`. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description(
      'run the authority: the listeners for stations and devices (mTLS), for anybody, and for people (HTTPS)',
    )
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600')
    .option('--pin-file <file>', 'PIN of the token that holds a key, mode 0600')
    .option('--station-port <port>', 'instead of the configured one; 0 takes a free one')
    .option('--public-port <port>', 'instead of the configured one; 0 takes a free one')
    .option('--management-port <port>', 'instead of the configured one; listens there also where none is')
    .option('--device-port <port>', 'instead of the configured one; listens there also where none is')
    .option('--authorize-port <port>', 'where other doors of this machine ask whether a device may pass')
    .option('--json', 'say where it listens as one JSON line')
    .addHelpText('after', '\nExample:\n  imprint serve --home ./authority')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const { authority, metrics } = await watchedAuthority(options);
  const listeners: { close(): Promise<void> }[] = [];
  try {
    const unlocked = await authority.unlock();
    const { line, stations } = unlocked;
    // a restored home that is not released answers what only reads, and changes nothing by itself
    const held = authority.refusal;
    if (held === undefined) {
      await watchClock(authority, line.processId);
      await closeStaleIntents(line);
    }
    const { station, public: open, metrics: watching } = authority.configuration.listeners;
    const handlers = lineHandlers(line, stations, reportFault);
    const stationListener = startStationListener(
      { folder: options.home, key: await unlocked.keys.read(keyNames.server) },
      {
        ...(metrics === undefined ? handlers : countRefusals(handlers, (code) => metrics.refused(code))),
        alarm: stationAlarms(authority.ledger, authority.clock),
      },
    );
    const revocation = revocationOf(authority, unlocked, reportFault);
    const publicListener = publicListenerOf(authority, unlocked, revocation);
    listeners.push(stationListener, publicListener);
    const metricsListener = metrics && createMetricsListener(authority, metrics, reportFault);
    if (metricsListener !== undefined) listeners.push(metricsListener);
    const addresses = {
      station: await stationListener.listen(station.host, options.stationPort ?? station.port),
      public: await listenOn(publicListener, open.host, options.publicPort ?? open.port, '--public-port'),
      ...(metricsListener && {
        metrics: await listenOn(
          metricsListener,
          watching!.host,
          watching!.port,
          'listeners.metrics in imprint.json',
        ),
      }),
    };
    const management = await openManagement(authority, unlocked, options, listeners);
    // a log that is held takes no first contact
    const door = held === undefined ? deviceDoor(authority, unlocked, options, metrics) : undefined;
    if (door !== undefined) listeners.push(door);
    const device = await door?.open();
    sayReady(options, { ...addresses, ...(management !== null && { management }), ...device }, held);
    const timers = held === undefined ? watchOver(authority, line) : [];
    if (held === undefined) listeners.push(revocation.begin());
    await Promise.race([untilStopped(), stationListener.failed, ...(door ? [door.failed] : [])]);
    for (const timer of timers) clearInterval(timer);
  } finally {
    await Promise.all(listeners.map((listener) => listener.close()));
    await authority.close();
  }
}

/** The authority, and its figures where the configuration has a listener for them. */
async function watchedAuthority(options: ServeOptions): Promise<{
  authority: OpenAuthority;
  metrics: AuthorityMetrics | undefined;
}> {
  const isWatched = readConfiguration(authorityHome(options.home)).listeners.metrics !== undefined;
  // loaded where it is asked for: an authority that nobody watches starts without it
  const metrics = isWatched
    ? new (await import('../metrics/authority-metrics.ts')).AuthorityMetrics()
    : undefined;
  const authority = await openAuthority(options.home, {
    passphraseFile: options.passphraseFile,
    pinFile: options.pinFile,
    ...(metrics && { observer: metrics.observer() }),
  });
  metrics?.watch(authority);
  return { authority, metrics };
}

function sayReady(
  options: ServeOptions,
  addresses: {
    station: string;
    public: string;
    metrics?: string;
    management?: string;
  } & Partial<DoorAddresses>,
  held: ImprintError | undefined,
): void {
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', ...addresses, ...(held && { held: true }) })}\n`,
    );
  } else {
    const lines = [`Stations: ${addresses.station} (mTLS)`, `Public:   ${addresses.public}`];
    if (addresses.management !== undefined) lines.push(`People:   ${addresses.management}`);
    if (addresses.device !== undefined) lines.push(`Devices:  ${addresses.device} (mTLS)`);
    if (addresses.authorize !== undefined) lines.push(`Doors:    ${addresses.authorize}/v1/authorize`);
    if (addresses.metrics !== undefined) lines.push(`Metrics:  ${addresses.metrics}/metrics`);
    process.stdout.write(`${[...lines, 'Control-C stops it.'].join('\n')}\n`);
  }
  if (held !== undefined) process.stderr.write(`HELD: ${held.message}. ${held.hint}\n`);
}

/** What an authority does by itself, now and then. */
function watchOver(authority: OpenAuthority, line: LineCore): NodeJS.Timeout[] {
  const every = (ms: number, work: () => Promise<unknown>) =>
    setInterval(() => void work().catch(reportFault), ms);
  return [
    every(limits.intentLeaseMs, () => closeStaleIntents(line)),
    every(forgetEveryMs, () => forgetEphemeral(line)),
    every(forgetEveryMs, () => endOverdue(line)),
    every(forgetEveryMs, () => expireApprovals(line.ledger, line.processId)),
    every(limits.clockWatchMs, () => watchClock(authority, line.processId)),
  ];
}

/** Where units in the field are heard; undefined where nobody asked for it. */
function deviceDoor(
  authority: OpenAuthority,
  unlocked: UnlockedAuthority,
  { home, devicePort, authorizePort }: ServeOptions,
  metrics: AuthorityMetrics | undefined,
): DeviceDoor | undefined {
  const { device, authorize } = authority.configuration.listeners;
  if (device === undefined && devicePort === undefined) return undefined;
  const { host, port } = device ?? { host: '127.0.0.1', port: 0 };
  return new DeviceDoor(authority, unlocked, {
    folder: home,
    host,
    port: devicePort ?? port,
    ...((authorize !== undefined || authorizePort !== undefined) && {
      doors: { host: authorize?.host ?? '127.0.0.1', port: authorizePort ?? authorize?.port ?? 0 },
    }),
    ...(metrics && { refused: (kind, count) => metrics.deviceRefused(kind, count) }),
  });
}

/** Where people and their programs are heard; null where nobody asked for it. */
async function openManagement(
  authority: OpenAuthority,
  unlocked: UnlockedAuthority,
  { managementPort }: ServeOptions,
  listeners: { close(): Promise<void> }[],
): Promise<string | null> {
  const { management } = authority.configuration.listeners;
  if (management === undefined && managementPort === undefined) return null;
  const listener = await managementListenerOf(authority, unlocked);
  listeners.push(listener);
  const { host, port } = management ?? { host: '127.0.0.1', port: 0 };
  return listenOn(listener, host, managementPort ?? port, '--management-port');
}

/** Compares the clock; where it is wrong, issuing halts until people accept it, and everything else goes on. */
async function watchClock({ clockGuard, ledger }: OpenAuthority, processId: string): Promise<void> {
  const seen = await clockGuard.observe();
  if (seen.verdict === 'right') return;
  reportFault(new Error(seen.detail));
  if (seen.verdict === 'wrong') await haltForClock(ledger, processId, seen);
}

function publicListenerOf(
  authority: OpenAuthority,
  { line, checkpoints }: UnlockedAuthority,
  revocation: Revocation,
): FastifyInstance {
  const { configuration, ledger } = authority;
  return createPublicListener({
    hosts: publicHosts(configuration),
    rootPem: line.rootPem,
    issuingPem: async () => {
      const cas = await trustedCas(ledger.reader, 'device');
      return cas.map((der) => toPem('CERTIFICATE', der)).join('');
    },
    caCertificates: caCertificatesOf(ledger.reader, line.rootPem),
    bundle: async () => (await latestBundle(ledger.reader))?.text,
    checkpoint: async () => (await checkpoints.latest()).text,
    hashTile: (path) => hashTile(ledger.reader, path),
    revocation,
    report: reportFault,
  });
}

/** The listener is also reached under the name that certificates bear. */
function publicHosts({ hosts, public_url }: AuthorityConfiguration): string[] {
  return public_url === undefined ? hosts : [...hosts, new URL(public_url).hostname.replace(/^\[|\]$/g, '')];
}
