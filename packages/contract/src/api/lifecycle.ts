/**
 * What a signed-in person, or a program with a person's token, may ask of the lifecycle: one device, or a list of them. Who
 * asks is never in a body; which transitions there are says `lifecycle.ts` alone.
 */
import { z } from 'zod';
import { deviceIdText } from '../audit/entry.ts';
import { lifecycleState } from '../lifecycle.ts';
import { limits } from '../limits.ts';
import type { Permission } from '../permission.ts';

const sentence = z.string().min(1).max(500);

/** Where people send devices; `released`: out of quarantine, to the state that it was set aside from. */
export const transitionTarget = z.enum([
  'stocked',
  'shipped',
  'returned',
  'refurbished',
  'retired',
  'quarantined',
  'scrapped',
  'lost',
  'released',
]);
export type TransitionTarget = z.infer<typeof transitionTarget>;

/** What each takes, as a command and over the API. */
export const transitionPermissions: Record<TransitionTarget, Permission> = {
  stocked: 'device.ship',
  shipped: 'device.ship',
  returned: 'device.service',
  refurbished: 'device.service',
  retired: 'device.service',
  quarantined: 'device.service',
  scrapped: 'device.service',
  lost: 'device.service',
  released: 'device.release',
};

/** Null where the person gives no reason of their own, and the table asks for none. */
const reason = z.nullable(sentence);

export const transitionRequest = z.strictObject({ device_id: deviceIdText, to: transitionTarget, reason });

/** `moved`: by this request; `before`: it was there already. */
export const transitionView = z.strictObject({
  device_id: deviceIdText,
  from: lifecycleState,
  to: lifecycleState,
  outcome: z.enum(['moved', 'before']),
});

/** A list may be sent again after any interruption: what was moved before is found so. */
export const transitionListRequest = z.strictObject({
  to: transitionTarget,
  reason,
  devices: z
    .array(z.strictObject({ device_id: deviceIdText, reason }))
    .min(1)
    .max(limits.transitionsPerRequest),
  /** How many people have counted; for `shipped` a list is refused without it. */
  count: z.nullable(z.int().min(1).max(limits.transitionsPerList)),
  /** Says what would come of each, and changes nothing. */
  dry_run: z.boolean(),
});

/** What came of one device of a list; a refusal changes nothing for the others. */
export const transitionOutcome = z.strictObject({
  device_id: deviceIdText,
  outcome: z.enum(['moved', 'before', 'refused']),
  from: z.nullable(lifecycleState),
  to: z.nullable(lifecycleState),
  code: z.nullable(z.string()),
  message: z.nullable(z.string()),
  hint: z.nullable(z.string()),
});
export type TransitionOutcome = z.infer<typeof transitionOutcome>;

export const transitionListView = z.strictObject({
  dry_run: z.boolean(),
  moved: z.int().min(0),
  before: z.int().min(0),
  refused: z.int().min(0),
  outcomes: z.array(transitionOutcome),
});
