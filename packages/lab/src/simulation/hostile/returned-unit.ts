/**
 * What a thief tries who has got into a station of the order, with a unit that came back and that nobody has accepted: every door by which its ID, its
 * board or its old job could come to a certificate. None opens (I-7, I-14).
 */
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import type { World } from '../world.ts';
import { type Outcome, refused, together } from './act.ts';
import type { ForgedUnit, StolenStation } from './stolen-station.ts';

export const returnedUnitStaysShut = 'mints with a unit that came back, at a station of its order';

export interface ReturnedUnit {
  deviceId: string;
  /** Another ID of the order. */
  otherId: string;
  hardwareUid: HardwareUid;
  /** The job that is done, and its last attempt. */
  jobId: string;
  attempt: number;
}

const trials = 6;
const setbackMs = 15_000;

/** Tries all doors, once more where faults stood before one. */
export async function tryReturned(
  world: World,
  thief: StolenStation,
  returned: ReturnedUnit,
): Promise<Outcome> {
  for (let trial = 0; trial < trials; trial++) {
    if (trial > 0) await world.delay(setbackMs);
    if (!(await thief.signIn())) continue;
    const outcome = await everyDoor(thief, returned);
    if (outcome !== 'not tried') return outcome;
  }
  return 'not tried';
}

async function everyDoor(thief: StolenStation, returned: ReturnedUnit): Promise<Outcome> {
  const { deviceId, otherId, hardwareUid, jobId: job_id, attempt } = returned;
  const board: ForgedUnit = thief.newUnit();
  const another = thief.newUnit();
  Object.assign(board, { hardwareUid });
  const at = { job_id };
  const numbered = () => ({ request_id: thief.requestId(), attempt });
  const outcomes: Outcome[] = [];
  const shut = (said: Parameters<typeof refused>[0]) => outcomes.push(refused(said, ...refusals));
  // its job once more, its ID on another board, its board under another ID
  shut(await thief.open(board, deviceId));
  shut(await thief.open(another, deviceId));
  shut(await thief.open(board, otherId));
  // its old job, as if that were not over
  const csr_b64 = await board.csr();
  shut(await thief.say('issueCredential', at, { ...numbered(), csr_b64 }));
  const shift_id = thief.shiftId;
  const passed = { device_id: deviceId, operation: 'provision', outcome: 'pass', shift_id, note: null };
  shut(await thief.say('reportOperation', {}, { request_id: thief.requestId(), ...passed }));
  shut(
    await thief.say('reportOperation', {}, { request_id: thief.requestId(), ...passed, operation: 'pack' }),
  );
  return together(...outcomes);
}

/** By whichever of them: that it is refused is the promise, and what the log then holds is the model's to judge. */
const refusals = [
  'device_returned',
  'unit_conflict',
  'job_state_wrong',
  'job_not_open',
  'evidence_wrong',
  'wrong_label',
  'bad_request',
  'transition_refused',
  'not_authorized',
  'device_quarantined',
] as const;
