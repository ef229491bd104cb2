/** Puts a thief beside the honest factory: what it sees, the boards that it gets hold of, and the day on which somebody notices. */
import { DutSession } from '@imprint/station/dut-session';
import { askedAlone } from '../asked-alone.ts';
import type { Authorities } from '../authorities.ts';
import { minder } from '../authority-host.ts';
import type { Floor, Place } from '../floor.ts';
import { Life } from '../life.ts';
import type { LogModel } from '../model/log-model.ts';
import type { Network } from '../network.ts';
import { SimulatedLink } from '../station-process.ts';
import type { World } from '../world.ts';
import type { Overheard, Sights } from './act.ts';
import { returnedUnitStaysShut, tryReturned } from './returned-unit.ts';
import { type StolenLabels, StolenStation, stolenStation } from './stolen-station.ts';
import { makeThief, type Thief } from './thief.ts';

const rememberedMessages = 400;
const patienceMs = 20_000;

export interface Scene {
  world: World;
  network: Network;
  floor: Floor;
  authority: Authorities;
  badge: string;
  stolen: StolenLabels;
  finished: readonly string[];
  log: Pick<LogModel, 'jobOfUid'>;
  strangeId: (unit: number) => string;
  broken: (act: string, what: string) => void;
}

export interface Theft {
  thief: Thief;
  over: Promise<void>;
  whileReturned(unit: number, deviceId: string): Promise<void>;
}

/** A station of the gateways' order into which somebody else has got, when nobody works there any more. */
const infectedStation = 'gw-2';

export function beginTheft(scene: Scene): Theft {
  const { world, network, badge, stolen, broken } = scene;
  const thief = makeThief({ world, network, badge, stolen }, sightsOf(scene));
  const over = (async () => {
    await thief.work(broken);
    await revoke(scene);
    await thief.tryAfterRevocation(broken);
  })();
  let tried = false;
  const whileReturned = async (unit: number, deviceId: string) => {
    if (tried) return;
    const other = scene.finished.find((each) => each !== deviceId);
    const { uid, device } = scene.floor.boards[unit]!;
    const job = scene.log.jobOfUid.get(uid);
    if (other === undefined || job?.deviceId !== deviceId) return;
    const intruder = new StolenStation({ world, network, badge, stolen, stationId: infectedStation });
    const { hardwareUid } = device.board;
    const returned = { deviceId, otherId: other, hardwareUid, jobId: job.id, attempt: 1 };
    const outcome = await tryReturned(world, intruder, returned);
    thief.take(returnedUnitStaysShut, outcome, broken);
    tried = outcome !== 'not tried';
  };
  return { thief, over, whileReturned };
}

function sightsOf({ world, network, floor, finished, strangeId }: Scene): Sights {
  const place = floor.newPlace(stolenStation, 1);
  let strange = 1_000;
  const overheard: Overheard[] = [];
  const waiting = new Set<(heard: Overheard) => void>();
  network.overhear = (message, text) => {
    // its own words would crowd out those of others
    if (message.stationId === stolenStation) return;
    for (const { message: alone, answer } of askedAlone({ message, answer: { status: 200, text } })) {
      if (answer.status !== 200) continue;
      const heard = { message: alone, text: answer.text };
      overheard.push(heard);
      if (overheard.length > rememberedMessages) overheard.shift();
      for (const hear of waiting) hear(heard);
    }
  };
  return {
    overheard,
    next: (route, from = () => true) =>
      new Promise((resolve) => {
        const stop = (heard: Overheard | undefined) => {
          waiting.delete(hear);
          resolve(heard);
        };
        const hear = (heard: Overheard) => {
          if (heard.message.route === route && from(heard.message.stationId)) stop(heard);
        };
        waiting.add(hear);
        world.after(patienceMs, () => stop(undefined));
      }),
    honestLabel: () => floor.label(0),
    strangeLabel: () => strangeId(strange++),
    askBoard: async (jobId, nonce) => {
      const unit = finished
        .map((label) => floor.bearer(label))
        .find((each) => each !== undefined && floor.placeOf(each) === undefined);
      if (unit === undefined) return undefined;
      await floor.lay(place, unit);
      try {
        return await ask(world, place, jobId, nonce);
      } catch {
        // the board has faults of its own
        return undefined;
      } finally {
        floor.lift(place);
      }
    },
  };
}

async function ask(world: World, { fixture }: Place, job: string, nonce: string) {
  const life = new Life(world);
  const session = new DutSession(new SimulatedLink(world, life, 1, fixture, () => undefined), life.timers);
  try {
    await session.start();
    const { signature_b64 } = await session.call('prove', { job, attempt: 1, nonce });
    const signsAnything = await session.call('sign_challenge', { challenge_b64: 'AAAA' }).then(
      () => true,
      () => false,
    );
    return { signature: signature_b64, signsAnything };
  } finally {
    await session.close();
  }
}

/** A person notices at last; asked again where the authority was away. */
async function revoke({ world, authority }: Scene): Promise<void> {
  for (;;) {
    const process = authority.process;
    if (process !== undefined) {
      try {
        // a process that dies meanwhile never answers
        await Promise.race([
          process.ledger.submit(async () => ({
            entries: [
              {
                type: 'station.revoked' as const,
                actor: minder,
                data: { station_id: stolenStation, reason: 'it was stolen' },
              },
            ],
            reply: () => undefined,
          })),
          world.delay(10_000).then(() => Promise.reject(new Error('no answer'))),
        ]);
        return;
      } catch {
        // once more
      }
    }
    await world.delay(5_000);
  }
}
