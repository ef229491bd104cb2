/** The lifecycle table over all pairs of states and all kinds of actors, against a picture drawn by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isImprintError } from './errors.ts';
import {
  type ActorKind,
  actorKind,
  checkTransition,
  type LifecycleState,
  lifecycleState,
  transitions,
  transitionsFrom,
} from './lifecycle.ts';

/**
 * Row: from. Column: to. A: authority, S: station, P: person, D: device. Small letter: a reason is needed.
 * Written apart from the table, so that a change of the one without the other shows.
 */
const picture = `
             allocated manufactured stocked shipped activated retired quarantined returned refurbished scrapped lost
allocated    .         AS           .       .       .         .       asp         .        .           p        .
manufactured .         .            SP      .       .         .       asp         .        .           p        p
stocked      .         .            .       P       .         .       ap          .        .           p        p
shipped      .         .            .       .       D         .       ap          p        .           .        p
activated    .         .            .       .       .         p       ap          p        .           .        p
retired      .         .            .       .       .         .       .           .        .           p        .
quarantined  p         p            p       p       p         p       .           p        p           p        p
returned     .         .            .       .       .         p       ap          .        sp          p        p
refurbished  .         AS           .       .       .         .       asp         .        .           p        .
scrapped     .         .            .       .       .         .       .           .        .           .        .
lost         .         .            .       .       .         .       p           .        .           .        .
`;

const lines = picture
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const columns = lines[0] as LifecycleState[];
const letters: Record<string, ActorKind> = { a: 'authority', s: 'station', p: 'person', d: 'device' };

test('every pair of states for every actor is as the picture has it', () => {
  assert.deepEqual([...columns].sort(), [...lifecycleState.options].sort());
  assert.equal(lines.length - 1, columns.length);
  for (const [from, ...cells] of lines.slice(1) as [LifecycleState, ...string[]][]) {
    for (const [index, cell] of cells.entries()) {
      const to = columns[index]!;
      for (const actor of actorKind.options) {
        const isAllowed =
          cell !== '.' && Array.from(cell.toLowerCase(), (letter) => letters[letter]).includes(actor);
        if (isAllowed) {
          const transition = checkTransition(from, to, actor);
          assert.equal(transition.reasonRequired, cell === cell.toLowerCase(), `${from} ${to}`);
        } else {
          assert.throws(
            () => checkTransition(from, to, actor),
            (error) => isImprintError(error, 'transition_refused') && error.hint !== undefined,
            `${actor} ${from} ${to}`,
          );
        }
        assert.equal(
          transitionsFrom(from, actor).some((row) => row.to === to),
          isAllowed,
        );
      }
    }
  }
});

test('no pair stands twice in the table, and none leads from a state to itself', () => {
  const pairs = transitions.map((row) => `${row.from} ${row.to}`);
  assert.equal(new Set(pairs).size, pairs.length);
  assert.ok(transitions.every((row) => row.from !== row.to));
});

test('I-21: no chain of transitions that stations alone can make reaches shipped or activated', () => {
  const reached = new Set<LifecycleState>(['allocated']);
  for (const from of reached) for (const row of transitionsFrom(from, 'station')) reached.add(row.to);
  assert.deepEqual([...reached].sort(), ['allocated', 'manufactured', 'quarantined', 'stocked']);
});

test('I-14: only the device itself activates, and only after people shipped it', () => {
  const into = transitions.filter((row) => row.to === 'activated' && !row.onlyBack);
  assert.deepEqual(
    into.map((row) => [row.from, row.actors]),
    [['shipped', ['device']]],
  );
});

test('what left our custody is stocked or shipped again only through new credentials', () => {
  const reached = new Set<LifecycleState>(['returned']);
  // `returned -> quarantined -> stocked` is no way back: a release leads to the state that was left.
  const steps = transitions.filter((row) => !row.onlyBack && row.from !== 'refurbished');
  for (const from of reached) for (const row of steps) if (row.from === from) reached.add(row.to);
  for (const state of ['manufactured', 'stocked', 'shipped', 'activated'] as const)
    assert.ok(!reached.has(state), state);
});

test('I-18: shipping in bulk and releasing after a security code need a second person', () => {
  assert.equal(checkTransition('stocked', 'shipped', 'person').approval, 'in-bulk');
  for (const to of [
    'allocated',
    'manufactured',
    'stocked',
    'shipped',
    'activated',
    'returned',
    'refurbished',
  ] as const) {
    assert.equal(checkTransition('quarantined', to, 'person').approval, 'security-code');
  }
});

test('a refusal says where the device can go instead', () => {
  assert.throws(
    () => checkTransition('stocked', 'activated', 'person'),
    (error) =>
      isImprintError(error, 'transition_refused') &&
      /From here it can become: shipped, quarantined, scrapped, lost/.test(error.hint ?? ''),
  );
});
