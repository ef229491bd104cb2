/** Puts a station together from its folder and runs it on standard input until it is stopped; it names the adapters. */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { limits } from '@imprint/contract/limits';
import { HttpsAuthorityClient } from '@imprint/station/https-authority-client';
import { openJournal } from '@imprint/station/journal';
import { SpoolLabelPrinter } from '@imprint/station/label';
import type { Line } from '@imprint/station/line';
import type { Emit, LineEvent } from '@imprint/station/line-event';
import { linkTo } from '@imprint/station/link-to';
import { newRequestId } from '@imprint/station/request-id';
import { startLine } from '@imprint/station/start-line';
import { type LaneSettings, openStationHome, withLanes } from '@imprint/station/station-home';
import { systemTimers } from '@imprint/station/timers';

const redeliveryMs = 15_000;

export interface StationRun {
  folder: string;
  /** Replace the lanes of `station.json`, lane by lane. */
  lanes: LaneSettings[];
  baud?: number;
  emit: Emit;
  input: Readable;
  /** Resolves when somebody wants the station to end. */
  stopped: Promise<void>;
}

/** Gives false where the station had to stop by itself. */
export async function runStation(run: StationRun): Promise<boolean> {
  const home = withLanes(openStationHome(run.folder), run.lanes, run.baud);
  const { settings } = home;
  const now = () => new Date();
  const opened = openJournal(home.journalPath, () => now().toISOString());
  const client = new HttpsAuthorityClient({
    url: settings.authority_url,
    authorityCaPem: home.authorityCaPem,
    identity: home.identity,
  });
  let redelivery: NodeJS.Timeout | undefined;
  try {
    const { line, redeliver } = await startLine({
      settings,
      configurationSha256: home.configurationSha256,
      authority: client,
      opened,
      timers: systemTimers,
      now,
      newRequestId: () => newRequestId(now(), randomBytes),
      labels: new SpoolLabelPrinter(home.labelsFolder, settings.labels?.command),
      emit: run.emit,
      linkTo: ({ port, baud }) => linkTo(port, baud),
    });
    redelivery = setInterval(() => void redeliver(), redeliveryMs);
    const ended = await Promise.race([readScans(run, line), run.stopped.then(() => 'stopped' as const)]);
    if (ended === 'stopped') await line.stop('the station was stopped');
    else await line.idle();
    await redeliver();
    return !line.isHalted || ended === 'stopped';
  } finally {
    clearInterval(redelivery);
    run.input.destroy();
    await client.close();
    opened.journal.close();
  }
}

/** Hands each line to the station; resolves when the input ends. */
async function readScans({ input, emit }: StationRun, line: Line): Promise<'ended'> {
  const splitter = new LineSplitter(limits.scanBytes);
  for await (const bytes of input) {
    const { lines, dropped } = splitter.push(bytes as Uint8Array);
    for (const text of lines) await line.scan(text);
    if (dropped > 0) emit(tooLong);
    if (line.isHalted) break;
  }
  return 'ended';
}

const tooLong: LineEvent = {
  event: 'refused',
  lane: null,
  scan: '…',
  message: 'a scan is longer than any label of ours',
  hint: 'Scan again, one label at a time.',
};
