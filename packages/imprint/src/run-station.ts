/** Puts a station together from its folder and runs it on standard input until it is stopped; it names the adapters. */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { HttpsAuthorityClient } from '@imprint/station/https-authority-client';
import { openJournal } from '@imprint/station/journal';
import { SpoolLabelPrinter } from '@imprint/station/label';
import { Line } from '@imprint/station/line';
import type { Emit, LineEvent } from '@imprint/station/line-event';
import { linkTo } from '@imprint/station/link-to';
import { Outbox } from '@imprint/station/outbox';
import { type Recovered, recover } from '@imprint/station/recover';
import { RetryingAuthority } from '@imprint/station/retrying-authority';
import { type LaneSettings, openStationHome, withLanes } from '@imprint/station/station-home';
import { openStationSession, type StationSession } from '@imprint/station/station-session';
import { systemTimers } from '@imprint/station/timers';

const version = '0.1.0';
const redeliveryMs = 15_000;
const defaultJournalDays = 30;
/** Beyond this the operator is told that the PC's clock is wrong; nothing else comes of it. */
const clockWarningMs = 60_000;

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
  const isoNow = () => now().toISOString();
  const { journal, setAside } = openJournal(home.journalPath, isoNow);
  const client = new HttpsAuthorityClient({
    url: settings.authority_url,
    authorityCaPem: home.authorityCaPem,
    identity: home.identity,
  });
  const authority = new RetryingAuthority(client, systemTimers);
  const newRequestId = () => randomBytes(16).toString('hex');
  const outbox = new Outbox(authority, journal, newRequestId);
  let redelivery: NodeJS.Timeout | undefined;
  try {
    const openSession = () =>
      openStationSession({
        authority,
        journal,
        timers: systemTimers,
        now: isoNow,
        realm: settings.realm,
        stationId: settings.station_id,
        version,
        configurationSha256: home.configurationSha256,
      });
    const session = await openSession();
    const recovered = await recover(journal, outbox, now, settings.journal_days ?? defaultJournalDays);
    for (const notice of notices(session, setAside, recovered)) run.emit({ event: 'notice', ...notice });
    const line = new Line(
      {
        lanes: settings.lanes,
        authority,
        outbox,
        journal,
        timers: systemTimers,
        labels: new SpoolLabelPrinter(home.labelsFolder, settings.labels?.command),
        emit: run.emit,
        newRequestId,
        linkTo: ({ port, baud }) => linkTo(port, baud),
        openSession,
      },
      session,
    );
    run.emit({
      event: 'ready',
      station_id: settings.station_id,
      realm: settings.realm,
      lanes: settings.lanes.map(({ lane }) => lane),
      orders: session.view.orders.map(({ order_id }) => order_id),
    });
    redelivery = setInterval(() => void redeliver(outbox), redeliveryMs);
    const ended = await Promise.race([readScans(run, line), run.stopped.then(() => 'stopped' as const)]);
    if (ended === 'stopped') await line.stop('the station was stopped');
    else await line.idle();
    await redeliver(outbox);
    return !line.isHalted || ended === 'stopped';
  } finally {
    clearInterval(redelivery);
    run.input.destroy();
    await client.close();
    journal.close();
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

/** What waits goes out again; a journal that fails here is met by the next unit's work, which stops the line. */
async function redeliver(outbox: Outbox): Promise<void> {
  try {
    await outbox.deliverWaiting();
  } catch (error) {
    if (!isImprintError(error)) throw error;
  }
}

interface Notice {
  code: string;
  message: string;
  hint: string | null;
}

function notices(session: StationSession, setAside: string | null, recovered: Recovered): Notice[] {
  const found: Notice[] = [];
  if (setAside !== null) {
    const message = `the journal was damaged and was set aside as ${setAside}`;
    const hint =
      'Keep that file. Scan every unit that lies in a fixture again: it goes on from what is on it.';
    found.push({ code: 'journal_set_aside', message, hint });
  }
  if (recovered.endedAttempts.length > 0) {
    const message = `the station was stopped at work on ${recovered.endedAttempts.join(', ')}`;
    found.push({
      code: 'attempts_ended',
      message,
      hint: 'Scan these units again: each goes on from where it was.',
    });
  }
  if (recovered.waiting > 0) {
    const message = `${recovered.waiting} reports still wait for the authority`;
    found.push({
      code: 'reports_waiting',
      message,
      hint: 'They are sent by themselves; nothing is to be done.',
    });
  }
  const offsetMs = session.clockOffsetMs();
  if (Math.abs(offsetMs) > clockWarningMs) {
    const message = `this PC's clock is ${Math.round(Math.abs(offsetMs) / 1_000)} s ${offsetMs > 0 ? 'ahead of' : 'behind'} the authority's`;
    found.push({ code: 'clock_wrong', message, hint: 'Have it set; the records bear the authority’s time.' });
  }
  return found;
}
