/** The thief's day: signs in, does one act after another, and after the station was revoked finds that nobody listens. */

import type { Chance } from '../world.ts';
import { type Act, type Outcome, refused, type Sights, together } from './act.ts';
import { acts, actsAlone } from './acts.ts';
import { routeNames } from './acts-at-the-edge.ts';
import { actsOnOthers } from './acts-on-others.ts';
import { ofFirstUnit } from './own-jobs.ts';
import { returnedUnitStaysShut } from './returned-unit.ts';
import { type Loot, type Said, StolenStation } from './stolen-station.ts';

const afterRevocation = 'goes on after it was revoked';
/** What it tries, by name. */
export const thiefsActs: readonly string[] = [...Object.keys(acts), afterRevocation, returnedUnitStaysShut];

/** A board that meets no fault is done within fifty. */
const pauseMs = 30;
const longPauseMs = 6_000;
/** How long it waits where something stood in its way. */
const setbackMs = 15_000;
/** In trials; most acts need one. */
const longestDay = 120;

export interface Thief {
  /** How often each act got as far as the promise that it is about. */
  readonly done: Record<string, number>;
  /** Does each of its acts, once more where something stood in its way; told of each promise that was broken. */
  work(broken: (act: string, what: string) => void): Promise<void>;
  /** Tries once more after the revocation: every route is closed. */
  tryAfterRevocation(broken: (act: string, what: string) => void): Promise<void>;
  /** Takes note of what another act came to. */
  take(name: string, outcome: Outcome, broken: (act: string, what: string) => void): void;
}

export function makeThief(loot: Loot, sights: Sights): Thief {
  const thief = new StolenStation(loot);
  const done: Record<string, number> = {};
  const take = (name: string, outcome: Outcome, broken: (act: string, what: string) => void) => {
    if (outcome === 'not tried') return;
    done[name] = (done[name] ?? 0) + 1;
    if (outcome !== 'held') broken(name, outcome.broken);
  };
  return {
    done,
    take,
    async work(broken) {
      // what needs others at work comes first: a small order of theirs is soon over
      const due = [...turned(actsOnOthers, thief.draw), ...turned(actsAlone, thief.draw)];
      for (let count = 0; count < longestDay; count++) {
        const name = due.shift();
        if (name === undefined) return;
        const isAlone = Object.hasOwn(actsAlone, name);
        await loot.world.delay(thief.draw.below(isAlone ? longPauseMs : pauseMs));
        // its session may be gone with a clock or a restart; the thief signs in anew now and then
        if (thief.shiftId === null || count % 8 === 7) await thief.signIn();
        const outcome = await acts[name]!(thief, sights);
        take(name, outcome, broken);
        if (outcome !== 'not tried') continue;
        due.push(name);
        if (isAlone) await loot.world.delay(setbackMs);
      }
    },
    async tryAfterRevocation(broken) {
      for (let trial = 0; trial < 10; trial++) {
        const outcome = await everyRouteIsClosed(thief, sights);
        take(afterRevocation, outcome, broken);
        if (outcome !== 'not tried') return;
        await loot.world.delay(setbackMs);
      }
    },
  };
}

/** The names, beginning anywhere. */
function turned(acts: Record<string, Act>, draw: Chance): string[] {
  const names = Object.keys(acts);
  const first = draw.below(names.length);
  return [...names.slice(first), ...names.slice(0, first)];
}

/** Enrolment is for whoever has a token, and contracts are no secret: their door is the listener's. */
const open: ReadonlySet<string> = new Set(['requestEnrolment', 'collectEnrolment', 'contract']);

const everyRouteIsClosed: Act = async (thief) => {
  const outcomes: Outcome[] = [];
  for (const route of routeNames.filter((name) => !open.has(name))) {
    const said = thief.accepted.get(route);
    if (said === undefined) continue;
    const request = JSON.parse(said.body);
    if (request.request_id !== undefined) request.request_id = thief.requestId();
    const answered = await thief.say(route, said.params, request);
    const outcome = route === 'issueCredentials' ? ofFirstUnit(answered as Said<typeof route>) : answered;
    outcomes.push(refused(outcome, 'station_revoked'));
  }
  return together(...outcomes);
};
