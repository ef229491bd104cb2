/**
 * The lifecycle of a device record: its states and the one table of transitions, with who may cause each. Whatever the
 * table does not name is refused, whoever asks.
 */

import { z } from 'zod';
import { ImprintError } from './errors.ts';

export const lifecycleState = z.enum([
  'allocated',
  'manufactured',
  'stocked',
  'shipped',
  'activated',
  'retired',
  'quarantined',
  'returned',
  'refurbished',
  'scrapped',
  'lost',
]);
export type LifecycleState = z.infer<typeof lifecycleState>;

/**
 * Who causes a transition: the authority itself, an enrolled station, a signed-in person (or the program that holds a
 * person's token), or the device by its own authenticated contact.
 */
export const actorKind = z.enum(['authority', 'station', 'person', 'device']);
export type ActorKind = z.infer<typeof actorKind>;

/** When a second person is needed (I-18): never, for more than one device at once, or where a security code set it aside. */
export type ApprovalNeed = 'none' | 'in-bulk' | 'security-code';

export interface Transition {
  from: LifecycleState;
  to: LifecycleState;
  actors: readonly ActorKind[];
  /** True where the actor gives a reason of their own; where false the entry's fixed text is enough. */
  reasonRequired: boolean;
  approval: ApprovalNeed;
  /** True where the device returns to what it was: the caller checks that `to` is the state that it left. */
  onlyBack: boolean;
}

/**
 * The transition that the table has from one state to another for this kind of actor.
 *
 * @throws ImprintError `transition_refused` (context `from`, `to`, `allowed`: where the device can go from here).
 */
export function checkTransition(from: LifecycleState, to: LifecycleState, actor: ActorKind): Transition {
  const transition = transitions.find((row) => row.from === from && row.to === to);
  const allowed = transitionsFrom(from, actor).map((row) => row.to);
  if (transition === undefined) {
    throw new ImprintError('transition_refused', `a device that is ${from} cannot become ${to}`, {
      hint:
        allowed.length === 0
          ? `${from} is final for a ${actor}.`
          : `From here it can become: ${allowed.join(', ')}.`,
      context: { from, to, allowed },
    });
  }
  if (!transition.actors.includes(actor)) {
    throw new ImprintError('transition_refused', `a ${actor} cannot take a device from ${from} to ${to}`, {
      hint: `This is for: ${transition.actors.join(', ')}.`,
      context: { from, to, allowed },
    });
  }
  return transition;
}

/** All that this kind of actor can do with a device in this state. */
export function transitionsFrom(from: LifecycleState, actor: ActorKind): Transition[] {
  return transitions.filter((row) => row.from === from && row.actors.includes(actor));
}

type Options = Partial<Pick<Transition, 'approval' | 'onlyBack'>> & { reason?: boolean };

function row(
  from: LifecycleState,
  to: LifecycleState,
  actors: ActorKind[],
  options: Options = {},
): Transition {
  const { reason = false, approval = 'none', onlyBack = false } = options;
  return { from, to, actors, reasonRequired: reason, approval, onlyBack };
}

const withReason: Options = { reason: true };
const release: Options = { reason: true, approval: 'security-code', onlyBack: true };

/** The table. A station alone takes no device past the line: what it makes stays inert until people ship it (I-21). */
export const transitions: readonly Transition[] = [
  // the way of a good unit
  row('allocated', 'manufactured', ['authority', 'station']),
  row('manufactured', 'stocked', ['station', 'person']),
  row('stocked', 'shipped', ['person'], { approval: 'in-bulk' }),
  row('shipped', 'activated', ['device']),
  row('activated', 'retired', ['person'], withReason),

  // back from the field: custody was lost, so new credentials come before anything else
  row('shipped', 'returned', ['person'], withReason),
  row('activated', 'returned', ['person'], withReason),
  // a station where the product's contract says so: `rework.accepted_by`
  row('returned', 'refurbished', ['station', 'person'], withReason),
  row('refurbished', 'manufactured', ['authority', 'station']),
  row('returned', 'retired', ['person'], withReason),

  // set aside, on the line by whoever sees it, later by people and by the authority's own watch
  row('allocated', 'quarantined', ['authority', 'station', 'person'], withReason),
  row('manufactured', 'quarantined', ['authority', 'station', 'person'], withReason),
  row('refurbished', 'quarantined', ['authority', 'station', 'person'], withReason),
  row('stocked', 'quarantined', ['authority', 'person'], withReason),
  row('shipped', 'quarantined', ['authority', 'person'], withReason),
  row('activated', 'quarantined', ['authority', 'person'], withReason),
  row('returned', 'quarantined', ['authority', 'person'], withReason),
  row('lost', 'quarantined', ['person'], withReason),

  // released by people, to where it was
  row('quarantined', 'allocated', ['person'], release),
  row('quarantined', 'manufactured', ['person'], release),
  row('quarantined', 'refurbished', ['person'], release),
  row('quarantined', 'stocked', ['person'], release),
  row('quarantined', 'shipped', ['person'], release),
  row('quarantined', 'activated', ['person'], release),
  row('quarantined', 'returned', ['person'], { reason: true, approval: 'security-code' }),
  row('quarantined', 'retired', ['person'], withReason),

  // the end of the thing itself
  row('allocated', 'scrapped', ['person'], withReason),
  row('manufactured', 'scrapped', ['person'], withReason),
  row('stocked', 'scrapped', ['person'], withReason),
  row('quarantined', 'scrapped', ['person'], withReason),
  row('returned', 'scrapped', ['person'], withReason),
  row('refurbished', 'scrapped', ['person'], withReason),
  row('retired', 'scrapped', ['person'], withReason),
  row('manufactured', 'lost', ['person'], withReason),
  row('stocked', 'lost', ['person'], withReason),
  row('shipped', 'lost', ['person'], withReason),
  row('activated', 'lost', ['person'], withReason),
  row('quarantined', 'lost', ['person'], withReason),
  row('returned', 'lost', ['person'], withReason),
];
