/** `imprint serve`: the authority's listeners over its home, until it is told to stop. */

import { availableParallelism } from 'node:os';
import { hashTile } from '@imprint/authority/audit/tiles';
import { haltForClock } from '@imprint/authority/clock/clock-guard';
import { lineHandlers } from '@imprint/authority/http/line-handlers';
import { createPublicListener } from '@imprint/authority/http/public-listener';
import { createStationListener } from '@imprint/authority/http/station-listener';
import { closeStaleIntents } from '@imprint/authority/jobs/close-stale-intents';
import { forgetEphemeral } from '@imprint/authority/jobs/forget-ephemeral';
import { stationAlarms } from '@imprint/authority/jobs/station-alarms';
import { findStation } from '@imprint/authority/stations/find-station';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import type { Command } from 'commander';
import type { FastifyInstance } from 'fastify';
import { readCertificate } from '../authority-home.ts';
import { listenOn } from '../listen-on.ts';
import { type OpenAuthority, openAuthority, type UnlockedAuthority } from '../open-authority.ts';
import { untilStopped } from '../until-stopped.ts';

const forgetEveryMs = 10 * 60_000;

interface ServeOptions {
  home: string;
  passphraseFile?: string;
  stationPort?: string;
  publicPort?: string;
  json?: boolean;
}

/** Adds the command `serve`. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run the authority: the station listener (mTLS) and the public listener')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600')
    .option('--station-port <port>', 'instead of the configured one; 0 takes a free one')
    .option('--public-port <port>', 'instead of the configured one; 0 takes a free one')
    .option('--json', 'say where it listens as one JSON line')
    .addHelpText('after', '\nExample:\n  imprint serve --home ./authority')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  leaveCoreToDecisions();
  const authority = await openAuthority(options.home, { passphraseFile: options.passphraseFile });
  const listeners: FastifyInstance[] = [];
  try {
    const unlocked = await authority.unlock();
    const { line } = unlocked;
    await watchClock(authority, line.processId);
    await closeStaleIntents(line);
    const { station, public: open } = authority.configuration.listeners;
    const stationListener = stationListenerOf(authority, unlocked, await unlocked.keys.read(keyNames.server));
    const publicListener = publicListenerOf(authority, unlocked);
    listeners.push(stationListener, publicListener);
    const addresses = {
      station: await listenOn(
        stationListener,
        station.host,
        options.stationPort ?? station.port,
        '--station-port',
      ),
      public: await listenOn(publicListener, open.host, options.publicPort ?? open.port, '--public-port'),
    };
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ event: 'ready', ...addresses })}\n`
        : `Stations: ${addresses.station} (mTLS)\nPublic:   ${addresses.public}\nControl-C stops it.\n`,
    );
    const sweeping = setInterval(() => {
      closeStaleIntents(line).catch(report);
    }, limits.intentLeaseMs);
    const forgetting = setInterval(() => {
      forgetEphemeral(line).catch(report);
    }, forgetEveryMs);
    const watching = setInterval(() => {
      watchClock(authority, line.processId).catch(report);
    }, limits.clockWatchMs);
    await untilStopped();
    clearInterval(sweeping);
    clearInterval(forgetting);
    clearInterval(watching);
  } finally {
    await Promise.all(listeners.map((listener) => listener.close()));
    await authority.close();
  }
}

/** Compares the clock; where it is wrong, issuing halts until people accept it, and everything else goes on. */
async function watchClock({ clockGuard, ledger }: OpenAuthority, processId: string): Promise<void> {
  const seen = await clockGuard.observe();
  if (seen.verdict === 'right') return;
  report(new Error(seen.detail));
  if (seen.verdict === 'wrong') await haltForClock(ledger, processId, seen);
}

/**
 * Verifications run on threads of libuv's pool, all decisions on this one. Where the pool has more threads
 * than there are other cores, each that wakes takes this one's. Has to come before the pool is first used.
 */
function leaveCoreToDecisions(): void {
  const nodesOwn = 4;
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(1, Math.min(nodesOwn, availableParallelism() - 1)));
}

function stationListenerOf(
  authority: OpenAuthority,
  { line, stations }: UnlockedAuthority,
  key: Parameters<typeof createStationListener>[0]['key'],
): FastifyInstance {
  const { home, configuration, ledger, clock } = authority;
  const stationCas =
    toPem('CERTIFICATE', readCertificate(home, 'stationCa')) +
    toPem('CERTIFICATE', readCertificate(home, 'stationRoot'));
  return createStationListener({
    realm: configuration.realm,
    hosts: configuration.hosts,
    key,
    certificateChainPem: toPem('CERTIFICATE', readCertificate(home, 'server')) + stationCas,
    stationCaPem: stationCas,
    findStation: findStation(ledger.reader),
    alarm: stationAlarms(ledger, clock),
    handlers: lineHandlers(line, stations, report),
    clock,
    report,
  });
}

function publicListenerOf(
  authority: OpenAuthority,
  { line, checkpoints }: UnlockedAuthority,
): FastifyInstance {
  const { home, configuration, ledger } = authority;
  return createPublicListener({
    hosts: configuration.hosts,
    rootPem: line.rootPem,
    issuingPem: toPem('CERTIFICATE', readCertificate(home, 'issuing')),
    checkpoint: async () => (await checkpoints.latest()).text,
    hashTile: (path) => hashTile(ledger.reader, path),
    report,
  });
}

/** A fault on our side goes to standard error, with its place; what clients do wrong is answered and not reported. */
function report(error: unknown): void {
  process.stderr.write(
    `${new Date().toISOString()} ${error instanceof Error ? error.stack : String(error)}\n`,
  );
}
