/** The thief's day: signs in, does one act after another, and after the station was revoked finds that nobody listens. */
import { notDone, type Sights } from './act.ts';
import { acts } from './acts.ts';
import { type Loot, StolenStation } from './stolen-station.ts';

const afterRevocation = 'goes on after it was revoked';
/** What it tries, by name. */
export const thiefsActs: readonly string[] = [...Object.keys(acts), afterRevocation];

const pauseMs = 1_500;
const actsADay = 24;

export interface Thief {
  /** How often each act was done, whatever came of it. */
  readonly done: Record<string, number>;
  /** Does its acts; told of each promise that was broken. */
  work(broken: (act: string, what: string) => void): Promise<void>;
  /** Tries once more after the revocation: every route is closed. */
  tryAfterRevocation(broken: (act: string, what: string) => void): Promise<void>;
}

export function makeThief(loot: Loot, sights: Sights): Thief {
  const thief = new StolenStation(loot);
  const done: Record<string, number> = {};
  const names = Object.keys(acts);
  const first = thief.draw.below(names.length);
  return {
    done,
    async work(broken) {
      for (let count = 0; count < actsADay; count++) {
        await loot.world.delay(pauseMs + thief.draw.below(2_000));
        if (thief.sessionId === undefined || thief.shiftId === null) {
          await thief.signIn();
          continue;
        }
        const name = names[(first + count) % names.length]!;
        const what = await acts[name]!(thief, sights);
        if (what !== notDone) done[name] = (done[name] ?? 0) + 1;
        if (typeof what === 'string') broken(name, what);
        // its session may be gone with a clock or a restart; the thief signs in anew now and then
        if (count % 8 === 7) await thief.signIn();
      }
    },
    async tryAfterRevocation(broken) {
      const name = afterRevocation;
      done[name] = (done[name] ?? 0) + 1;
      for (const label of [...thief.labels, sights.strangeLabel()].slice(0, 2)) {
        const said = await thief.open(thief.newUnit(), label);
        if (said !== undefined && ('answer' in said || said.code === 'internal')) {
          broken(name, 'code' in said ? said.code : 'a job was opened');
        }
      }
      if (await thief.signIn()) broken(name, 'a session was opened');
    },
  };
}
