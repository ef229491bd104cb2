/** What a thief tries with more than it may have: lanes, shares, orders of next week, IDs twice, and units of its own packed by itself. */
import { type Act, refused } from './act.ts';
import { certify, type Job, leave, openJob, toSealed, withMint } from './own-jobs.ts';
import { stolenLanes } from './stolen-station.ts';

export const actsPastItsShare: Record<string, Act> = {
  'opens more jobs than it has lanes': async (thief) => {
    const open: Job[] = [];
    for (let lane = 1; lane <= stolenLanes; lane++) {
      const job = await openJob(thief, thief.newUnit());
      if (job !== undefined) open.push(job);
    }
    const label = thief.labels[0];
    const said = label === undefined ? undefined : await thief.open(thief.newUnit(), label);
    for (const job of open) await leave(thief, job);
    return open.length < stolenLanes ? 'not tried' : refused(said, 'lane_limit_reached');
  },
  'mints more than its share of an order': async (thief) => {
    const { share, labels } = thief.shared;
    let minted = 0;
    for (const label of labels.slice(0, share)) {
      const unit = thief.sharedUnits[minted]!;
      const opened = await thief.open(unit, label);
      if (opened === undefined || 'code' in opened) break;
      const issued = await certify(thief, opened.answer, unit);
      await leave(thief, opened.answer);
      if (issued === undefined || 'code' in issued) break;
      minted++;
    }
    if (minted < share) return 'not tried';
    return refused(await thief.open(thief.newUnit(), labels[share]!), 'quota_exhausted');
  },
  'mints for an order that is not open yet': async (thief) =>
    refused(await thief.open(thief.newUnit(), thief.laterLabel), 'order_closed'),
  'gives an ID to a second unit': (thief) =>
    withMint(thief, async ({ job }) =>
      refused(await thief.open(thief.newUnit(), job.device_id), 'unit_conflict'),
    ),
  'packs what it made itself': (thief) =>
    withMint(thief, async (minted) => {
      const { job, unit } = minted;
      const sealed = await toSealed(thief, minted);
      if (sealed === undefined) return 'not tried';
      const done = await thief.say('completeJob', ...sealed.completion());
      if (done === undefined || 'code' in done) return 'not tried';
      return refused(
        await thief.say(
          'openCheck',
          {},
          {
            request_id: thief.requestId(),
            purpose: 'pack',
            device_id: job.device_id,
            hardware_uid: unit.hardwareUid,
            where: { lane: 1, carrier: null, position: null },
            shift_id: thief.shiftId,
          },
        ),
        'not_authorized',
      );
    }),
};
