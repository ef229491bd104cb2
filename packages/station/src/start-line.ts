/**
 * What a station does from its start to its first scan, whatever stands behind its ports: opens the session, brings to an
 * end what a kill or a power cut left, tells the operator of it, and gives the line.
 */
import { isImprintError } from '@imprint/contract/errors';
import type { AuthorityClient } from './authority-client.ts';
import type { DutLink } from './dut-link.ts';
import { GatheringAuthority } from './gathering-authority.ts';
import type { OpenedJournal } from './journal.ts';
import type { LabelPrinter } from './label.ts';
import { Line } from './line.ts';
import type { Emit } from './line-event.ts';
import { Outbox } from './outbox.ts';
import { type Recovered, recover } from './recover.ts';
import { RetryingAuthority } from './retrying-authority.ts';
import type { LaneSettings, StationSettings } from './station-home.ts';
import { openStationSession, type StationSession } from './station-session.ts';
import type { Timers } from './timers.ts';

/** Of this program; the authority refuses one that is older than it allows. */
export const stationVersion = '0.1.0';
export const defaultJournalDays = 30;
/** Beyond this the operator is told that the PC's clock is wrong; nothing else comes of it. */
const clockWarningMs = 60_000;

export interface StationPorts {
  settings: StationSettings;
  configurationSha256: string;
  /** One attempt for one call; asking again is done here. */
  authority: AuthorityClient;
  opened: OpenedJournal;
  timers: Timers;
  /** This PC's clock, which decides nothing (I-30). */
  now: () => Date;
  /** 32 hex digits from a CSPRNG. */
  newRequestId: () => string;
  labels: LabelPrinter;
  emit: Emit;
  linkTo(lane: LaneSettings): DutLink;
}

export interface StartedLine {
  line: Line;
  /** Sends reports that wait once more. Never throws for the network's sake. */
  redeliver(): Promise<void>;
}

/** @throws realm_mismatch, log_inconsistent, storage_failed, and the authority's own refusals */
export async function startLine(ports: StationPorts): Promise<StartedLine> {
  const { settings, timers, now, emit, newRequestId } = ports;
  const { journal, setAside } = ports.opened;
  const authority = new RetryingAuthority(new GatheringAuthority(ports.authority), timers);
  const outbox = new Outbox(authority, journal, newRequestId);
  const openSession = () =>
    openStationSession({
      authority,
      journal,
      timers,
      now: () => now().toISOString(),
      realm: settings.realm,
      stationId: settings.station_id,
      version: stationVersion,
      configurationSha256: ports.configurationSha256,
    });
  const session = await openSession();
  const recovered = await recover(journal, outbox, now, settings.journal_days ?? defaultJournalDays);
  for (const notice of notices(session, setAside, recovered)) emit({ event: 'notice', ...notice });
  const { lanes } = settings;
  const { labels, linkTo } = ports;
  const line = new Line(
    { lanes, authority, outbox, journal, timers, labels, emit, newRequestId, linkTo, openSession },
    session,
  );
  emit({
    event: 'ready',
    station_id: settings.station_id,
    realm: settings.realm,
    lanes: lanes.map(({ lane }) => lane),
    orders: session.view.orders.map(({ order_id }) => order_id),
  });
  return { line, redeliver: () => redeliver(outbox) };
}

/** A journal that fails here is met by the next unit's work, which stops the line. */
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
