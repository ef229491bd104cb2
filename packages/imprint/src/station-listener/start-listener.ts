/** Starts the station listener on a thread of its own. */
import type { KeyObject } from 'node:crypto';
import type { StationHandlers } from '@imprint/authority/http/station-handlers';
import type { RaiseStationAlarm } from '@imprint/authority/jobs/station-alarms';
import { type ListenerThread, type Listening, startThread } from '../start-thread.ts';

export type { Listening };

/** What the thread is started with. */
export interface ListenerData {
  /** The authority's home, where it reads its configuration and certificates. */
  folder: string;
  /** The listener's own key. */
  key: KeyObject;
}

/** What the thread asks: every decision. */
export type Deciding = StationHandlers & { alarm: RaiseStationAlarm };

const program = new URL('./listener-thread.ts', import.meta.url);

export function startStationListener(data: ListenerData, deciding: Deciding): ListenerThread<Listening> {
  return startThread<Listening, Deciding>('station listener', program, data, deciding);
}
